"""`make bench ARGS=--scale`: whether a request costs the same in a small shop and in one of a million carts.

One shop after the other, each ten times the size of the one before, on one server; adding and reading at one number
of clients. Judged by the CPU that the database takes per request: requests a second also tell of caches and disks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import postgres, wrk
from bench.audit import audit
from bench.machine import commit, machine, versions
from bench.models import Bar, Measurement
from bench.postgres import Server
from bench.seeding import SHOP_SETTINGS, SeededShop, Sizes
from bench.serving import served
from pannier.kernel.clock import SystemClock

#: Carts and products of each shop.
SIZES = (Sizes(products=100, carts=1_000), *(Sizes(products=n, carts=n) for n in (10_000, 100_000, 1_000_000)))
LOADS = ("add", "get")
CLIENTS = 32
SECONDS = 12
#: How much more of the database's CPU a request may take in the largest shop than in the one of 10,000.
GROWTH_MAX = 1.5


@dataclass(frozen=True)
class Step:
    """What one shop's size came to."""

    sizes: Sizes
    loads: Sequence[Measurement]
    audit: str


def run(workers: int, seconds: float, data_dir: Path | None, results: Path, console: Console) -> bool:
    """Measure every size, print, write down; True when the bars are met and every audit was clean."""
    settings = SHOP_SETTINGS | {"workers": workers}
    started_at = SystemClock().now()
    with postgres.started(data_dir) as server:
        facts = {"machine": machine(server.directory), "versions": versions(server), "commit": commit()}
        steps = [_step(server, sizes, settings, seconds, console.print) for sizes in SIZES]
    bars = bars_of(steps)
    _show(steps, bars, console)
    found = {**facts, "settings": settings, "started_at": started_at.isoformat(timespec="seconds")}
    found |= {"steps": [asdict(step) for step in steps], "bars": [asdict(bar) for bar in bars]}
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{started_at:%Y-%m-%d}-{facts['commit']}-scale.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written: {path}")
    return all(bar.is_met for bar in bars) and all(step.audit == "clean" for step in steps)


def bars_of(steps: Sequence[Step]) -> list[Bar]:
    """The largest shop against the one of the bench, by the database's CPU per request; none when one is missing."""
    by_carts = {step.sizes.carts: step for step in steps}
    usual, largest = by_carts.get(SIZES[1].carts), by_carts.get(SIZES[-1].carts)
    if usual is None or largest is None:
        return []
    bars = []
    for before, after in zip(usual.loads, largest.loads, strict=True):
        growth = (after.database_us or 0) / (before.database_us or 1)
        what = f"{after.name}: database CPU per request, {largest.sizes.carts:,} carts to {usual.sizes.carts:,}"
        bars.append(Bar(what, f"≤ {GROWTH_MAX} ×", f"{growth:.2f} ×", growth <= GROWTH_MAX))
    return bars


def _step(
    server: Server, sizes: Sizes, settings: dict[str, object], seconds: float, say: Callable[[str], None]
) -> Step:
    say(f"making {sizes.carts:,} carts and {sizes.products:,} products")
    seeded = SeededShop(server, sizes)
    seeded.make(with_hot=False)
    numbers = {"first": sizes.spread[0], "last": sizes.spread[1], "products": sizes.products}
    found = []
    with served(seeded.url, settings) as shop:
        for name in LOADS:
            server.run_script("postgres", "checkpoint")
            wrk.measure(shop, server.pid, name, CLIENTS, seconds / 4, **numbers)
            found.append(wrk.measure(shop, server.pid, name, CLIENTS, seconds, **numbers))
            say(f"{name}: {found[-1].per_second:,.0f}/s, {found[-1].database_us or 0:,.0f} µs of the database's CPU")
    step = Step(sizes, found, audit(seeded.url))
    seeded.drop()
    return step


def _show(steps: Sequence[Step], bars: Sequence[Bar], console: Console) -> None:
    table = Table(
        "carts", "products", "load", "req/s", "p50 ms", "p99 ms", "app µs", "db µs", title=f"{CLIENTS} clients"
    )
    for column in (*table.columns[:2], *table.columns[3:]):
        column.justify = "right"
    for step in steps:
        for load in step.loads:
            figures = (load.per_second, load.p50_ms, load.p99_ms, load.app_us, load.database_us)
            cells = (f"{figure or 0:,.{1 if n in {1, 2} else 0}f}" for n, figure in enumerate(figures))
            table.add_row(f"{step.sizes.carts:,}", f"{step.sizes.products:,}", load.name, *cells)
    console.print(table)
    for bar in bars:
        console.print(f"{'met   ' if bar.is_met else 'MISSED'}  {bar.what}: {bar.found} (wanted {bar.wanted})")
    for step in steps:
        console.print(f"Audit of {step.sizes.carts:,} carts: {step.audit}")
