"""What a quote with many promotions costs, beside a loop that only multiplies and adds: `python -m bench.pricing`.

The ratio says more than the microseconds: whatever else the machine does slows both.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.models import Bar
from pannier.pricing import BasketRequest, quote
from pannier.pricing.scenario.shop import CartLine, ScenarioShop
from pannier.pricing.scenario.source import Source

_ROUNDS = 7
_ROUND_S = 0.15
_CATEGORIES = 10


@dataclass(frozen=True)
class Size:
    """A basket in a shop, and how long its quote may take."""

    lines: int
    promotions: int
    us_max: float
    #: Above the loop's time for the same lines.
    ratio_max: float


SIZES = (Size(10, 20, 300, 330), Size(1000, 100, 30_000, 750))

GROWTH_PROMOTIONS = 50
#: What is linear comes to 10, what is quadratic to 100; some part of it is cache.
GROWTH_MAX = 12.5


@dataclass(frozen=True)
class Measured:
    """CPU of one quote and of one plain loop over the same lines."""

    size: Size
    quote_us: float
    loop_us: float

    @property
    def ratio(self) -> float:
        return self.quote_us / self.loop_us


def _action(number: int) -> dict[str, Any]:
    """One of ten actions; every other kind is about a tenth of the goods, as most promotions are."""
    category = {"categories": [f"c{number % _CATEGORIES}"]}
    products = {"products": [f"g{number}", f"g{number + 7}", f"g{number + 200}"]}
    return (
        {"type": "item_percent", "percent": 3, "filter": category},
        {"type": "order_percent", "percent": 1},
        {"type": "item_fixed", "amount": 20, "filter": products},
        {"type": "order_fixed", "amount": 100},
        {"type": "buy_x_get_y", "buy": {"qty": 2, "filter": products}, "get": {"filter": products}, "percent": 50},
        {"type": "item_percent", "percent": Decimal("0.5")},
        {"type": "tiered_percent", "basis": "quantity", "tiers": [{"from": 3, "percent": 2}], "filter": category},
        {"type": "order_percent", "percent": 2, "filter": category},
        {"type": "item_percent", "percent": 10, "max_units": 3, "filter": products},
        {"type": "shipping_percent", "percent": 10},
    )[number % 10]


def basket(lines: int, promotions: int) -> BasketRequest:
    """A basket of so many lines of 1 to 4 units in a shop of so many promotions, all of which apply."""
    products = [
        {
            "id": f"g{number}",
            "price": 1000 + number * 37 % 5000,
            "categories": [f"c{number % _CATEGORIES}", f"c{(number + 3) % _CATEGORIES}"],
            "tax": "standard" if number % 3 else "reduced",
            "weight": Decimal("0.25"),
        }
        for number in range(lines)
    ]
    given = {
        "currency": "USD",
        "products": products,
        "promotions": [
            {
                "id": f"p{number}",
                "priority": number % 4,
                "conditions": [{"type": "min_subtotal", "amount": 1000 + number}],
                "actions": [_action(number)],
            }
            for number in range(promotions)
        ],
        "tax_rates": [
            {"id": "full", "category": "standard", "percent": 20},
            {"id": "low", "category": "reduced", "percent": Decimal("5.5")},
        ],
        "shipping_methods": [{"id": "parcel", "kind": "flat", "amount": 500, "tax": "standard"}],
        "shipping_method": "parcel",
    }
    shop = ScenarioShop(Source(given, "given"), None, [])
    cart = shop.cart("me", None)
    cart.lines = [CartLine(f"g{number}", {}, 1 + number % 4, number) for number in range(lines)]
    return shop.request("me", None)


def microseconds(step: Callable[[], object]) -> float:
    """CPU of one call in the best of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        calls, began = 0, time.process_time()
        while time.process_time() - began < _ROUND_S:
            step()
            calls += 1
        best = min(best, (time.process_time() - began) / calls * 1e6)
    return best


def measure(size: Size) -> Measured:
    """A quote and a plain loop, one after the other."""
    request = basket(size.lines, size.promotions)
    pairs = [(line.goods.list_price_minor, line.quantity) for line in request.lines]

    def loop() -> int:
        total = 0
        for price, quantity in pairs:
            total += price * quantity
        return total

    return Measured(size, microseconds(lambda: quote(request)), microseconds(loop))


def bars(found: Sequence[Measured]) -> list[Bar]:
    """What the quotes may take, as time and as ratio."""
    made = []
    for each in found:
        size = each.size
        what = f"quote of {size.lines:,} lines, {size.promotions} promotions"
        made.append(Bar(what, f"≤ {size.us_max:,g} µs", f"{each.quote_us:,.0f} µs", each.quote_us <= size.us_max))
        made.append(Bar(what, f"≤ {size.ratio_max:g} × loop", f"{each.ratio:.0f} ×", each.ratio <= size.ratio_max))
    return made


def growth() -> float:
    """How many times as much a quote of ten times the lines takes."""
    few, many = [basket(lines, GROWTH_PROMOTIONS) for lines in (100, 1000)]
    return microseconds(lambda: quote(many)) / microseconds(lambda: quote(few))


def growth_bar(times: float) -> Bar:
    """That the cost grows with the lines, and not faster."""
    what = f"quote of ten times the lines, {GROWTH_PROMOTIONS} promotions"
    return Bar(what, f"≤ {GROWTH_MAX:g} ×", f"{times:.1f} ×", times <= GROWTH_MAX)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a bar is missed."""
    argparse.ArgumentParser(prog="python -m bench.pricing", description=__doc__.partition("\n")[0]).parse_args(
        arguments
    )
    found = [*bars([measure(size) for size in SIZES]), growth_bar(growth())]
    for bar in found:
        print(f"{bar.what}: {bar.found}, wanted {bar.wanted}{'' if bar.is_met else '  MISSED'}")
    return 0 if all(bar.is_met for bar in found) else 1


if __name__ == "__main__":
    sys.exit(main())
