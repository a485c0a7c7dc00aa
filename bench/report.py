"""What a run found, as a table on the terminal, as JSON and as Markdown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.large import told
from bench.models import Bar, Measurement, Pair, Results

RESULTS = Path(__file__).parent / "results"
_COLUMNS = (
    "load", "clients", "req/s", "baseline/s", "ratio", "p50 ms", "p95 ms", "p99 ms", "app µs", "db µs", "409s",
)  # fmt: skip
_SEARCH_COLUMNS = "search", "clients", "req/s", "p50 ms", "p95 ms", "p99 ms"


def row_of(pair: Pair) -> tuple[str, ...]:
    """One pair as the table shows it."""
    found = pair.measured
    return (
        pair.load.title,
        str(found.clients),
        f"{found.per_second:,.0f}",
        f"{pair.baseline_per_second:,.0f} ({pair.load.baseline})",
        f"{pair.ratio:.2f}",
        *(_number(value) for value in (found.p50_ms, found.p95_ms, found.p99_ms)),
        *(_number(value, 0) for value in (found.app_us, found.database_us)),
        str(found.conflicts),
    )


def print_results(results: Results, console: Console) -> None:
    """The table, then each bar with what was found."""
    table = Table(*_COLUMNS, title="Loads over HTTP, each between two runs of its baseline")
    for column in table.columns[1:]:
        column.justify = "right"
    for pair in results.pairs:
        table.add_row(*row_of(pair))
    console.print(table)
    for found in results.searches:
        console.print(
            f"{found.name} at {found.clients} clients: {found.per_second:,.0f}/s,"
            f" p50 {_number(found.p50_ms)} ms, p95 {_number(found.p95_ms)} ms, p99 {_number(found.p99_ms)} ms"
        )
    for found in results.large:
        console.print(told(found))
    for other in results.others:
        console.print(f"{other.name} at {other.clients} clients: {other.per_second:,.0f}/s")
    for bar in results.bars:
        console.print(f"{'met   ' if bar.is_met else 'MISSED'}  {bar.what}: {bar.found} (wanted {bar.wanted})")
    console.print(f"Audit after the run: {results.audit}")


def write_results(results: Results, directory: Path = RESULTS) -> tuple[Path, Path]:
    """`<date>-<commit>.json` and `.md` in the directory; a second run of a day and commit replaces them."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{results.started_at[:10]}-{results.commit}"
    as_json, as_markdown = directory / f"{stem}.json", directory / f"{stem}.md"
    as_json.write_text(json.dumps(as_data(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    as_markdown.write_text(markdown(results), encoding="utf-8")
    return as_json, as_markdown


def as_data(results: Results) -> dict[str, object]:
    """The results as plain JSON values; each pair with its ratio."""
    data = dataclasses.asdict(results)
    data["pairs"] = [
        dataclasses.asdict(pair) | {"baseline_per_second": pair.baseline_per_second, "ratio": pair.ratio}
        for pair in results.pairs
    ]
    return data


def markdown(results: Results) -> str:
    """The results for people to read."""
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    versions = ", ".join(f"{name} {value}" for name, value in results.versions.items())
    settings = ", ".join(f"{name} {value}" for name, value in results.settings.items())
    lines = [
        f"# Bench of {results.started_at[:10]} at {results.commit}",
        "",
        "Each load over HTTP ran between two runs of its baseline; the ratio is to their mean. Load generator, shop",
        "and database share the machine. CPU is per request, of the shop's processes and of PostgreSQL's.",
        "",
        f"- Machine: {machine}",
        f"- Versions: {versions}",
        f"- Settings: {settings}",
        f"- Audit after the run: {results.audit}",
        "",
        *_table(_COLUMNS, (row_of(pair) for pair in results.pairs)),
        "",
    ]
    if results.others:
        others = ((o.name, str(o.clients), f"{o.per_second:,.0f}") for o in results.others)
        lines += ["Other baselines:", "", *_table(("baseline", "clients", "tps"), others), ""]
    if results.searches:
        lines += ["Searches of 100,000 variants:", "", *_table(_SEARCH_COLUMNS, map(_search_row, results.searches)), ""]
    if results.large:
        lines += ["Large carts, one shopper:", "", *(f"- {told(found)}" for found in results.large), ""]
    if results.bars:
        lines += [*_table(("bar", "wanted", "found", ""), (_bar_row(bar) for bar in results.bars)), ""]
    return "\n".join(lines)


def _search_row(found: Measurement) -> tuple[str, ...]:
    latencies = (_number(value) for value in (found.p50_ms, found.p95_ms, found.p99_ms))
    return found.name, str(found.clients), f"{found.per_second:,.0f}", *latencies


def _bar_row(bar: Bar) -> tuple[str, ...]:
    return bar.what, bar.wanted, bar.found, "met" if bar.is_met else "**missed**"


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> list[str]:
    names = tuple(head)
    ruler = ["---", *("---:" for _ in names[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (names, ruler, *rows)]


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
