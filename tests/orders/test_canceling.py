"""A paid order that is canceled gives its money back by itself, once, whoever dies in between."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.orders import Given, OrderService, RefundExceedsError, RefundService
from pannier.platform.database import Database
from pannier.platform.idempotency import Key
from pannier.platform.settings import Settings
from tests.orders.test_after_sale import Provider
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card
from tests.support.shop import DETAILS, STAFF, Shop, customer, guest, stock_figures


async def _paid(shop: Shop) -> str:
    _, number = await shop.buy(await make_product(shop.db, price_minor=1000), 2)
    await shop.orders.pay(STAFF, number)
    return number


async def test_a_paid_order_that_is_canceled_is_refunded(db: Database, settings: Settings) -> None:
    shop, provider = Shop.of(db, settings), Provider()
    orders = OrderService(db, settings, RefundService(db, provider))
    variant = await make_product(db, on_hand=5, price_minor=1000)
    shopper, number = await shop.buy(variant, 2)
    await orders.pay(STAFF, number)
    key = Key(b"o" * 32, "c-1", b"h" * 32)
    told = json.loads((await orders.cancel(shopper, number, reason="too late", key=key)).body)
    assert (told["status"], told["payment_status"], told["balance"]["amount"]) == ("canceled", "refunded", 0)
    again = await orders.cancel(shopper, number, reason="too late", key=key)
    assert again.is_replay
    await orders.cancel(shopper, number)
    _, after = await orders.aftermath(STAFF, number)
    assert [(one.amount_minor, one.state, one.reason) for one in after.refunds] == [(2000, "succeeded", "too late")]
    assert provider.given == [after.refunds[0].id]
    assert await stock_figures(db, variant) == (5, 0)
    assert await faults(db) == {}


async def test_what_a_crash_left_is_given_by_the_job(db: Database, settings: Settings, clock: ManualClock) -> None:
    shop = Shop.of(db, settings)
    number = await _paid(shop)
    provider = Provider(Given("pending", "no answer"))
    refunds = RefundService(db, provider)
    await OrderService(db, settings, refunds).cancel_units(STAFF, number, reason="sold out")
    order = await shop.orders.get(STAFF, number)
    assert (order.status, order.payment_status, order.refunding_minor, order.refunded_minor) == (
        *("canceled", "paid"),
        *(2000, 0),
    )
    clock.advance(timedelta(minutes=2))
    assert await refunds.give_due() == 1
    order = await shop.orders.get(STAFF, number)
    assert (order.payment_status, order.refunded_minor, len(set(provider.given))) == ("refunded", 2000, 1)
    assert await faults(db) == {}


async def test_a_gift_card_gets_its_part_and_money_the_rest(db: Database, settings: Settings) -> None:
    shop, provider = Shop.of(db, settings), Provider()
    card = await make_gift_card(db, "CARD-CARD-CARD-CARD", 600)
    shopper = guest()
    await shop.fill(shopper, await make_product(db, price_minor=1000))
    paying = DETAILS.model_copy(update={"gift_cards": ["CARD-CARD-CARD-CARD"]})
    paying.model_fields_set.add("gift_cards")
    session = await shop.checkouts.create_checkout(shopper, paying)
    number = (await shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None
    await shop.orders.pay(STAFF, number)
    await OrderService(db, settings, RefundService(db, provider)).cancel(shopper, number)
    _, after = await shop.orders.aftermath(STAFF, number)
    assert [(one.amount_minor, one.given_back_minor) for one in after.refunds] == [(400, 0)]
    async with db.read() as connection:
        assert await connection.fetchval("select balance from purse where id = $1", card) == 600
    assert await faults(db) == {}


async def test_of_an_order_that_nobody_paid_nothing_is_given_back(db: Database, settings: Settings) -> None:
    shop, provider = Shop.of(db, settings), Provider()
    shopper, number = await shop.buy(await make_product(db))
    await OrderService(db, settings, RefundService(db, provider)).cancel(shopper, number)
    assert (await shop.orders.get(STAFF, number)).payment_status == "void"
    assert provider.given == []


async def test_points_are_earned_for_what_is_paid_and_not_for_what_was_taken_out_before(
    db: Database, settings: Settings
) -> None:
    shop, variant = Shop.of(db, settings), await make_product(db, price_minor=1000)
    orders = OrderService(db, settings, RefundService(db, Provider()))
    _, number = await shop.buy(variant, 3, shopper=customer("ann"))
    async with db.read() as connection:
        await connection.execute("update orders set quote = quote || '{\"points_earned\": 30}'")
    await orders.cancel_units(STAFF, number, {variant: 1})

    await orders.pay(STAFF, number)
    assert await _points(db) == 20

    await orders.cancel_units(STAFF, number, {variant: 1})
    assert await _points(db) == 10
    assert await faults(db) == {}


async def _points(db: Database) -> int:
    async with db.read() as connection:
        return int(await connection.fetchval("select balance from purse where user_id = 'ann'"))


async def test_a_refusal_of_who_gives_back_leaves_nothing_of_the_step(db: Database, settings: Settings) -> None:
    class Closed(Provider):
        async def ask(self, *_: Any, **__: Any) -> Sequence[uuid.UUID]:
            raise RefundExceedsError("Nothing is there.", details={"available": 0})

    shop = Shop.of(db, settings)
    number = await _paid(shop)
    before = await shop.orders.get(STAFF, number)
    orders = OrderService(db, settings, RefundService(db, Closed()))
    key = Key(b"o" * 32, "c-1", b"h" * 32)
    for _ in range(2):
        with pytest.raises(PannierError) as refused:
            await orders.cancel(STAFF, number, key=key)
        assert refused.value.error == "REFUND_EXCEEDS"
    assert await shop.orders.get(STAFF, number) == before
    assert await faults(db) == {}
