"""Large carts over HTTP: what getting one and adding to one cost, by the number of its lines.

One shopper asks after the other, so that it is the time of a request and not of a queue. An add is answered with what
it changed (`Prefer: return=minimal`), as clients of large carts ask; the whole cart as an answer is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console

from bench import postgres, wrk
from bench.audit import CLEAN, audit
from bench.models import Bar, Measurement
from bench.seeding import SHOP_SETTINGS, SeededShop, Sizes
from bench.serving import Shop, served

#: Carts of each number of lines.
CARTS: Mapping[int, int] = {10: 1000, 100: 200, 1000: 40}
SECONDS = 8.0
#: Ten times the lines may take this many times as long to get; the rest is what every request costs.
GET_GROWTH_MAX = 12.0
#: A hundred times the lines may take this many times as long to be added to.
ADD_GROWTH_MAX = 1.5


def run(workers: int, seconds: float | None, console: Console) -> bool:
    """Measure only this, in a shop of its own; True when the bars are met and the audit is clean."""
    with postgres.started(None) as server:
        seeded = SeededShop(server, Sizes(carts=1))
        seeded.make(with_hot=False)
        with served(seeded.url, SHOP_SETTINGS | {"workers": workers}) as shop:
            found = measure(shop, seeded, seconds or SECONDS, lambda each: console.print(told(each)))
        said = audit(seeded.url)
    bars = bars_of(found)
    for bar in bars:
        console.print(f"{'met   ' if bar.is_met else 'MISSED'}  {bar.what}: {bar.found} (wanted {bar.wanted})")
    console.print(f"Audit after the run: {said}")
    return said == CLEAN and all(bar.is_met for bar in bars)


def told(found: Measurement) -> str:
    """One measurement as a line."""
    figures = (found.p50_ms, found.p99_ms, (found.app_us or 0) / 1000, (found.database_us or 0) / 1000)
    words = ("p50 {:.2f} ms", "p99 {:.2f} ms", "app {:.2f} ms", "database {:.2f} ms")
    return f"{found.name}: " + ", ".join(word.format(figure) for word, figure in zip(words, figures, strict=True))


def measure(shop: Shop, seeded: SeededShop, seconds: float, report: Callable[[Measurement], None]) -> list[Measurement]:
    """Getting and adding for each size, after a moment to warm up."""
    found = []
    for lines, carts in CARTS.items():
        first, last = seeded.fill(carts, lines)
        numbers = {"first": first, "last": last, "products": seeded.sizes.products}
        for name, title, extra in (
            ("get", "get a cart", {}),
            ("add", "add, answered with the change", {"minimal": 1}),
            ("add", "add, answered with the cart", {"minimal": 0}),
        ):
            seeded.server.run_script("postgres", "checkpoint")
            wrk.measure(shop, seeded.server.pid, name, 1, seconds / 4, **numbers, **extra)
            measured = wrk.measure(shop, seeded.server.pid, name, 1, seconds, **numbers, **extra)
            found.append(measured.titled(f"{title}, {lines:,} lines"))
            report(found[-1])
    return found


def bars_of(found: list[Measurement]) -> list[Bar]:
    """How the medians grow; none for what was not measured."""
    by_name = {each.name: each.p50_ms for each in found}
    bars = []
    for title, few, many, growth_max in (
        ("get a cart", 100, 1000, GET_GROWTH_MAX),
        ("add, answered with the change", 10, 1000, ADD_GROWTH_MAX),
    ):
        small, large = by_name.get(f"{title}, {few:,} lines"), by_name.get(f"{title}, {many:,} lines")
        if small and large:
            what = f"{title}: median with {many:,} lines to that with {few:,}"
            growth = large / small
            bars.append(Bar(what, f"≤ {growth_max:g} ×", f"{growth:.2f} ×", growth <= growth_max))
    return bars
