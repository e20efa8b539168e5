"""Random stories on a real server, many orders at once: calls that take time, and deadlines."""

import asyncio

import hypothesis.strategies as some
import pytest
from hypothesis import given

from tests.house import House
from tests.stories import Story, examples, slow_stories, tell

AT_ONCE = 8
crowds = some.lists(slow_stories, min_size=AT_ONCE, max_size=AT_ONCE)


@pytest.fixture(autouse=True)
def quick_operators(house: House) -> None:
    """Time does not skip here: the stories' operators look more often."""
    house.skip = lambda seconds: asyncio.sleep(seconds / 10)


async def tell_all(house: House, crowd: list[Story]) -> None:
    async with asyncio.TaskGroup() as orders:
        for story in crowd:
            orders.create_task(tell(house, story))


@pytest.mark.timeout(300)
@examples(3)
@given(crowd=crowds)
async def test_books_agree_with_the_end_of_every_order_in_a_crowd(
    house: House, crowd: list[Story]
) -> None:
    await tell_all(house, crowd)


@pytest.mark.long
@pytest.mark.timeout(3000)
@examples(60)
@given(crowd=crowds)
async def test_books_agree_with_the_end_of_every_order_in_many_crowds(
    house: House, crowd: list[Story]
) -> None:
    await tell_all(house, crowd)
