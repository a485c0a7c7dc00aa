"""The tax report: what orders froze, by period, rate and zone, to the cent."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pannier.app import create_app
from pannier.checkout.revising import Edit
from pannier.kernel.clock import ManualClock
from pannier.orders import Asked, RefundService, ReturnService, TaxReport, WantedRefund, tax_report
from pannier.orders.report_api import TaxReportDocument
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop

HEADERS = {"Authorization": "Bearer a-token-for-tests-only"}
ALL = (date(2020, 1, 1), date(2030, 12, 31))


def _part(rate: str, percent: float, zone: str | None, amount: int, base: int) -> dict[str, Any]:
    return {"rate_id": rate, "percent": percent, "zone": zone, "category": "standard", "base_minor": base,
            "amount_minor": amount, "included": False}  # fmt: skip


class Books:
    """A shop with 8 % tax, and orders that froze by which rates."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self.shop = Shop.of(db, settings, tax_percent=Decimal(8))

    async def sell(self, price: int, *parts: dict[str, Any], on: str = "2026-03-15") -> str:
        """An order placed that day; answers its number."""
        _, number = await self.shop.buy(await make_product(self.db, price_minor=price))
        async with self.db.read() as connection:
            await connection.execute(
                "update orders set placed_at = $2::text::timestamptz,"
                " quote = case when $3 then quote || jsonb_build_object('taxes', $4::jsonb) else quote - 'taxes' end"
                " where number = $1",
                number, f"{on} 12:00Z", bool(parts), list(parts),
            )  # fmt: skip
        return number


@pytest.fixture
def books(db: Database, settings: Settings) -> Books:
    return Books(db, settings)


async def test_rows_add_up_to_what_the_orders_were_charged(books: Books) -> None:
    await books.sell(1999, _part("state", 6, "US-NY", 120, 1999), _part("city", 2, "US-NY", 40, 1999))
    await books.sell(1000, _part("state", 6, "US-NY", 60, 1000), _part("city", 2, "US-NY", 20, 1000), on="2026-03-31")
    await books.sell(500, _part("state", 8, "US-CA", 40, 500), on="2026-04-01")
    # Of an order without a breakdown, and of one whose breakdown lacks a cent, the rest is told as well.
    await books.sell(1250)
    await books.sell(1250, _part("state", 8, "US-CA", 99, 1250), on="2026-04-02")
    gone = await books.sell(9999, _part("state", 8, "US-CA", 800, 9999))
    await books.shop.orders.cancel(STAFF, gone)

    report = await tax_report(books.db, *ALL)

    found = [(row.period, row.zone, row.rate_id, row.base_minor, row.tax_minor, row.orders) for row in report.rows]
    assert found == [
        (date(2026, 3, 1), None, None, 0, 100, 1),
        (date(2026, 3, 1), "US-NY", "city", 2999, 60, 2),
        (date(2026, 3, 1), "US-NY", "state", 2999, 180, 2),
        (date(2026, 4, 1), None, None, 0, 1, 1),
        (date(2026, 4, 1), "US-CA", "state", 1750, 139, 2),
    ]
    async with books.db.read() as connection:
        charged = await connection.fetchval("select sum(tax_minor) from orders where status <> 'canceled'")
    assert report.totals == {"USD": charged}


def _rows(report: TaxReport) -> list[tuple[str | None, int, int]]:
    return [(row.rate_id, row.base_minor, row.tax_minor) for row in report.rows]


@pytest.mark.parametrize("how", ["cancel", "edit", "return", "refund"])
async def test_goods_that_went_are_taxed_no_more(db: Database, settings: Settings, how: str) -> None:
    shop = Shop.of(db, settings, tax_percent=Decimal(8), shipping_flat_minor=500)
    refunds = RefundService(db)
    variant = await make_product(db, price_minor=1000)
    _, number = await shop.buy(variant, 3)
    before = await tax_report(db, *ALL, "all")
    await shop.orders.pay(STAFF, number)
    line = (await shop.orders.get(STAFF, number)).lines[0]
    if how == "cancel":
        await shop.orders.cancel_units(STAFF, number, {variant: 2})
    elif how == "edit":
        await reviser_of(shop, refunds).edit(STAFF, number, Edit({line.id: 1}))
    elif how == "refund":
        await refunds.refund(STAFF, number, WantedRefund(lines={line.id: 2160}))
    else:
        await shop.orders.fulfil(STAFF, number)
        returns = ReturnService(db, settings, refunds)
        await returns.request(STAFF, number, [Asked(line.id, 2)], is_approved=True)
        _, after = await shop.orders.aftermath(STAFF, number)
        await returns.complete(STAFF, number, after.returns[0].id)
    after_it = await tax_report(db, *ALL, "all")
    ((rate, base, tax),) = _rows(before)
    assert _rows(after_it) == [(rate, base - 2000, tax - 160)]


async def test_each_rate_of_a_line_is_taken_down_by_its_share(books: Books) -> None:
    number = await books.sell(1999, _part("state", 6, "US-NY", 120, 1999), _part("city", 2, "US-NY", 40, 1999))
    line = (await books.shop.orders.get(STAFF, number)).lines[0]
    await books.shop.orders.pay(STAFF, number)
    refunds = RefundService(books.db)
    await refunds.refund(STAFF, number, WantedRefund(lines={line.id: 1000}))
    assert _rows(await tax_report(books.db, *ALL, "all")) == [("city", 1073, 22), ("state", 1073, 64)]
    left = sum(tax for _, _, tax in _rows(await tax_report(books.db, *ALL, "all")))
    assert left == 160 - round(160 * 1000 / 2159)
    # Goodwill that is for no line takes down what is left of all alike; an order of which nothing is asked is left out.
    await refunds.refund(STAFF, number, WantedRefund(580))
    assert sum(tax for _, _, tax in _rows(await tax_report(books.db, *ALL, "all"))) == 43
    await refunds.refund(STAFF, number, WantedRefund())
    assert _rows(await tax_report(books.db, *ALL, "all")) == []


async def test_of_an_order_without_a_breakdown_the_tax_goes_down_as_well(books: Books) -> None:
    number = await books.sell(1250)
    line = (await books.shop.orders.get(STAFF, number)).lines[0]
    await books.shop.orders.pay(STAFF, number)
    await RefundService(books.db).refund(STAFF, number, WantedRefund(lines={line.id: 675}))
    assert _rows(await tax_report(books.db, *ALL, "all")) == [(None, 0, 50)]


async def test_a_period_has_its_first_day_and_its_last(books: Books) -> None:
    for day in ("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01"):
        await books.sell(1000, _part("state", 8, None, 80, 1000), on=day)

    march = await tax_report(books.db, date(2026, 3, 1), date(2026, 3, 31), "all")
    by_quarter = await tax_report(books.db, *ALL, "quarter")

    assert [(row.period, row.orders) for row in march.rows] == [(None, 2)]
    assert [(row.period, row.orders) for row in by_quarter.rows] == [(date(2026, 1, 1), 3), (date(2026, 4, 1), 1)]


async def test_staff_get_it_as_json_and_csv(books: Books, settings: Settings, clock: ManualClock) -> None:
    await books.sell(1999, _part("=cmd", 8.25, "US-NY", 160, 1999))
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1/admin/reports") as client:
            path = "tax?from=2026-01-01&to=2026-12-31"
            anybody = await client.get(path)
            client.headers.update(HEADERS)
            report = (await client.get(path)).json()
            table = await client.get(f"{path}&format=csv")
            backwards = await client.get("tax?from=2026-02-01&to=2026-01-01")
    assert anybody.status_code == 401
    TaxReportDocument.model_validate(report)
    assert report["totals"] == [{"amount": 160, "currency": "USD"}]
    assert (report["rows"][0]["percent"], report["rows"][0]["tax_minor"]) == (8.25, 160)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(table.text))
    assert (row["base"], row["tax"], row["percent"], row["rate_id"]) == ("19.99", "1.60", "8.25", "'=cmd")
    assert (backwards.status_code, backwards.json()["field"]) == (422, "to")


async def test_the_work_grows_with_the_orders_and_no_faster(books: Books) -> None:
    """Every step of the plan handles so many rows for each order; one order beside each other would be millions."""
    number = await books.sell(1000, _part("state", 6, "US-NY", 60, 1000), _part("city", 2, "US-NY", 20, 1000))
    async with books.db.read() as connection:
        await connection.execute("update order_line set credited_minor = 500, tax_minor = 80")
        await connection.execute("update orders set credited_minor = 500")
        await connection.execute(_COPIES, number, _ORDERS)
        plan = await connection.fetchval(
            "explain (analyze, format json) select * from order_tax_report('2026-01-01', '2027-01-01', 'month', 'UTC')"
        )
        counted = await connection.fetch("select * from order_tax_report('2026-01-01', '2027-01-01', 'month', 'UTC')")
    assert {row["orders"] for row in counted} == {_ORDERS + 1}
    (document,) = json.loads(plan) if isinstance(plan, str) else plan
    assert _work(document["Plan"]) < 200 * _ORDERS


_ORDERS = 2000
_COPIES = """
    with copied as materialized (
      select o, gen_random_uuid() as id, n from orders o, generate_series(1, $2::int) n where o.number = $1
    ), placed as (
      insert into orders
      select (jsonb_populate_record(c.o, jsonb_build_object(
               'id', c.id, 'checkout_id', c.id, 'number', 'C-' || c.n))).*
        from copied c
    )
    insert into order_line
    select (jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid(), 'order_id', c.id))).*
      from copied c join order_line l on l.order_id = (c.o).id
"""


def _work(node: Mapping[str, Any]) -> float:
    """The rows that a plan's steps handle, those included that they leave out."""
    rows: float = (
        node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    )
    return rows * float(node["Actual Loops"]) + sum(_work(part) for part in node.get("Plans", ()))
