"""The embedded server: one per data folder, shared, stopped by the last."""

import asyncio
import json
import os
import signal
import stat

import psutil
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from runtime.connection import connect, embedded_server, probe
from runtime.embedded import EmbeddedServer
from runtime.server import Found
from runtime.server_record import running_server
from runtime.settings import Settings
from tests.runtime.conftest import StartProgram, wait_until


async def test_serves_while_the_block_runs_and_no_longer(settings: Settings) -> None:
    assert embedded_server(settings) is None
    async with EmbeddedServer.running(settings) as server:
        client = await connect(server)
        answer = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="default")
        )
        assert server.found == Found.EMBEDDED
        assert embedded_server(settings) == server
        assert answer.config.workflow_execution_retention_ttl.ToTimedelta().days == 30
    assert embedded_server(settings) is None
    assert running_server(settings.home) is None
    assert await probe(server) is None


@pytest.mark.usefixtures("server")
def test_files_are_for_their_owner_alone(shared_settings: Settings) -> None:
    home = shared_settings.home
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert {"temporal.db", "temporal.json", "temporal.log"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.usefixtures("server")
def test_listens_on_loopback_only(shared_settings: Settings) -> None:
    record = running_server(shared_settings.home)
    assert record is not None
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(record.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 2
    assert set(listening) == {"127.0.0.1"}


async def test_state_survives_a_restart(settings: Settings) -> None:
    async with EmbeddedServer.running(settings) as server:
        client = await connect(server)
        await client.start_workflow("Anything", id="kept", task_queue="nobody")
    async with EmbeddedServer.running(settings) as server:
        client = await connect(server)
        description = await client.get_workflow_handle("kept").describe()
        assert description.workflow_type == "Anything"


def test_starts_one_server_when_several_processes_start_at_once(
    settings: Settings, start_program: StartProgram
) -> None:
    programs = [start_program("use_server") for _ in range(4)]
    reports = [program.report() for program in programs]
    assert len({report["pid"] for report in reports}) == 1
    for program in programs:
        program.signal(signal.SIGTERM)
    assert [program.wait()[0] for program in programs] == [0, 0, 0, 0]
    assert running_server(settings.home) is None


async def test_server_stays_when_the_starter_leaves_before_another(
    settings: Settings, start_program: StartProgram
) -> None:
    starter = start_program("use_server")
    pid = starter.report()["pid"]
    async with EmbeddedServer.running(settings) as server:
        starter.signal(signal.SIGTERM)
        assert starter.wait()[0] == 0
        await connect(server)
        record = running_server(settings.home)
        assert record is not None
        assert record.pid == pid
    assert running_server(settings.home) is None


def test_ctrl_c_does_not_reach_the_server_before_the_drain(
    settings: Settings, start_program: StartProgram
) -> None:
    program = start_program("use_server")
    server = program.report()["pid"]
    assert os.getsid(server) == server
    assert os.getpgid(server) != os.getpgid(program.pid)
    program.signal_group(signal.SIGINT)
    code, out, err = program.wait()
    assert json.loads(out) == {"drained": True}
    assert code == 0
    assert "Traceback" not in err
    assert running_server(settings.home) is None


def test_a_second_ctrl_c_leaves_no_server_behind(
    settings: Settings, start_program: StartProgram
) -> None:
    program = start_program("use_server", "hang")
    program.report()
    program.signal_group(signal.SIGINT)
    assert program.report() == {"drained": True}
    program.signal_group(signal.SIGINT)
    assert program.wait()[0] == 130
    wait_until(lambda: running_server(settings.home) is None)


async def test_stops_the_server_when_its_start_is_cancelled(settings: Settings) -> None:
    async def use() -> None:
        async with EmbeddedServer.running(settings):
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    async with asyncio.timeout(15):
        while running_server(settings.home) is None:
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running_server(settings.home) is None
