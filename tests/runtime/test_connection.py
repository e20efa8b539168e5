"""Finding a server in the promised order, and clear words when there is none."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.service import GrpcCompression

from runtime.connection import NotReachable, connect, find_server
from runtime.embedded import EmbeddedServer
from runtime.program import ExitCode
from runtime.server import Found, Server
from runtime.settings import Settings, SettingsError
from tests.runtime.conftest import NOBODY, StartProgram


@asynccontextmanager
async def listener(answer: bytes | None) -> AsyncIterator[str]:
    """The address of something that is not a Temporal server: it says `answer`, or nothing."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def default_at(address: str, tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home", default_address=address)


async def test_finds_nothing_when_nothing_runs(settings: Settings) -> None:
    assert await find_server(settings) is None
    assert not settings.home.exists()


async def test_finds_the_default_address_when_a_temporal_server_answers_there(
    server: Server, tmp_path: Path
) -> None:
    found = await find_server(default_at(server.address, tmp_path))
    assert found is not None
    assert (found.address, found.found) == (server.address, Found.DEFAULT)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64, None])
async def test_passes_over_the_default_address_when_something_else_answers(
    answer: bytes | None, tmp_path: Path
) -> None:
    async with listener(answer) as address:
        started = time.monotonic()
        assert await find_server(default_at(address, tmp_path)) is None
        assert time.monotonic() - started < 5


async def test_finds_the_embedded_server_before_the_default_address_and_after_settings(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = default_at(server.address, tmp_path)
    async with EmbeddedServer.running(settings) as embedded:
        found = await find_server(settings)
        assert found == embedded
        assert found.found == Found.EMBEDDED
        assert found.web_ui is not None
        assert found.web_ui.startswith("http://127.0.0.1:")
        options = (await connect(found)).service_client.config
        assert options.grpc_compression is GrpcCompression.NONE
        monkeypatch.setenv("TEMPORAL_ADDRESS", NOBODY)
        configured = await find_server(settings)
        assert configured is not None
        assert (configured.address, configured.found) == (NOBODY, Found.CONFIGURED)


async def test_connects_to_a_configured_server(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    found = await find_server(settings)
    assert found is not None
    client = await connect(found)
    assert client.namespace == "default"
    assert client.service_client.config.grpc_compression is GrpcCompression.GZIP


async def test_reads_the_profile_of_a_configuration_file(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.shop]\naddress = "{server.address}"\nnamespace = "shop"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    monkeypatch.setenv("TEMPORAL_PROFILE", "shop")
    found = await find_server(settings)
    assert found is not None
    assert (found.address, found.namespace) == (server.address, "shop")
    with pytest.raises(NotReachable, match="namespace shop"):
        await connect(found)


@pytest.mark.parametrize(
    ("content", "profile"),
    [('[profile.default]\napi_key = "canary', "default"), ("[profile.default]\n", "absent")],
)
async def test_says_so_when_temporals_own_settings_cannot_be_read(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: str,
    profile: str,
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(content)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    monkeypatch.setenv("TEMPORAL_PROFILE", profile)
    with pytest.raises(SettingsError, match="Temporal's own settings cannot be read") as raised:
        await find_server(settings)
    assert "canary" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (NOBODY, "nothing listens there"),
        ("no-such-host.invalid:7233", "cannot be resolved"),
    ],
)
async def test_names_what_was_tried_when_nothing_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str, reason: str
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("TEMPORAL_API_KEY", "canary")
    monkeypatch.setenv("TEMPORAL_TLS", "false")
    found = await find_server(settings)
    assert found is not None
    assert "canary" not in repr(found)
    with pytest.raises(NotReachable, match=reason) as raised:
        await connect(found)
    message = str(raised.value)
    assert address in message
    assert "canary" not in message
    assert raised.value.exit_code == ExitCode.NOT_REACHABLE


@pytest.mark.parametrize("address", ["http://127.0.0.1:7233", "nonsense", "a b:1", "host:port"])
async def test_says_so_when_the_configured_address_is_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(SettingsError, match=f"is not host:port: {address}"):
        await find_server(settings)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", None])
async def test_gives_up_in_time_when_something_else_answers(answer: bytes | None) -> None:
    async with listener(answer) as address:
        started = time.monotonic()
        with pytest.raises(NotReachable, match=r"not a Temporal server|no answer in time"):
            await connect(Server(address=address, found=Found.CONFIGURED), patience=1)
        assert time.monotonic() - started < 2


async def test_tells_the_web_ui_of_a_local_development_server(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ui:
        port = ui.getsockname()[1]
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port - 1000}")
        found = await find_server(settings)
        assert found is not None
        assert found.web_ui == f"http://127.0.0.1:{port}"
        assert found.workflow_page("order-a/b") == (
            f"http://127.0.0.1:{port}/namespaces/default/workflows/order-a%2Fb"
        )
    monkeypatch.setenv("ORDER_SAGA_WEB_UI_URL", "https://temporal.example")
    found = await find_server(Settings.load(home=settings.home))
    assert found is not None
    assert found.web_ui == "https://temporal.example"


def test_the_sdk_writes_nothing_on_stdout_when_it_loses_its_server(
    start_program: StartProgram,
) -> None:
    starter = start_program("use_server")
    started = starter.report()
    program = start_program("loses_server", started["address"])
    program.report()
    starter.signal(signal.SIGKILL)
    starter.wait()
    os.kill(started["pid"], signal.SIGKILL)
    warning = program.error_line()
    program.signal(signal.SIGTERM)
    code, out, _ = program.wait()
    assert (code, out) == (128 + signal.SIGTERM, "")
    assert '"logger": "temporalio.core"' in warning
    assert warning.strip().isprintable()
