"""A shop to measure: products, carts and checkouts by the thousand, put into the real tables.

Written set by set, since ten thousand requests a second would take minutes for what takes seconds here; the audit at
the end of a run proves that the tables are as the shop itself would have left them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bench.postgres import Server
from pannier.platform.migrate import upgrade
from pannier.platform.rate_limits import GROUPS
from pannier.platform.settings import Settings

DATABASE = "shop"
_SEED = Path(__file__).parent / "seed"

#: Limits would end a run that adds for minutes; holds that ran out in it would measure the sweeper.
SHOP_SETTINGS: dict[str, object] = {
    "cart_max_items": 0,
    "cart_max_quantity_per_item": 0,
    "hold_ttl_s": 21600,
    "hold_cap_s": 21600,
    "checkout_ttl_s": 21600,
    # One address asks thousands of times a second: it is counted like everybody, and never refused.
    **{f"rate_limit_{group}": "1000000000/minute" for group in GROUPS},
}
_HOLD_TTL = "6 hours"
#: Sets larger than this sort on the disk.
_CARTS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Sizes:
    """How large the shop is. The carts of one load are not those of another, so each keeps its five lines."""

    products: int = 10_000
    carts: int = 10_000
    lines: int = 5

    @property
    def spread(self) -> tuple[int, int]:
        """First and last cart of the loads that add and get."""
        return 1, self.carts

    @property
    def hot(self) -> tuple[int, int]:
        """First and last cart of the load on one product."""
        return self.carts + 1, 2 * self.carts


class SeededShop:
    """The shop's database, and the carts that wait in it to be checked out."""

    def __init__(self, server: Server, sizes: Sizes) -> None:
        self.server = server
        self.sizes = sizes
        self._next_cart = 2 * sizes.carts + 1

    @property
    def url(self) -> str:
        return self.server.url(DATABASE)

    def make(self, *, with_hot: bool = True) -> None:
        """Create the database, its tables and functions, the products and the carts."""
        self.server.run_script("postgres", f"create database {DATABASE}")
        asyncio.run(upgrade(self.url, Settings(database_url=self.url)))
        self._run("products.sql")
        self._run("promotions.sql")
        last = (self.sizes.hot if with_hot else self.sizes.spread)[1]
        for first in range(1, last + 1, _CARTS_AT_ONCE):
            self._fill_carts(first, min(last, first + _CARTS_AT_ONCE - 1), self.sizes.lines)
        self.server.run_script(DATABASE, "vacuum analyze")

    def promote(self, is_on: bool) -> None:
        """Switch the shop's 20 promotions on or off; its processes know with their next answer."""
        script = f"update promotion set is_active = {is_on}; select price_book_touch();"
        self.server.run_script(DATABASE, script)

    def drop(self) -> None:
        """Take the database away, so that another of its name can be made."""
        self.server.run_script("postgres", f"drop database {DATABASE} with (force)")

    def prepare_checkouts(self, count: int) -> tuple[int, int]:
        """Make `count` more carts of three lines with a checkout each, ready to complete: first and last number."""
        first, last = self.fill(count, 3)
        self._run("checkouts.sql", first=first, last=last)
        return first, last

    def fill(self, count: int, lines: int) -> tuple[int, int]:
        """Make `count` more carts of so many lines: first and last number."""
        first, last = self._next_cart, self._next_cart + count - 1
        self._next_cart = last + 1
        self._fill_carts(first, last, lines)
        return first, last

    def _fill_carts(self, first: int, last: int, lines: int) -> None:
        self._run("carts.sql", first=first, last=last, lines=lines, hold_ttl=_HOLD_TTL)

    def _run(self, name: str, **variables: object) -> None:
        script = "\n".join((_SEED / file).read_text(encoding="utf-8") for file in ("ids.sql", name))
        self.server.run_script(DATABASE, script, products=self.sizes.products, **variables)
