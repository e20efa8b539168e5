"""A client of the API, and the house's orders over HTTP."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.types import ASGIApp

NOBODY = "127.0.0.1:1"
"""An address where no Temporal server answers, whatever runs on this machine."""
BASE = "http://localhost:8080"
TOKENS = {
    "viewer": "viewer-token-0123456789abcdef",
    "customer-service": "customer-token-0123456789abcdef",
    "operator": "operator-token-0123456789abcdef",
}
"""By role; a token's name is its role."""
WHO = {"actor": "kim", "reason": "the customer asked for it"}


class Api:
    """The API, as programs and browsers use it."""

    def __init__(self, app: FastAPI, guarded: ASGIApp) -> None:
        self.app = app
        self.guarded = guarded
        self.client = self.fresh()

    def fresh(self) -> httpx2.AsyncClient:
        """A client of its own, as of another browser."""
        transport = httpx2.ASGITransport(app=self.guarded, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url=BASE, timeout=60)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.aclose()

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        """Read something."""
        return await self.client.get(path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        """Have something done."""
        return await self.client.post(path, json=json, **more)

    async def until(
        self, order_id: str, condition: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """The first state of the order that meets the condition."""
        async with asyncio.timeout(30):
            while True:
                state: dict[str, Any] = (await self.get(f"/api/orders/{order_id}")).json()
                if condition(state):
                    return state
                await asyncio.sleep(0.05)


def bearer(token: str) -> dict[str, str]:
    """The header of a request that says who sends it."""
    return {"Authorization": f"Bearer {token}"}


def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that the response must be."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    return document
