"""Staff find orders, and take all of them along as CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.orders import OrderFilter, OrderListing
from pannier.orders.schemas import OrderPage
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, STAFF, Shop, customer, guest
from tests.support.web import client_of

_STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


async def test_orders_are_found_by_who_bought_what_and_how_they_stand(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop, listing = Shop.of(db, settings), OrderListing(db)
    stool, lamp = await make_product(db), await make_product(db)
    _, first = await shop.buy(stool, shopper=customer("ada"))
    clock.advance(timedelta(hours=1))
    shopper = guest()
    await shop.fill(shopper, lamp)
    john = DETAILS.model_copy(update={"email": "John_1%@example.com"})
    session = await shop.checkouts.create_checkout(shopper, john)
    second = (await shop.checkouts.complete(shopper, session.id, external_reference="INV-7")).order_number
    assert second is not None
    await shop.orders.pay(STAFF, second)

    async def found(**wanted: object) -> list[str]:
        return [order.number for order in (await listing.find(OrderFilter(**wanted)))[0]]  # type: ignore[arg-type]  # as named

    assert await found() == [second, first]
    assert await found(q=first[:6].lower()) == [first]
    assert await found(q="inv-7") == [second]
    assert await found(q="JANE d") == [second, first]
    assert await found(q="john_1%@EXAMPLE.com") == await found(email="john_1%@example.com") == [second]
    assert await found(q="%") == await found(q="_") == []
    assert await found(user_id="ada") == await found(variant_id=stool) == [first]
    assert await found(payment_status="paid") == await found(status="paid", q=second) == [second]
    assert await found(placed_to=clock.now() - timedelta(minutes=30)) == [first]
    page, cursor = await listing.find(OrderFilter(), limit=1)
    rest, end = await listing.find(OrderFilter(), cursor=cursor, limit=1)
    assert ([page[0].number, rest[0].number], end) == ([second, first], None)


async def test_the_export_has_a_line_for_each_order_and_no_formulas(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pannier.orders.listing._BATCH", 2)
    shop = Shop.of(db, settings)
    variant = await make_product(db, price_minor=1234)
    numbers = [(await shop.buy(variant))[1] for _ in range(4)]
    shopper, session = await shop.ready(variant)
    evil = await shop.checkouts.complete(shopper, session.id, external_reference="=cmd()")
    text = "".join([part async for part in OrderListing(db).as_csv(OrderFilter())])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["number"] for row in rows} == {*numbers, evil.order_number}
    assert {(row["total"], row["balance"], row["currency"]) for row in rows} == {("12.34", "12.34", "USD")}
    assert {row["external_reference"] for row in rows} == {"", "'=cmd()"}


async def test_staff_search_and_export_over_http(db: Database, settings: Settings, clock: ManualClock) -> None:
    _, number = await Shop.of(db, settings).buy(await make_product(db))
    app = create_app(settings, clock=clock)
    async with app.running(), client_of(app) as client:
        page = await client.get("/api/v1/admin/orders/search", params={"q": number}, headers=_STAFF)
        OrderPage.model_validate_json(page.content)
        assert [order["number"] for order in page.json()["orders"]] == [number]
        exported = await client.get("/api/v1/admin/orders/export", headers=_STAFF)
        assert exported.headers["content-type"].startswith("text/csv")
        assert number in exported.text
        for path in ("search", "export"):
            assert (await client.get(f"/api/v1/admin/orders/{path}")).status_code == 401
