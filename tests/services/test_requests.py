"""Requests under one key: carried out once, whoever asks, however often and at whatever moment."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from models.steps import Service
from services.database import Database
from services.orders.requests import (
    GIVEN_UP_AFTER,
    KEPT_FOR,
    ApiRequests,
    Fresh,
    OtherBody,
    Same,
    StillRunning,
)
from services.orders.tables import api_requests
from tests.databases import Stores

KEY, BODY = "mobile:6f0c", "hash-of-the-body"


@pytest.fixture
async def store(stores: Stores) -> Database:
    return await stores.open(Service.ORDERS)


@pytest.fixture
def requests(store: Database) -> ApiRequests:
    return ApiRequests(store)


async def begun(requests: ApiRequests, key: str = KEY, body: str = BODY) -> Fresh:
    fresh = await requests.begin(key, body)
    assert isinstance(fresh, Fresh)
    return fresh


async def grow_older(store: Database, by: timedelta) -> None:
    """Let every request have begun so much earlier."""
    async with store.transaction() as connection:
        await connection.execute(update(api_requests).values(begun_at=datetime.now(UTC) - by))


async def test_the_same_request_gets_the_same_answer(requests: ApiRequests) -> None:
    first = await begun(requests)
    assert await requests.begin(KEY, BODY) == StillRunning()
    await requests.finish(first, '{"주문": 1}')
    assert await requests.begin(KEY, BODY) == Same('{"주문": 1}')
    assert await requests.begin(KEY, "another") == OtherBody()
    await begun(requests, "another key")


async def test_another_body_is_told_while_the_first_request_runs(requests: ApiRequests) -> None:
    await begun(requests)
    assert await requests.begin(KEY, "another") == OtherBody()


async def test_of_many_at_once_one_carries_it_out(store: Database, stores: Stores) -> None:
    processes = [ApiRequests(await stores.open_again(store)) for _ in range(3)]
    for number in range(5):
        told = await asyncio.gather(
            *(process.begin(f"key-{number}", BODY) for process in processes for _ in range(8))
        )
        assert Counter(type(each) for each in told) == {Fresh: 1, StillRunning: 23}


async def test_a_request_whose_process_died_is_carried_out_by_the_next(
    requests: ApiRequests, store: Database
) -> None:
    dead = await begun(requests)
    await grow_older(store, GIVEN_UP_AFTER - timedelta(seconds=5))
    assert await requests.begin(KEY, BODY) == StillRunning()
    await grow_older(store, GIVEN_UP_AFTER + timedelta(seconds=1))
    told = await asyncio.gather(*(requests.begin(KEY, BODY) for _ in range(5)))
    [heir] = [each for each in told if isinstance(each, Fresh)]
    assert heir.attempt != dead.attempt
    await requests.finish(dead, "too late")
    await requests.forget(dead)
    assert await requests.begin(KEY, BODY) == StillRunning()
    await requests.finish(heir, "done")
    assert await requests.begin(KEY, BODY) == Same("done")


async def test_a_forgotten_request_is_a_fresh_one(requests: ApiRequests) -> None:
    await requests.forget(await begun(requests))
    await begun(requests, body="another")


async def test_a_key_is_forgotten_after_a_day(requests: ApiRequests, store: Database) -> None:
    await requests.finish(await begun(requests), "done")
    await requests.finish(await begun(requests, "old"), "done")
    await grow_older(store, KEPT_FOR + timedelta(seconds=1))
    await begun(requests, body="another")
    async with store.reading() as connection:
        rows = (await connection.execute(select(api_requests))).all()
    assert len(rows) == 1


async def test_neither_key_nor_body_is_kept_in_clear(
    requests: ApiRequests, store: Database
) -> None:
    await begun(requests)
    async with store.reading() as connection:
        [row] = (await connection.execute(select(api_requests))).all()
    assert KEY not in str(row)
