"""How the bench reads its load generators, judges, and writes down what it found."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import generate_catalogue, large, pgbench, postgres, search, starting, wrk
from bench.audit import CLEAN, audit
from bench.models import LOADS, Load, Measurement, Pair, Results, bars_of
from bench.report import markdown, write_results
from bench.seeding import SeededShop, Sizes

PGBENCH = """\
number of transactions actually processed: 28912
number of failed transactions: {failed} (0.000%)
latency average = 8.853 ms
initial connection time = 45.004 ms
tps = 3614.502112 (without initial connection time)
"""
REPORT = {
    "requests": 1000, "duration_us": 2_000_000, "p50_us": 5000, "p95_us": 9000, "p99_us": 12000, "max_us": 30000,
    "conflicts": 0, "refused": 0, "first_refusal": 0, "broken": 0, "timeouts": 0,
}  # fmt: skip


def measured(name: str, per_second: float, p99_ms: float | None = None, clients: int = 32) -> Measurement:
    return Measurement(name, clients, 20.0, int(per_second * 20), per_second, p99_ms=p99_ms)


def pair(load: Load, before: float, found: float, after: float, p99_ms: float = 20.0, clients: int = 32) -> Pair:
    return Pair(
        load,
        measured(load.baseline, before, clients=clients),
        measured(load.name, found, p99_ms, clients),
        measured(load.baseline, after, clients=clients),
    )


def test_pgbench_is_read() -> None:
    assert pgbench.parse(PGBENCH.format(failed=0)) == (28912, 3614.502112, 8.853)


def test_a_failed_transaction_fails_the_run() -> None:
    with pytest.raises(RuntimeError, match="did not do its work"):
        pgbench.parse(PGBENCH.format(failed=1))


def test_conflicts_are_counted_apart_from_what_fails_the_run() -> None:
    assert wrk.parse(json.dumps(REPORT | {"refused": 3, "conflicts": 3}))["conflicts"] == 3


@pytest.mark.parametrize("wrong", [{"refused": 1}, {"broken": 1}, {"timeouts": 1}, {"requests": 0}])
def test_an_answer_that_is_wrong_fails_the_run(wrong: dict[str, int]) -> None:
    with pytest.raises(wrk.LoadFailedError):
        wrk.parse(json.dumps(REPORT | wrong))


def test_a_generator_that_says_nothing_fails_the_run() -> None:
    with pytest.raises(wrk.LoadFailedError, match="unable to connect"):
        wrk.parse("", "unable to connect")


def test_a_ratio_is_to_the_mean_of_the_baselines_around_it() -> None:
    add, *_ = LOADS

    assert pair(add, 3000, 3500, 4000).ratio == 1.0


def test_bars_are_judged_at_32_clients_by_ratio_and_latency() -> None:
    add, hot, *_ = LOADS
    pairs = [
        pair(add, 1000, 700, 1000, p99_ms=59.9),
        pair(hot, 1000, 1999, 1000, p99_ms=500),
        pair(add, 1000, 1, 1000, clients=8),
    ]

    assert [(bar.is_met, bar.found) for bar in bars_of(pairs)] == [
        (True, "0.70 ×"),
        (True, "59.9 ms"),
        (False, "2.00 ×"),
    ]
    assert not bars_of([pair(add, 1000, 800, 1000, p99_ms=60.0)])[1].is_met


def test_large_carts_may_grow_no_dearer_than_this() -> None:
    medians = {
        "get a cart, 100 lines": 2.0,
        "get a cart, 1,000 lines": 24.0,
        "add, answered with the change, 10 lines": 2.0,
        "add, answered with the change, 1,000 lines": 3.1,
        "add, answered with the cart, 1,000 lines": 50.0,
    }
    found = [dataclasses.replace(measured(name, 1, clients=1), p50_ms=p50) for name, p50 in medians.items()]

    assert [(bar.found, bar.is_met) for bar in large.bars_of(found)] == [("12.00 ×", True), ("1.55 ×", False)]
    assert large.bars_of(found[1:2]) == []


def test_starts_are_judged_by_the_slowest() -> None:
    assert [bar.is_met for bar in starting.bars_of(179.9, [1.0, 5.1, 2.0])] == [True, False]
    assert [bar.is_met for bar in starting.bars_of(180.1, [4.9])] == [False, True]


def test_results_are_written_for_machines_and_for_people(tmp_path: Path) -> None:
    results = Results({"cpu": "Z80"}, {"python": "3.11"}, {"workers": 1}, "abc1234", "2026-01-02T03:04:05+00:00")
    results.pairs = [pair(LOADS[0], 1000, 900, 1000)]
    results.bars = bars_of(results.pairs)
    results.audit = "clean"

    as_json, as_markdown = write_results(results, tmp_path)

    assert as_json.name == "2026-01-02-abc1234.json"
    assert json.loads(as_json.read_text())["pairs"][0]["ratio"] == 0.9
    assert as_markdown.read_text() == markdown(results)
    assert "| add to cart | 32 | 900 | 1,000 (addfull) | 0.90 |" in markdown(results)


def test_every_load_has_its_script_and_its_baseline() -> None:
    for load in LOADS:
        assert (wrk.LOADS / f"{load.lua}.lua").is_file()
        assert (pgbench.BASELINES / f"{load.baseline}.sql").is_file()
        assert load.baseline in pgbench.NAMES


@pytest.mark.shared_data
def test_the_baselines_are_the_statements_everybody_is_measured_by(shared_data: Path) -> None:
    def statements(path: Path) -> str:
        return re.sub(r"(?m)^--.*\n", "", path.read_text(encoding="utf-8"))

    theirs = {path.name: statements(path) for path in (shared_data.parent / "baseline").glob("*.sql")}
    ours = {path.name: statements(path) for path in pgbench.BASELINES.glob("*.sql")}

    assert ours == theirs


def test_what_is_seeded_by_sets_is_what_the_shop_itself_would_have_left() -> None:
    """Starts a server of its own: the one place that shows it before a run of many minutes does."""
    with postgres.started() as server:
        seeded = SeededShop(server, Sizes(products=50, carts=40))
        seeded.make()
        assert seeded.prepare_checkouts(30) == (81, 110)
        assert seeded.fill(2, 45) == (111, 112)

        assert audit(seeded.url) == CLEAN


def test_the_command_explains_itself() -> None:
    said = subprocess.run([sys.executable, "-m", "bench", "--help"], capture_output=True, text=True, check=True).stdout

    assert {"--quick", "--clients", "--seconds", "--no-bars"} <= set(re.findall(r"--[a-z-]+", said))


def test_the_generated_catalogue_is_the_same_every_time_and_as_long_as_asked() -> None:
    rows = list(generate_catalogue.generate(500, seed=3))

    assert len(rows) == 500
    assert rows == list(generate_catalogue.generate(500, seed=3))
    assert rows != list(generate_catalogue.generate(500, seed=4))
    assert {len(row) for row in rows} == {len(generate_catalogue.COLUMNS)}
    skus = [row[generate_catalogue.COLUMNS.index("Variant SKU")] for row in rows]
    assert len(set(skus)) == 500


def test_a_search_has_a_bar_of_its_own() -> None:
    found = [dataclasses.replace(measured("search: words", 100, clients=2), p95_ms=p95) for p95 in (49.9, 50.0)]

    assert [bar.is_met for bar in search.bars_of(found)] == [True, False]
