"""The hub: one reading for all who look, none when nobody does, and none lost to an outage."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from runtime.program import CommandError, ExitCode
from web.dashboard.live import Live, Snapshot, Subject

PAUSE = 0.01


class Source:
    """What is read; counts how often."""

    def __init__(self, value: object = 1) -> None:
        self.value = value
        self.error: Exception | None = None
        self.readings = 0

    async def read(self) -> object:
        self.readings += 1
        if self.error is not None:
            raise self.error
        return self.value

    @property
    def subject(self) -> Subject[object]:
        return Subject("source", self.read, missing=KeyError)


class Viewer:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Snapshot[Any]] = []

    def __call__(self, snapshot: Snapshot[Any]) -> None:
        self.told.append(snapshot)

    @property
    def values(self) -> list[object]:
        return [snapshot.value for snapshot in self.told]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(PAUSE)


async def readings_after(source: Source, more: int) -> None:
    goal = source.readings + more
    await until(lambda: source.readings >= goal)


async def test_viewer_is_told_what_there_is_and_then_what_changes() -> None:
    live, source, viewer = Live(PAUSE), Source(), Viewer()
    leave = live.watch(source.subject, viewer)
    await readings_after(source, 3)
    source.value = 2
    await until(lambda: len(viewer.told) == 2)
    leave()
    assert viewer.values == [1, 2]


async def test_many_viewers_share_one_reading() -> None:
    live, source, viewers = Live(PAUSE), Source(), [Viewer() for _ in range(20)]
    leavers = [live.watch(source.subject, viewer) for viewer in viewers]
    await until(lambda: all(viewer.told for viewer in viewers))
    assert live.subjects == 1
    assert source.readings < 5
    for leave in leavers:
        leave()


async def test_nothing_is_read_when_nobody_looks() -> None:
    live, source, viewers = Live(PAUSE), Source(), [Viewer(), Viewer()]
    leavers = [live.watch(source.subject, viewer) for viewer in viewers]
    await until(lambda: source.readings)
    leavers[0]()
    await readings_after(source, 2)
    leavers[1]()
    leavers[1]()
    assert live.subjects == 0
    read = source.readings
    other = Source()
    leave = live.watch(Subject("other", other.read), Viewer())
    await readings_after(other, 10)
    leave()
    assert source.readings == read


async def test_who_comes_later_is_told_at_once() -> None:
    live, source, late = Live(PAUSE), Source(), Viewer()
    leave = live.watch(source.subject, Viewer())
    await until(lambda: source.readings)
    await readings_after(source, 1)
    leave_too = live.watch(source.subject, late)
    assert late.values == [1]
    leave()
    leave_too()


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (CommandError("none runs in /home/kim", ExitCode.NOT_REACHABLE), "NOT_REACHABLE"),
        (RuntimeError("secret"), "BUG"),
    ],
)
async def test_outage_is_told_with_what_was_known_and_so_is_its_end(
    error: Exception, problem: str
) -> None:
    live, source, viewer = Live(PAUSE), Source(), Viewer()
    leave = live.watch(source.subject, viewer)
    await until(lambda: viewer.told)
    source.error = error
    await until(lambda: len(viewer.told) == 2)
    source.error = None
    await until(lambda: len(viewer.told) == 3)
    leave()
    before, outage, after = viewer.told
    assert (outage.value, outage.problem, outage.read_at is not None) == (1, problem, True)
    assert (before.problem, after.problem, after.value) == (None, None, 1)


async def test_what_there_is_not_is_missing_until_it_comes() -> None:
    live, source, viewer = Live(PAUSE), Source(), Viewer()
    source.error = KeyError("x")
    leave = live.watch(source.subject, viewer)
    await until(lambda: viewer.told)
    source.error = None
    await until(lambda: len(viewer.told) == 2)
    leave()
    assert [snapshot.missing for snapshot in viewer.told] == [True, False]
    assert viewer.told[0].problem is None


async def test_viewer_that_breaks_keeps_nothing_from_the_others() -> None:
    live, source, viewer = Live(PAUSE), Source(), Viewer()

    def broken(_: Snapshot[object]) -> None:
        raise RuntimeError("the page is gone")

    leavers = [live.watch(source.subject, broken), live.watch(source.subject, viewer)]
    await until(lambda: viewer.told)
    source.value = 2
    await until(lambda: len(viewer.told) == 2)
    for leave in leavers:
        leave()
    assert viewer.values == [1, 2]


async def test_glance_takes_what_is_known_and_reads_otherwise() -> None:
    live, source = Live(PAUSE), Source()
    assert (await live.glance(source.subject)).value == 1
    assert live.subjects == 0
    leave = live.watch(source.subject, Viewer())
    await readings_after(source, 2)
    read = source.readings
    assert (await live.glance(source.subject)).value == 1
    assert source.readings == read
    leave()


async def test_what_costs_much_is_read_more_rarely() -> None:
    live = Live(PAUSE)
    dear, cheap = Source(), Source()

    async def dearly() -> object:
        until_used = time.process_time() + 0.02
        while time.process_time() < until_used:
            pass
        return await dear.read()

    leavers = [
        live.watch(Subject("dear", dearly, longest_pause=60), Viewer()),
        live.watch(Subject("cheap", cheap.read), Viewer()),
    ]
    await until(lambda: dear.readings == 2)
    for leave in leavers:
        leave()
    assert cheap.readings > 10
