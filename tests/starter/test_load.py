"""The load command: figures that add up."""

from tests.starter.programs import Starter


def test_load_measures_every_order(starter: Starter) -> None:
    outcome = starter.run("load", "--orders", "30", "--concurrency", "5", "--json")
    assert outcome.exit_code == 0, outcome.stderr
    figures = outcome.json
    assert figures["orders"] == 30
    assert figures["outcomes"] == {"COMPLETED": 30}
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
    assert abs(figures["orders_per_second"] - 30 / figures["seconds"]) < 0.1


def test_load_keeps_to_the_rate(starter: Starter) -> None:
    figures = starter.run("load", "--orders", "11", "--rate", "5", "--json").json
    assert figures["seconds"] >= 2
    assert figures["outcomes"] == {"COMPLETED": 11}


def test_load_tells_people_the_same(starter: Starter) -> None:
    outcome = starter.run("load", "--orders", "2")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("2 orders in ")
    assert "outcomes: 2 COMPLETED" in outcome.stdout
    assert "2/2" in outcome.stderr
