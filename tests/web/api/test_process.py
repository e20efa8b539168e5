"""`python -m web` and the demonstration as processes: started, stopped, refused, and discreet."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runtime.embedded import EmbeddedServer
from runtime.settings import Settings
from tests.starter.programs import NOBODY, ROOT, SECONDS, environment
from tests.web.api.browsing import TOKENS, bearer

WEB = ("-m", "web")


@dataclass(frozen=True)
class Program:
    """A program that runs, and where it listens."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextmanager
def running(home: Path, *program: str, **variables: str) -> Iterator[Program]:
    """The program on a free port, killed at the end if the test has not stopped it."""
    log = home.parent / "web.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=ROOT,
            env=environment(home, ORDER_SAGA_WEB_PORT="0", ORDER_SAGA_LOG_LEVEL="DEBUG")
            | variables,
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + SECONDS
        while not (found := re.search(r'"address": "http://[^"]*:(\d+)/"', log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Program(process, log, f"http://127.0.0.1:{found[1]}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def refused(home: Path, **variables: str) -> tuple[int, str]:
    """Exit status and message of `python -m web` that does not start."""
    ended = subprocess.run(
        [sys.executable, *WEB],
        cwd=ROOT,
        env=environment(home, **variables),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    [line] = ended.stderr.decode().splitlines()
    return ended.returncode, line


def sample() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "examples" / "order.json").read_text())
    return document


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_web_lives_without_temporal_and_is_ready_when_it_comes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, *WEB) as web:
        assert httpx2.get(f"{web.address}/healthz").status_code == 200
        absent = httpx2.get(f"{web.address}/readyz")
        assert absent.status_code == 503
        assert int(absent.headers["retry-after"]) > 0
        for turned_away in (
            httpx2.get(f"{web.address}/api/orders"),
            httpx2.post(f"{web.address}/api/orders", json=sample()),
        ):
            assert turned_away.json()["code"] == "NOT_REACHABLE"
            assert str(home) not in turned_away.text
        reasons = [line["reason"] for line in web.lines() if "not be served" in line["message"]]
        assert [str(home) in reason for reason in reasons] == [True, True]
        async with EmbeddedServer.running(Settings.load(home=home, default_address=NOBODY)):
            until(lambda: httpx2.get(f"{web.address}/readyz").status_code == 200)
            assert httpx2.get(f"{web.address}/api/orders").json()["orders"] == []
        until(lambda: httpx2.get(f"{web.address}/readyz", timeout=30).status_code == 503)
        for path in ("/api/orders/ORD-1", "/api/interventions"):
            away = httpx2.get(f"{web.address}{path}", timeout=30)
            assert away.json()["detail"] == "Temporal or a store does not answer"
        with upgraded(web, {}) as (status, _connection):
            assert status == 101
            assert web.stop() == 0
        assert not [line for line in web.lines() if line["level"] in ("error", "critical")]


def test_tokens_and_what_people_write_are_in_no_log(
    tmp_path: Path, tokens_file: Callable[[Any], str]
) -> None:
    entries = [{"token": token, "role": name, "name": name} for name, token in TOKENS.items()]
    with running(tmp_path / "home", *WEB, ORDER_SAGA_API_TOKENS=tokens_file(entries)) as web:
        wrong = "wrong-token-0123456789abcdef"
        operator = TOKENS["operator"]
        with httpx2.Client(base_url=web.address) as browser:
            assert browser.get("/").headers["location"] == "/sign-in"
            assert browser.get("/orders/O-1").headers["location"] == "/sign-in?next=/orders/O-1"
            assert upgrade_status(web, {}) == 403
            assert browser.post("/sign-in", data={"token": wrong}).status_code == 401
            assert browser.post("/sign-in", data={"token": operator}).status_code == 303
            cookie = browser.cookies["order_saga_session"]
            assert browser.get("/").status_code == 200
            session = {"Cookie": f"order_saga_session={cookie}"}
            assert upgrade_status(web, session | {"Origin": "https://evil.example"}) == 403
            assert upgrade_status(web, session | {"Origin": web.address}) == 101
        for headers in ({}, bearer(wrong), bearer(operator)):
            httpx2.get(f"{web.address}/api/orders?token={operator}", headers=headers)
            body = {"shipping_address": "1 Secret Street", "notification_email": "a@b.example"}
            httpx2.post(f"{web.address}/api/orders", json=body, headers=headers)
        assert web.stop() == 0
        logged = web.log.read_text()
        assert '"route": "/api/orders"' in logged
        for secret in (*TOKENS.values(), wrong, cookie, "Secret Street", "a@b.example"):
            assert secret not in logged


def upgrade_status(web: Program, headers: dict[str, str]) -> int:
    with upgraded(web, headers) as (status, _connection):
        return status


@contextmanager
def upgraded(web: Program, headers: dict[str, str]) -> Iterator[tuple[int, socket.socket]]:
    """The status that the dashboard's WebSocket is answered with, and its connection."""
    host, _, port = web.address.removeprefix("http://").partition(":")
    lines = {
        "Host": f"{host}:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    } | headers
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\n{written}\r\n".encode())
        yield int(connection.recv(1024).split()[1]), connection


def test_settings_that_cannot_work_are_one_line(tmp_path: Path) -> None:
    for variables in (
        {"ORDER_SAGA_API_TOKENS": "[]"},
        {"ORDER_SAGA_WEB_HOSTS": "https://shop.example"},
        {"TEMPORAL_ADDRESS": "not an address"},
    ):
        code, line = refused(tmp_path / "home", **variables)
        assert (code, *variables) == (2, *variables)
        assert next(iter(variables)) in line or "Temporal's own settings" in line


def test_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = refused(tmp_path / "home", ORDER_SAGA_WEB_PORT=str(port))
    assert code == 3
    assert f"port {port}" in line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "shop.example"])
def test_without_tokens_only_loopback_is_listened_on(tmp_path: Path, host: str) -> None:
    code, line = refused(tmp_path / "home", ORDER_SAGA_WEB_HOST=host)
    assert code == 2
    assert "ORDER_SAGA_API_TOKENS" in line


def test_demonstration_fails_where_the_orders_id_says(tmp_path: Path) -> None:
    with running(tmp_path / "home", "worker.py", "--demonstration") as web:
        order_id = "DEMO-process_payment-1"
        httpx2.post(f"{web.address}/api/orders", json=sample() | {"order_id": order_id})
        path = f"{web.address}/api/orders/{order_id}"
        until(lambda: httpx2.get(path).json()["status"] == "COMPENSATED")
        assert httpx2.get(path).json()["error_code"] == "PAYMENT_PROCESSING_FAILED"
        assert httpx2.get(f"{web.address}/").status_code == 200
        assert web.stop() == 0
