"""Who may do what: every route by every kind of token, sessions, and the tokens' setting."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from starlette.requests import HTTPConnection

from runtime.settings import Settings, SettingsError
from tests.house import House
from tests.web.api.browsing import TOKENS, WHO, Api, bearer, problem
from web.access import Access, Role
from web.sessions import COOKIE

REASON = {"reason": "the customer asked for it"}


class Route(NamedTuple):
    """A route, and who may use it."""

    method: str
    path: str
    body: dict[str, Any] | None
    needs: Role | None
    allowed: set[int]
    """What somebody gets who may."""


ORDER = "/api/orders/NOBODYS"
ROUTES = [
    Route("GET", "/healthz", None, None, {200}),
    Route("GET", "/readyz", None, None, {200}),
    Route("GET", "/openapi.json", None, None, {200}),
    Route("GET", "/metrics", None, Role.VIEWER, {200}),
    Route("GET", "/api/orders", None, Role.VIEWER, {200}),
    Route("GET", ORDER, None, Role.VIEWER, {404}),
    Route("GET", "/api/interventions", None, Role.VIEWER, {200}),
    Route("GET", "/api/dead-letters", None, Role.VIEWER, {200}),
    Route("GET", "/api/metrics?range=1h", None, Role.VIEWER, {200}),
    Route("POST", "/api/orders", {}, Role.CUSTOMER_SERVICE, {422}),
    Route("POST", f"{ORDER}/cancel", REASON, Role.CUSTOMER_SERVICE, {404}),
    Route("POST", f"{ORDER}/hold", REASON, Role.OPERATOR, {404}),
    Route("POST", f"{ORDER}/resume", REASON, Role.OPERATOR, {404}),
    *(
        Route(
            "POST",
            f"{ORDER}/interventions/PAYMENT_PROCESSED",
            REASON | {"action": action},
            Role.OPERATOR,
            {404},
        )
        for action in ("claim", "retry", "resolve", "abandon")
    ),
    Route(
        "POST",
        "/api/dead-letters/redrive",
        REASON | {"reaction_id": "order-NOBODYS/OrderPlaced/orders"},
        Role.OPERATOR,
        {404},
    ),
]
CALLERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "wrong": bearer("wrong-token-0123456789abcdef"),
    "garbled": {"Authorization": "Bearer"},
    "basic": {"Authorization": f"Basic {TOKENS['operator']}"},
    "not ASCII": {"Authorization": "Bearer caf\xe9"},
    **{role: bearer(token) for role, token in TOKENS.items()},
}


def path_of(route: Route) -> str:
    """The route's path as OpenAPI has it."""
    path = route.path.partition("?")[0]
    return path.replace("NOBODYS", "{order_id}").replace("PAYMENT_PROCESSED", "{step}")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_route_lets_in_whom_it_should(locked: Api, route: Route, caller: str) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in CALLERS[caller].items()]
    response = await locked.client.request(
        route.method, route.path, json=route.body, headers=headers
    )
    if route.needs is None:
        assert response.status_code in route.allowed
    elif caller not in TOKENS:
        problem(response, 401, "NOT_SIGNED_IN")
        assert response.headers["www-authenticate"].startswith("Bearer")
    elif not Role(caller).covers(route.needs):
        problem(response, 403, "NOT_ALLOWED")
    else:
        assert response.status_code in route.allowed, response.text


def test_matrix_has_every_route(locked: Api) -> None:
    described = {
        (method.upper(), path)
        for path, operations in locked.app.openapi()["paths"].items()
        for method in operations
    }
    tested = {(route.method, path_of(route)) for route in ROUTES}
    assert tested - {("GET", "/openapi.json")} == described


async def test_session_of_a_browser_has_its_tokens_role(locked: Api) -> None:
    async with locked.fresh() as browser:
        page = await browser.get("/sign-in")
        assert page.status_code == 200
        assert "<form" in page.text
        response = await browser.post("/sign-in", data={"token": TOKENS["viewer"]})
        assert response.status_code == 303
        assert response.headers["location"] == "/"
        cookie = response.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert TOKENS["viewer"] not in cookie
        assert (await browser.get("/api/orders")).status_code == 200
        problem(await browser.post(f"{ORDER}/hold", json=REASON), 403, "NOT_ALLOWED")


async def test_session_over_https_is_sent_over_https_alone(locked: Api) -> None:
    async with locked.fresh() as browser:
        browser.base_url = "https://localhost:8080"
        response = await browser.post("/sign-in", data={"token": TOKENS["viewer"]})
        assert "Secure" in response.headers["set-cookie"].split("; ")


async def test_wrong_token_begins_no_session(locked: Api) -> None:
    async with locked.fresh() as browser:
        response = await browser.post("/sign-in", data={"token": "wrong"})
        assert response.status_code == 401
        assert "set-cookie" not in response.headers
        assert 'role="alert"' in response.text


async def test_form_that_cannot_be_read_is_invalid(locked: Api) -> None:
    form = {f"field{number}": "x" for number in range(6)}
    problem(await locked.client.post("/sign-in", data=form), 422, "INVALID")


async def test_signing_out_ends_the_session_for_every_copy_of_the_cookie(locked: Api) -> None:
    async with locked.fresh() as browser:
        await browser.post("/sign-in", data={"token": TOKENS["viewer"]})
        copied = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
        assert (await locked.get("/api/orders", headers=copied)).status_code == 200
        assert (await browser.post("/sign-out")).status_code == 303
        assert COOKIE not in browser.cookies
        problem(await locked.get("/api/orders", headers=copied), 401, "NOT_SIGNED_IN")


async def test_sign_in_leads_to_the_wanted_page_and_to_no_other_site(locked: Api) -> None:
    for wanted, leads_to in (
        ("/orders/ORD-1", "/orders/ORD-1"),
        ("/?customer_id=%EA%B0%80+b&range=7d", "/?customer_id=%EA%B0%80+b&range=7d"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ):
        async with locked.fresh() as browser:
            response = await browser.post(
                "/sign-in", params={"next": wanted}, data={"token": TOKENS["viewer"]}
            )
            assert response.headers["location"] == leads_to


async def test_sign_in_page_shows_what_it_is_given_as_text(locked: Api) -> None:
    page = await locked.get("/sign-in", params={"next": '/"><script>alert(1)</script>'})
    assert "<script>" not in page.text


async def test_sign_in_speaks_the_browsers_language(locked: Api) -> None:
    page = await locked.get("/sign-in", headers={"Accept-Language": "ko-KR,ko;q=0.9"})
    assert '<html lang="ko">' in page.text
    assert "로그인" in page.text


def test_session_of_one_token_cannot_be_made_into_anothers() -> None:
    """Whoever has a token can sign what they like with its key."""
    access = Access.of(_settings(_entries()))
    forged = access.sign_in(TOKENS["viewer"])
    assert forged is not None
    person = access.person(_connection(forged))
    assert person is not None
    assert person.name == "viewer"
    for garbled in (forged[:-1], f"{forged}x", "operator", forged.replace(".", "..", 1)):
        assert access.person(_connection(garbled)) is None


def test_session_outlives_a_restart_and_not_its_token() -> None:
    cookie = Access.of(_settings(_entries())).sign_in(TOKENS["operator"])
    assert cookie is not None
    again = Access.of(_settings(_entries())).person(_connection(cookie))
    assert again is not None
    assert again.role is Role.OPERATOR
    changed = [
        entry | {"token": f"{entry['token']}-changed"} if entry["name"] == "operator" else entry
        for entry in _entries()
    ]
    assert Access.of(_settings(changed)).person(_connection(cookie)) is None


async def test_tokens_name_is_the_actor(locked: Api, house: House) -> None:
    order = house.order()
    house.injure(order, "reserve_inventory", "delay", seconds=0.5)
    await house.place(order)
    path = f"/api/orders/{order.order_id}"
    other = await locked.post(f"{path}/hold", WHO, headers=bearer(TOKENS["operator"]))
    problem(other, 403, "ACTOR_MISMATCH")
    held = await locked.post(f"{path}/hold", REASON, headers=bearer(TOKENS["operator"]))
    assert held.json()["held"]["by"] == "operator"
    own = REASON | {"actor": "customer-service"}
    cancelled = await locked.post(f"{path}/cancel", own, headers=bearer(TOKENS["customer-service"]))
    assert cancelled.json()["resolutions"][-1]["actor"] == "customer-service"


def test_tokens_may_stand_in_a_file(tokens_file: Callable[[Any], str]) -> None:
    access = Access.of(Settings.load(api_tokens=tokens_file(_entries())))
    assert access.required


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([], "names no token"),
        ({}, "valid list"),
        ([{"token": "x" * 30, "role": "viewer"}], "0.name"),
        ([{"token": "x" * 19, "role": "viewer", "name": "a"}], "0.token"),
        ([{"token": "x" * 30, "role": "root", "name": "a"}], "0.role"),
        ([{"token": "x" * 30, "role": "viewer", "name": " "}], "0.name"),
        ([{"token": "x" * 30, "role": "viewer", "name": "a", "colour": "x" * 30}], "0.colour"),
        ([{"token": c * 30, "role": "viewer", "name": "a"} for c in "xy"], "the same name"),
        ([{"token": "x" * 30, "role": "viewer", "name": n} for n in "ab"], "the same token"),
    ],
)
def test_unusable_tokens_are_refused_without_being_shown(entries: Any, fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Access.of(_settings(entries))
    assert fault in str(refused.value)
    assert "ORDER_SAGA_API_TOKENS" in str(refused.value)
    assert "x" * 19 not in str(refused.value)


@pytest.mark.parametrize("setting", ["token", "[", "@/nowhere/at/all", "@"])
def test_tokens_that_cannot_be_read_are_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match="ORDER_SAGA_API_TOKENS"):
        Access.of(Settings.load(api_tokens=setting))


def _entries() -> list[dict[str, str]]:
    return [{"token": token, "role": name, "name": name} for name, token in TOKENS.items()]


def _settings(entries: Any) -> Settings:
    return Settings.load(api_tokens=json.dumps(entries))


def _connection(cookie: str) -> HTTPConnection:
    headers = [(b"cookie", f"{COOKIE}={cookie}".encode())]
    return HTTPConnection({"type": "http", "headers": headers})
