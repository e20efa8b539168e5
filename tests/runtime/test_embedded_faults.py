"""The embedded server when something went wrong before: taken over, replaced, or explained."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime import processes
from runtime.connection import connect, embedded_server
from runtime.embedded import EmbeddedServer
from runtime.server_process import EmbeddedServerError
from runtime.server_record import database, read_record, running_server
from runtime.settings import Settings
from tests.runtime.conftest import StartProgram, wait_until


class Impatient(EmbeddedServer):
    """Gives a server up sooner than a real process does."""

    answer_seconds = 1.0
    stop_seconds = 0.5


def record_file(settings: Settings) -> Path:
    return settings.home / "temporal.json"


def edit_record(settings: Settings, **fields: object) -> None:
    record = json.loads(record_file(settings).read_text())
    record_file(settings).write_text(json.dumps({**record, **fields}))


def taken(port: int) -> socket.socket:
    """A listener on the port, as soon as it is free."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


async def test_takes_over_a_server_when_its_starter_was_killed(
    settings: Settings, start_program: StartProgram
) -> None:
    starter = start_program("use_server")
    pid = starter.report()["pid"]
    starter.signal(signal.SIGKILL)
    starter.wait()
    assert embedded_server(settings) is not None
    async with EmbeddedServer.running(settings) as server:
        await connect(server)
        record = running_server(settings.home)
        assert record is not None
        assert record.pid == pid
    assert not processes.exists(pid)


@pytest.mark.parametrize("content", [None, "{", '{"pid": "x"}'])
async def test_takes_over_a_server_when_its_record_is_lost(
    settings: Settings, start_program: StartProgram, content: str | None
) -> None:
    starter = start_program("use_server")
    started = starter.report()
    starter.signal(signal.SIGKILL)
    starter.wait()
    if content is None:
        record_file(settings).unlink()
    else:
        record_file(settings).write_text(content)
    found = embedded_server(settings)
    assert found is not None
    assert found.address == started["address"]
    async with EmbeddedServer.running(settings) as server:
        assert server.address == started["address"]
        restored = read_record(settings.home)
        assert restored is not None
        assert restored.pid == started["pid"]
    assert not processes.exists(started["pid"])


async def test_leaves_another_process_alone_when_the_pid_was_reused(
    settings: Settings, start_program: StartProgram
) -> None:
    starter = start_program("use_server")
    pid = starter.report()["pid"]
    starter.signal(signal.SIGKILL)
    starter.wait()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes.exists(pid))
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        other = processes.look_up(bystander.pid)
        assert other is not None
        edit_record(settings, pid=other.pid, started=other.started)
        assert embedded_server(settings) is None
        async with EmbeddedServer.running(settings) as server:
            await connect(server)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.communicate()


async def test_starts_again_on_the_same_ports_when_the_server_is_killed(
    settings: Settings, start_program: StartProgram
) -> None:
    user = start_program("use_server")
    user.report()
    async with EmbeddedServer.running(settings) as server:
        client = await connect(server)
        before = running_server(settings.home)
        assert before is not None
        os.kill(before.pid, signal.SIGKILL)
        async with asyncio.timeout(15):
            while (after := running_server(settings.home)) in (None, before):
                await asyncio.sleep(0.05)
        assert after is not None
        assert (after.address, after.ui_address) == (before.address, before.ui_address)
        # The client from before goes on working.
        await client.start_workflow("Anything", id="after", task_queue="nobody")
    user.signal(signal.SIGTERM)
    assert user.wait()[0] == 0
    assert running_server(settings.home) is None


async def test_replaces_a_server_that_does_not_answer(
    settings: Settings, start_program: StartProgram
) -> None:
    starter = start_program("use_server")
    pid = starter.report()["pid"]
    starter.signal(signal.SIGKILL)
    starter.wait()
    os.kill(pid, signal.SIGSTOP)
    async with Impatient.running(settings) as server:
        await connect(server)
        record = running_server(settings.home)
        assert record is not None
        assert record.pid != pid
    assert not processes.exists(pid)


async def test_starts_anew_when_the_first_server_was_killed_making_its_tables(
    settings: Settings,
) -> None:
    settings.prepare_home()
    with sqlite3.connect(database(settings.home)) as connection:
        connection.execute("CREATE TABLE executions (id INTEGER)")
    connection.close()
    async with EmbeddedServer.running(settings) as server:
        await connect(server)


async def test_says_why_when_the_server_cannot_start(settings: Settings) -> None:
    settings.prepare_home()
    with sqlite3.connect(database(settings.home)) as connection:
        connection.execute("CREATE TABLE namespaces (id INTEGER)")
        connection.execute("INSERT INTO namespaces VALUES (1)")
    connection.close()
    with pytest.raises(EmbeddedServerError, match=r"its log says: .*SQL") as raised:
        async with EmbeddedServer.running(settings):
            pytest.fail("there is no server")
    assert "\n" not in str(raised.value)
    assert running_server(settings.home) is None
    assert database(settings.home).exists()


async def test_keeps_a_database_that_is_none(settings: Settings) -> None:
    settings.prepare_home()
    database(settings.home).write_text("precious, and not a database\n" * 100)
    with pytest.raises(EmbeddedServerError, match="cannot be read"):
        async with EmbeddedServer.running(settings):
            pytest.fail("there is no server")
    assert database(settings.home).read_text().startswith("precious")


async def test_says_why_when_the_folder_cannot_be_used(settings: Settings) -> None:
    settings.prepare_home()
    (settings.home / "temporal.users").mkdir()
    with pytest.raises(EmbeddedServerError, match=r"data folder.*temporal\.users"):
        async with EmbeddedServer.running(settings):
            pytest.fail("there is no server")


async def test_takes_other_ports_when_the_former_ones_are_taken(
    settings: Settings, start_program: StartProgram
) -> None:
    starter = start_program("use_server")
    started = starter.report()
    starter.signal(signal.SIGKILL)
    starter.wait()
    os.kill(started["pid"], signal.SIGKILL)
    wait_until(lambda: not processes.exists(started["pid"]))
    port = int(started["address"].rpartition(":")[2])
    with taken(port):
        async with EmbeddedServer.running(settings) as server:
            assert server.address != started["address"]
            await connect(server)
