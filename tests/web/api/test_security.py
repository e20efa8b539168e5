"""What every request passes: hosts, origins, sizes, headers, and what is logged."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from runtime.settings import Settings
from tests.web.api.browsing import TOKENS, WHO, Api, bearer, problem
from web.access import Access
from web.requests_log import HEADER
from web.security import (
    LARGEST_BODY,
    SECURITY_HEADERS,
    KnownHosts,
    OwnOrigin,
    SignedIn,
    served_hosts,
)

EVIL = "https://evil.example"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "http://[",
        "http://localhost:9999",
        "http://localhost",
        "file://localhost:8080",
    ],
)
async def test_other_sites_pages_are_refused(api: Api, method: str, origin: str) -> None:
    response = await api.client.request(method, "/api/orders", json={}, headers={"Origin": origin})
    problem(response, 403, "FOREIGN_ORIGIN")


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://localhost:8080"}])
async def test_own_pages_and_programs_are_served(api: Api, headers: dict[str, str]) -> None:
    problem(await api.post("/api/orders", {}, headers=headers), 422, "INVALID")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io"])
async def test_foreign_host_names_are_refused(api: Api, host: str) -> None:
    problem(await api.get("/api/orders", headers={"Host": host}), 421, "UNKNOWN_HOST")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"])
async def test_this_machines_names_are_served(api: Api, host: str) -> None:
    assert (await api.get("/api/metrics", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_may_come_by_any_name(api: Api, path: str) -> None:
    for method in ("GET", "HEAD"):
        response = await api.client.request(method, path, headers={"Host": "10.1.2.3:8080"})
        assert response.status_code == 200


def test_names_of_the_settings_are_served() -> None:
    settings = Settings.load(web_host="0.0.0.0", web_hosts="shop.example, Other.example")
    assert {"shop.example", "other.example", "localhost"} <= served_hosts(settings)
    assert "0.0.0.0" not in served_hosts(settings)
    for address in ("2001:db8::7", "[2001:db8::7]"):
        assert "[2001:db8::7]" in served_hosts(Settings.load(web_host=address))
    assert "192.0.2.7" in served_hosts(Settings.load(web_host="192.0.2.7"))


async def _accepting(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, True),
        ({"host": "localhost:8080"}, True),
        ({"host": "localhost:8080", "origin": EVIL}, False),
        ({"host": "evil.example", "origin": EVIL}, False),
        ({"host": "localhost:8080", "origin": "null"}, False),
    ],
)
async def test_websockets_of_other_sites_are_refused(
    headers: dict[str, str], accepted: bool
) -> None:
    app = KnownHosts(OwnOrigin(_accepting), served_hosts(Settings.load()))
    assert await _opens(app, headers) is accepted


async def test_websocket_needs_a_session_where_there_are_tokens() -> None:
    entries = [{"token": TOKENS["viewer"], "role": "viewer", "name": "viewer"}]
    access = Access.of(Settings.load(api_tokens=json.dumps(entries)))
    app = SignedIn(_accepting, access)
    assert not await _opens(app, {"host": "localhost:8080"})
    assert await _opens(app, {"cookie": f"order_saga_session={access.sign_in(TOKENS['viewer'])}"})


async def _opens(app: Any, headers: dict[str, str]) -> bool:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "websocket", "path": "/_nicegui_ws/", "headers": raw}, receive, send)
    return [message["type"] for message in sent] == ["websocket.accept"]


@pytest.mark.parametrize("path", ["/healthz", "/api/orders", "/api/nothing", "/sign-in"])
async def test_every_answer_has_the_security_headers(locked: Api, path: str) -> None:
    response = await locked.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers[name] == value
    assert response.headers["cache-control"] == "no-store"
    assert "server" not in response.headers


async def test_policy_names_no_other_host_and_forbids_frames() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "*" not in policy


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b"x" * 1024


@pytest.mark.parametrize("body", [b"x" * (LARGEST_BODY + 1), _pieces(LARGEST_BODY + 1024)])
async def test_larger_body_is_refused(api: Api, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    problem(await api.post("/api/orders", content=body, headers=headers), 413, "BODY_TOO_LARGE")


async def test_largest_body_is_read(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    body = b" " * (LARGEST_BODY - 2) + b"{}"
    problem(await api.post("/api/orders", content=body, headers=headers), 422, "INVALID")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/orders", "GET, POST"),
        ("PUT", "/api/orders/ORD-1", "GET"),
        ("POST", "/healthz", "GET, HEAD"),
        ("GET", "/sign-out", "POST"),
    ],
)
async def test_other_methods_are_refused_with_those_that_are_possible(
    api: Api, method: str, path: str, allowed: str
) -> None:
    response = await api.client.request(method, path)
    problem(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allowed


async def test_unknown_address_is_a_problem(api: Api) -> None:
    problem(await api.get("/api/nothing"), 404, "NOT_FOUND")


async def test_request_is_logged_by_route_without_anything_personal(
    locked: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = await locked.post(
        "/api/orders/ORD-SECRET/cancel?token=in-a-url",
        WHO | {"reason": "secret reason"},
        headers=bearer(TOKENS["customer-service"]) | {HEADER: "from-the-proxy"},
    )
    assert response.headers[HEADER] == "from-the-proxy"
    [line] = [record for record in caplog.records if record.name == "web.requests"]
    assert vars(line)["route"] == "/api/orders/{order_id}/cancel"
    assert (vars(line)["method"], vars(line)["status"]) == ("POST", 403)
    assert vars(line)["duration"] >= 0
    logged = "\n".join(str(vars(record)) for record in caplog.records if record.name[:3] == "web")
    for secret in ("ORD-SECRET", "in-a-url", "secret reason", TOKENS["customer-service"], "kim"):
        assert secret not in logged


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb"])
async def test_unfit_request_id_is_replaced(api: Api, given: str) -> None:
    headers = [(HEADER.encode(), given.encode())]
    made = (await api.client.get("/healthz", headers=headers)).headers[HEADER]
    assert made != given
    assert len(made) == 16
