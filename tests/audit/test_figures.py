"""The audit is fast enough, and its memory does not grow with the orders."""

from pathlib import Path

import pytest

from benchmarks.audit import measure

FASTEST_NEEDED = 2000
"""Ended orders in a second, on SQLite."""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_memory_is_flat_and_ended_orders_are_audited_fast(tmp_path: Path) -> None:
    figures = {}
    for count in (10_000, 100_000):
        home = tmp_path / str(count)
        home.mkdir()
        figures[count] = measure(home, count)
    for count, measured in figures.items():
        assert measured["orders"] == count
        assert measured["findings"] == 0
        # Of processor time: how long it takes depends on what else the machine does.
        assert measured["orders_per_cpu_second"] >= FASTEST_NEEDED, measured
    growth = figures[100_000]["peak_memory_mb"] - figures[10_000]["peak_memory_mb"]
    assert growth <= 10, figures
