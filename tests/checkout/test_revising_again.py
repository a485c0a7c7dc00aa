"""Edits and exchanges that are asked for again, under a key or without, and those that ask somebody outside."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from pannier.cart import StatelessPricing
from pannier.catalog import ProductUnavailableError
from pannier.checkout import ReviseService
from pannier.checkout.revising import Edit
from pannier.orders import OrderQuantityError, ReturnStateError
from pannier.platform.database import Database
from pannier.platform.idempotency import Key
from pannier.platform.settings import Settings
from pannier.pricebook import Providers
from tests.checkout.test_providers import TaxOffice
from tests.checkout.test_revising import Desk, returned
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import STAFF


async def test_a_return_that_was_refunded_is_not_exchanged(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    small, large = await make_product(db), await make_product(db)
    number = await desk.sold(small, 1, is_paid=True, is_sent=True)
    one = await returned(desk, number, None)
    await desk.returns.complete(STAFF, number, one)
    with pytest.raises(ReturnStateError) as refused:
        await desk.revisions.exchange(STAFF, number, one, wanted=[(large, 1)])
    assert refused.value.details == {"state": "completed"}
    assert len((await desk.order(number)).lines) == 1


async def _unpublish(db: Database, variant: uuid.UUID, status: str = "draft") -> None:
    async with db.read() as connection:
        await connection.execute(
            "update product p set status = $2 from variant v where v.product_id = p.id and v.id = $1", variant, status
        )
        await connection.execute(
            "select catalog_refresh_display(array(select product_id from variant where id = $1))", variant
        )


async def test_a_key_has_its_answer_when_the_goods_are_for_sale_no_more(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    small, lamp = await make_product(db), await make_product(db)
    number = await desk.sold(small, 1, is_paid=True, is_sent=True)
    one = await returned(desk, number, lamp)
    exchange, edit = (Key(b"o" * 32, name, b"h" * 32) for name in ("x-1", "e-1"))
    first = await desk.revisions.exchange(STAFF, number, one, key=exchange)
    second = await desk.revisions.edit(STAFF, number, Edit(added=[(lamp, 1)]), key=edit)
    await _unpublish(db, lamp)
    async with db.read() as other, other.transaction():
        await other.execute("select 1 from stock for update")
        # Whoever only repeats himself waits for nobody's stock.
        async with asyncio.timeout(5):
            assert (await desk.revisions.exchange(STAFF, number, one, key=exchange)).body == first.body
            assert (await desk.revisions.edit(STAFF, number, Edit(added=[(lamp, 1)]), key=edit)).body == second.body
    assert len((await desk.order(number)).lines) == 3
    assert await faults(db) == {}


async def test_a_refusal_is_kept_under_its_key(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    lamp = await make_product(db, status="draft")
    number = await desk.sold(await make_product(db), 1, is_sent=True)
    one = await returned(desk, number, lamp)
    key, other = (Key(b"o" * 32, name, b"h" * 32) for name in ("e-1", "x-1"))
    for _ in range(2):
        with pytest.raises(ProductUnavailableError):
            await desk.revisions.edit(STAFF, number, Edit(added=[(lamp, 1)]), key=key)
        with pytest.raises(ProductUnavailableError):
            await desk.revisions.exchange(STAFF, number, one, key=other)
        await _unpublish(db, lamp, "active")
    done = await desk.revisions.exchange(STAFF, number, one)
    assert len(json.loads(done.body)["order"]["items"]) == 2


async def test_what_is_added_has_the_taxes_that_an_outside_service_names(db: Database, settings: Settings) -> None:
    desk, office = Desk(db, settings), TaxOffice(percent=20)
    pricing = StatelessPricing(db, desk.shop.settings, desk.shop.carts, Providers(tax=office))
    desk.revisions = ReviseService(
        db, desk.shop.settings, pricing, desk.shop.orders, desk.refunds, desk.shop.checkouts.payments
    )
    number = await desk.sold(await make_product(db, price_minor=1000), 2, is_paid=True)
    line = (await desk.order(number)).lines[0]
    lamp = await make_product(db, price_minor=700)
    await desk.revisions.edit(STAFF, number, Edit({line.id: 1}, [(lamp, 2)]))
    order = await desk.order(number)
    assert (order.lines[1].tax_minor, order.tax_minor, order.tax_added_minor, order.total_minor) == (
        *(280, 280, 280),
        *(2000 + 1400 + 280,),
    )
    assert [(part["rate_id"], part["amount_minor"]) for part in order.quote["taxes"]] == [("city", 280)]
    assert [line.amount_minor for line in office.asked[0].lines] == [1400]
    await desk.shop.orders.pay(STAFF, number)
    await desk.revisions.edit(STAFF, number, Edit({order.lines[1].id: 1}))
    assert (await desk.order(number)).refunded_minor == 840, "with its tax"
    office.is_down = True
    await desk.revisions.edit(STAFF, number, Edit(added=[(lamp, 1)]))
    assert (await desk.order(number)).lines[2].tax_minor == 0, "the shop's own rates count"
    assert await faults(db) == {}


async def test_a_line_that_the_order_does_not_have_is_told_as_that(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    lamp = await make_product(db)
    number = await desk.sold(lamp, 1)
    with pytest.raises(OrderQuantityError, match=f"has no line {lamp}"):
        await desk.revisions.edit(STAFF, number, Edit({lamp: 1}))
