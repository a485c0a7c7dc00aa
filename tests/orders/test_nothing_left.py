"""When nothing of an order's money is left: whoever gave the last of it back, and to whom, it is refunded and over."""

from __future__ import annotations

import pytest

from pannier.checkout.revising import Edit
from pannier.orders import OrderClosedError, OrderService, WantedRefund
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.orders.test_after_sale import Desk, Provider
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card
from tests.support.revisers import reviser_of
from tests.support.shop import DETAILS, STAFF, guest


async def _bought(desk: Desk, on_card: int, units: int = 1) -> str:
    """So many units at 1000, of which a gift card paid so much."""
    await make_gift_card(desk.db, "CARD-CARD-CARD-CARD", on_card)
    shopper = guest()
    await desk.shop.fill(shopper, await make_product(desk.db, price_minor=1000), units)
    paying = DETAILS.model_copy(update={"gift_cards": ["CARD-CARD-CARD-CARD"]})
    paying.model_fields_set.add("gift_cards")
    session = await desk.shop.checkouts.create_checkout(shopper, paying)
    number = (await desk.shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None
    if on_card < 1000 * units:
        await desk.orders.pay(STAFF, number)
    return number


@pytest.fixture
def desk(db: Database, settings: Settings) -> Desk:
    return Desk(db, settings, Provider())


async def test_money_that_is_back_is_not_all_while_a_card_has_paid_as_well(desk: Desk) -> None:
    number = await _bought(desk, 600)
    await desk.refunds.refund(STAFF, number, WantedRefund(400))
    order = await desk.order(number)
    assert (order.status, order.payment_status, order.refunded_minor) == ("paid", "paid", 400)
    await desk.refunds.refund(STAFF, number, WantedRefund())
    order = await desk.order(number)
    assert (order.status, order.payment_status, order.given_back_minor) == ("refunded", "refunded", 600)
    assert await faults(desk.db) == {}


@pytest.mark.parametrize("parts", [[None], [1, 999]])
async def test_an_order_that_a_card_paid_is_over_when_the_card_has_it_back(desk: Desk, parts: list[int | None]) -> None:
    number = await _bought(desk, 1000)
    for amount in parts:
        assert (await desk.order(number)).status == "paid"
        await desk.refunds.refund(STAFF, number, WantedRefund(amount))
    order = await desk.order(number)
    assert (order.status, order.payment_status) == ("refunded", "refunded")
    async with desk.db.read() as connection:
        told = await connection.fetchval(
            "select type from event where aggregate_id = $1 order by version desc limit 1", order.id
        )
    assert told == "order.refunded"
    with pytest.raises(OrderClosedError):
        await desk.orders.fulfil(STAFF, number)
    assert await faults(desk.db) == {}


async def test_goods_that_a_card_paid_and_that_come_back_close_the_order(desk: Desk) -> None:
    number = await _bought(desk, 1000)
    await desk.orders.fulfil(STAFF, number)
    await desk.back(number, 1)
    order = await desk.order(number)
    assert (order.status, order.payment_status, order.given_back_minor) == ("refunded", "refunded", 1000)
    assert await faults(desk.db) == {}


@pytest.mark.parametrize("is_staff", [True, False])
async def test_an_order_that_a_card_paid_is_refunded_by_being_canceled(desk: Desk, is_staff: bool) -> None:
    number = await _bought(desk, 1000)
    await (desk.orders.cancel_units(STAFF, number) if is_staff else desk.orders.cancel(STAFF, number))
    order = await desk.order(number)
    assert (order.status, order.payment_status, order.given_back_minor) == ("canceled", "refunded", 1000)
    assert await faults(desk.db) == {}


@pytest.mark.parametrize("on_card, in_money, on_cards", [(1500, 500, 500), (0, 1000, 0), (2000, 0, 1000)])
async def test_units_that_are_taken_out_are_given_back_as_they_were_paid(
    desk: Desk, on_card: int, in_money: int, on_cards: int
) -> None:
    number = await _bought(desk, on_card or 1, units=2)
    orders = OrderService(desk.db, desk.shop.settings, desk.refunds)
    variant = (await desk.order(number)).lines[0].variant_id
    await orders.cancel_units(STAFF, number, {variant: 1})
    order, after = await orders.aftermath(STAFF, number)
    assert (order.status, order.payment_status) == ("paid", "paid")
    assert (order.refunded_minor, order.given_back_minor, order.credited_minor) == (in_money, on_cards, 1000)
    assert [one.reason for one in after.refunds] == ["units were taken out"]
    await orders.cancel_units(STAFF, number, {variant: 1})
    order = await desk.order(number)
    assert (order.status, order.payment_status) == ("canceled", "refunded")
    assert await faults(desk.db) == {}


async def test_units_that_are_taken_out_of_what_is_unpaid_give_nothing_back(desk: Desk) -> None:
    variant = await make_product(desk.db, price_minor=1000, on_hand=5)
    _, number = await desk.shop.buy(variant, 2)
    orders = OrderService(desk.db, desk.shop.settings, desk.refunds)
    await orders.cancel_units(STAFF, number, {variant: 1})
    order, after = await orders.aftermath(STAFF, number)
    assert (order.payment_status, list(after.refunds)) == ("pending", [])
    await reviser_of(desk.shop, desk.refunds).edit(STAFF, number, Edit(added=[(variant, 1)]))
    assert await faults(desk.db) == {}
