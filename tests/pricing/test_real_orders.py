"""Orders that were really placed come out at what was really paid."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest

from pannier.pricing import BasketLine, BasketRequest, Goods, Policy, PriceBook, quote

_DETAIL = re.compile(r"INSERT INTO order_details VALUES \((\d+), (\d+), ([\d.]+), (\d+), ([\d.]+)\)")


def northwind(folder: Path) -> dict[str, list[tuple[str, Fraction, int]]]:
    """(product, exact unit price in cents after its discount, quantity) by order, prices as they stand in the file.

    The discounts were single precision once: 0.150000006 is 15 %.
    """
    orders = defaultdict(list)
    for order, product, price, units, discount in _DETAIL.findall((folder / "northwind.sql").read_text("utf-8")):
        rate = Fraction(discount).limit_denominator(1000)
        orders[order].append((product, Fraction(price) * 100 * (1 - rate), int(units)))
    return orders


@pytest.mark.parametrize("level, total", [("line", 1_265_793_11), ("order", 1_265_793_03)])
def test_northwinds_orders(shared_data: Path, level: Literal["line", "order"], total: int) -> None:
    book = PriceBook("USD", Policy(subtotal_level=level))
    orders = northwind(shared_data / "transactions" / "northwind")
    quotes = [
        quote(
            BasketRequest(
                book,
                tuple(
                    [
                        BasketLine(uuid.UUID(int=place), Goods(product, 0), units, price)
                        for place, (product, price, units) in enumerate(lines)
                    ]
                ),
            )
        )
        for lines in orders.values()
    ]

    assert len(quotes) == 830
    assert sum(each.totals.total_minor for each in quotes) == total
    assert all(each.totals.total_minor == sum(line.total_minor for line in each.lines) for each in quotes)


def test_chinooks_receipts(shared_data: Path) -> None:
    book = PriceBook("USD")
    database = shared_data / "transactions" / "chinook" / "Chinook_Sqlite.sqlite"
    with sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True) as connection:
        rows = connection.execute(
            "select InvoiceId, TrackId, cast(round(UnitPrice * 100) as integer), Quantity from InvoiceLine"
        ).fetchall()
    connection.close()
    receipts = defaultdict(list)
    for place, (invoice, track, price, units) in enumerate(rows):
        receipts[invoice].append(BasketLine(uuid.UUID(int=place), Goods(str(track), price), units))
    totals = [quote(BasketRequest(book, tuple(lines))).totals.total_minor for lines in receipts.values()]

    assert (len(rows), len(totals), sum(totals)) == (2240, 412, 2328_60)
