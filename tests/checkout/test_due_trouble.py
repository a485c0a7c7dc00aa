"""Paying what an order has due, where something breaks on the way, or the order changes meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pannier.checkout.dues import DueService
from pannier.checkout.errors import CompletionInProgressError
from pannier.checkout.revising import Edit
from pannier.inventory import Cause, InventoryService
from pannier.kernel.clock import ManualClock
from pannier.orders import (
    NothingDueError,
    OrderClosedError,
    OrderPaying,
    OrderService,
    RefundService,
    ThroughPayments,
)
from pannier.payments import PaymentFailedError, ProviderUnavailableError, Wish, export_payments
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.owing import Owing, owing, pay_on_page
from tests.checkout.test_payment import charged, payments_of, ready, shop_of
from tests.checkout.test_payment_meanwhile import Changed, gateway_of, left_unanswered, no_answer, the_order
from tests.support.books import faults
from tests.support.shop import STAFF


@pytest.mark.parametrize("card", ["tok_succeeds", None])
async def test_a_crash_between_charge_and_booking_is_carried_on(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, card: str | None
) -> None:
    order = await owing(db, settings)

    async def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(OrderPaying, "book", die)
        if card is None:
            asked = await order.pay(None, "k")
            assert asked["payment"]["status"] == "requires_escalation"
            await pay_on_page(order)
            await order.resume(clock, 1)
        else:
            with pytest.raises(RuntimeError):
                await order.pay(card, "k")
    assert await order.money() == ("pending", 2000, 0, 2700)
    assert await faults(db) == {}, "money that is on its way is nobody's fault"

    await order.resume(clock)

    assert await order.money() == ("paid", 2700, 0, 2700)
    assert await faults(db) == {}
    again = await order.pay(card, "k")
    assert again["payment"]["status"] == ("paid" if card else "requires_escalation")
    assert await order.money() == ("paid", 2700, 0, 2700)


async def test_a_crash_before_the_gateway_was_asked_charges_nothing(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await owing(db, settings)

    async def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(order.shop.checkouts.payments, "authorize", die)
        with pytest.raises(RuntimeError):
            await order.pay("tok_succeeds", "k")
    await order.resume(clock)

    assert await order.money() == ("pending", 2000, 0, 2000)
    with pytest.raises(PaymentFailedError):
        await order.pay("tok_succeeds", "k")
    await order.pay("tok_succeeds", "another")
    assert await order.money() == ("paid", 2700, 0, 2700)
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "meanwhile, money",
    [
        ("taken out", ("paid", 2000, 0, 2000)),
        ("one of two", ("paid", 3400, 700, 2700)),
        ("noted by hand", ("paid", 2700, 0, 2000)),
        ("more", ("pending", 2700, 0, 2700)),
        ("canceled", ("refunded", 2000, 2000, 0)),
    ],
)
async def test_what_was_paid_too_much_goes_back_by_itself(
    db: Database, settings: Settings, clock: ManualClock, meanwhile: str, money: tuple[str, int, int, int]
) -> None:
    """The order changes while she is at the gateway's page."""
    order = await owing(db, settings)
    if meanwhile == "one of two":
        await order.edit(Edit(added=[(order.lamp, 1)]))
    await order.pay(None)
    lamp = (await order.order()).lines[-1]
    if meanwhile in {"taken out", "one of two"}:
        await order.edit(Edit({lamp.id: 0}))
    elif meanwhile == "noted by hand":
        await order.shop.orders.pay(STAFF, order.number)
    elif meanwhile == "more":
        await order.edit(Edit(added=[(order.lamp, 1)]))
    else:
        refunds = RefundService(db, ThroughPayments(order.shop.checkouts.payments))
        await OrderService(db, order.shop.settings, refunds).cancel(STAFF, order.number)

    await pay_on_page(order)
    await order.resume(clock)

    assert await order.money() == money
    assert await faults(db) == {}


async def test_a_payment_that_came_to_nothing_is_known_to_be_the_orders(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    order = await owing(db, settings)
    await order.pay(None)
    refunds = RefundService(db, ThroughPayments(order.shop.checkouts.payments))
    await OrderService(db, order.shop.settings, refunds).cancel(STAFF, order.number)
    await pay_on_page(order)
    await order.resume(clock)

    order_id = (await order.order()).id
    async with db.read() as connection:
        told = await connection.fetch(
            "select type, data->>'order_id' as id from event where aggregate_kind = 'payment'"
        )
        given_out = await export_payments(connection, [order_id])
    late = [row["type"] for row in told if row["id"] == str(order_id)]
    assert {"payment.captured", "payment.refunded"} <= set(late)
    assert sum(entry["kind"] == "refund" for row in given_out for entry in row["entries"]) == 2


async def test_money_that_comes_after_all_was_given_up_goes_back(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await owing(db, settings)
    providers, gateway = order.shop.checkouts.payments.providers, gateway_of(order.shop)
    providers.put("test", Changed(db, authorize=no_answer, look_up=no_answer))
    with pytest.raises(ProviderUnavailableError):
        await order.pay("tok_succeeds", "k")
    providers.put("test", gateway)
    (_, attempt) = await payments_of(db)
    found = await order.shop.checkouts.payments.find(attempt["id"])
    assert found is not None
    await order.dues._dues.leave(found)
    await gateway.authorize(found, Wish(token="tok_succeeds", is_captured=True))
    assert await charged(db) == 2700

    await order.resume(clock)

    assert await order.money() == ("pending", 2000, 0, 2000)
    assert await faults(db) == {}


async def test_while_the_orders_own_payment_is_not_settled_nothing_else_is_charged(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings, payment_capture="ordered", checkout_busy="refuse")
    _, shopper, session = await ready(shop)
    await left_unanswered(shop, shopper, session.id)
    placed = await the_order(shop)
    dues = DueService(db, shop.settings, shop.orders, shop.checkouts.payments, shop.checkouts.completion)
    assert (await dues.offer(shopper, placed.number))["amount"]["amount"] == 0
    with pytest.raises(CompletionInProgressError):
        await dues.pay(shopper, placed.number, payment_token="tok_succeeds")
    clock.advance(timedelta(minutes=1))

    with pytest.raises(NothingDueError):
        await dues.pay(shopper, placed.number, payment_token="tok_succeeds")

    assert (await the_order(shop)).payment_status == "paid"
    assert await charged(db) == 2000
    assert await faults(db) == {}


async def test_units_that_are_gone_when_it_is_booked_send_the_money_back(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = shop_of(db, settings, hold_at="payment")
    variant, shopper, session = await ready(shop)
    done = await shop.checkouts.complete(shopper, session.id, payment_method="invoice")
    dues = DueService(db, shop.settings, shop.orders, shop.checkouts.payments, shop.checkouts.completion)
    order = Owing(shop, shopper, done.order_number or "", dues, variant)
    await order.pay(None)
    await InventoryService(db, shop.settings).count(variant, 1, Cause("staff", "counted"))
    await pay_on_page(order)
    assert await charged(db) == 2000

    paid = await dues.come_back(shopper, order.number)

    assert paid is not None
    assert (paid.failure or {})["error"] == "INSUFFICIENT_STOCK"
    assert "Your payment is given back." in (paid.failure or {})["message"]
    assert await order.money() == ("pending", 0, 0, 0)
    await order.resume(clock)
    assert await faults(db) == {}


async def test_nobody_is_led_to_pay_for_an_order_that_was_canceled_meanwhile(db: Database, settings: Settings) -> None:
    order = await owing(db, settings)
    await order.pay(None)
    await order.shop.orders.cancel(STAFF, order.number)

    assert await order.offer() == {"amount": {"amount": 0, "currency": "USD"}, "payment_methods": [], "payment": None}
    with pytest.raises(OrderClosedError):
        await order.pay(None)

    assert [row["is_open"] for row in await payments_of(db)] == [False, False]


async def test_the_audit_sees_a_payment_that_is_for_another_order_or_none(db: Database, settings: Settings) -> None:
    order = await owing(db, settings)
    await order.pay()
    async with db.read() as connection:
        await connection.execute("update payment_attempt set pays_order = id where pays_order is not null")
    assert "payment.belongs" in await faults(db)
