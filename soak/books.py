"""The check after each fault: what the database keeps against what the shoppers were promised."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from pannier.app.audit import audit
from pannier.kernel.clock import SystemClock
from pannier.kernel.ids import hash_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from soak.journal import Journal
from soak.shopper import Shopper

_LINES = """
select c.token_hash, l.variant_id::text as variant, l.quantity from cart c join cart_line l on l.cart_id = c.id
 where c.status in ('active', 'abandoned')
"""
_ORDERS = """
select o.token_hash, o.number, o.checkout_id::text as checkout, o.total_minor, o.status = 'canceled' as is_canceled,
       l.variant_id::text as variant, l.quantity
  from orders o join order_line l on l.order_id = o.id
"""
_STOCK = "select variant_id::text as variant, on_hand from stock"


@dataclass
class Kept:
    """What the database keeps of one shopper. An order, by checkout, is (number, total, is canceled, units)."""

    lines: dict[str, int] = field(default_factory=dict)
    orders: dict[str, tuple[str, int, bool, dict[str, int]]] = field(default_factory=dict)


async def faults(url: str, shoppers: Sequence[Shopper], opening_stock: dict[str, int]) -> list[str]:
    """Every difference, in words; empty when all is as it was promised. Nobody may be shopping meanwhile."""
    db = await Database.connect(url, Settings(database_url=url), SystemClock())
    try:
        report = await audit(db)
        found = [f"audit, {breach.name}: {breach.sentence}: {list(breach.rows[:3])}" for breach in report.breaches]
        async with db.read() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            kept, stock = await _read(connection)
    finally:
        await db.close()
    sold: Counter[str] = Counter()
    for shopper in shoppers:
        own = kept.pop(hash_token(shopper.token), Kept())
        journal = next((journal for journal in shopper.journals if _agree(journal, own)), None)
        if journal is None:
            found.append(_difference(shopper, own))
        else:
            sold += journal.sold()
    found += [f"somebody nobody knows has {own}" for own in kept.values()]
    expected = {variant: units - sold[variant] for variant, units in opening_stock.items()}
    if stock != expected and not found:
        found.append(f"on hand is {_unequal(stock, expected)}, by the journals {_unequal(expected, stock)}")
    return found


async def _read(connection: Any) -> tuple[dict[bytes, Kept], dict[str, int]]:
    kept: defaultdict[bytes, Kept] = defaultdict(Kept)
    for row in await connection.fetch(_LINES):
        kept[row["token_hash"]].lines[row["variant"]] = row["quantity"]
    for row in await connection.fetch(_ORDERS):
        number, total, is_canceled = row["number"], row["total_minor"], row["is_canceled"]
        orders = kept[row["token_hash"]].orders
        orders.setdefault(row["checkout"], (number, total, is_canceled, {}))[3][row["variant"]] = row["quantity"]
    return dict(kept), {row["variant"]: row["on_hand"] for row in await connection.fetch(_STOCK)}


def _agree(journal: Journal, kept: Kept) -> bool:
    if journal.units != kept.lines or journal.orders.keys() != kept.orders.keys():
        return False
    return all(
        (order.total_minor, order.is_canceled, dict(order.units)) == kept.orders[checkout][1:]
        and order.number in (None, kept.orders[checkout][0])
        for checkout, order in journal.orders.items()
    )


def _difference(shopper: Shopper, kept: Kept) -> str:
    told = []
    for journal in shopper.journals:
        orders = {order.checkout: order for order in journal.orders.values()}
        differing = {
            checkout: (orders.get(checkout), kept.orders.get(checkout))
            for checkout in orders.keys() | kept.orders.keys()
            if not _agree(
                Journal({}, {checkout: orders[checkout]} if checkout in orders else {}),
                Kept({}, {checkout: kept.orders[checkout]} if checkout in kept.orders else {}),
            )
        }
        told.append(f"cart {journal.units} promised, {kept.lines} kept; orders promised and kept: {differing}")
    return f"shopper {shopper.number}: " + ", or ".join(told)


def _unequal(these: dict[str, int], those: dict[str, int]) -> dict[str, int]:
    return {variant: units for variant, units in these.items() if those.get(variant) != units}


async def opening(url: str) -> tuple[dict[str, int], dict[str, int]]:
    """Prices in minor units and units on hand, by variant, before anybody has shopped."""
    connection = await asyncpg.connect(url)
    try:
        prices = await connection.fetch("select variant_id::text as variant, amount_minor from price")
        stock = await connection.fetch(_STOCK)
    finally:
        await connection.close()
    return {row["variant"]: row["amount_minor"] for row in prices}, {row["variant"]: row["on_hand"] for row in stock}
