"""Orders that are changed between their being placed and their money's being taken: what was charged is in the books,
and what is too much of it goes back."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from pannier.checkout.revising import Edit
from pannier.kernel.clock import ManualClock
from pannier.orders import Order, OrderService, RefundService, ThroughPayments
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.checkout.test_payment import charged, ready, shop_of
from tests.checkout.test_payment_meanwhile import left_unanswered, the_order
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.revisers import reviser_of
from tests.support.shop import STAFF, Shop


@dataclass
class Placed:
    """Two units at 1000, ordered by card, whose money the provider has not said anything of."""

    shop: Shop
    variant: uuid.UUID
    clock: ManualClock

    async def order(self) -> Order:
        found: Order = await the_order(self.shop)
        return found

    async def edit(self, edit: Edit) -> None:
        refunds = RefundService(self.shop.db, ThroughPayments(self.shop.checkouts.payments))
        await reviser_of(self.shop, refunds).edit(STAFF, (await self.order()).number, edit)

    async def resume(self) -> None:
        """The job takes the payment up, where it was left."""
        self.clock.advance(timedelta(seconds=21))
        await self.shop.checkouts.completion.resume()

    async def money(self) -> tuple[str, int, int, int]:
        order = await self.order()
        return order.payment_status, order.captured_minor, order.refunded_minor, await charged(self.shop.db)


async def _placed(db: Database, settings: Settings, clock: ManualClock) -> Placed:
    shop = shop_of(db, settings, payment_capture="ordered")
    variant, shopper, session = await ready(shop)
    await left_unanswered(shop, shopper, session.id)
    return Placed(shop, variant, clock)


async def test_what_was_added_meanwhile_is_still_due(db: Database, settings: Settings, clock: ManualClock) -> None:
    placed = await _placed(db, settings, clock)
    lamp = await make_product(db, on_hand=5, price_minor=700)
    await placed.edit(Edit(added=[(lamp, 1)]))

    await placed.resume()

    assert await placed.money() == ("pending", 2000, 0, 2000)
    order = await placed.order()
    assert (order.status, order.total_minor) == ("pending", 2700)
    assert await faults(db) == {}
    await placed.shop.orders.pay(STAFF, order.number)
    assert await placed.money() == ("paid", 2700, 0, 2000)
    assert await faults(db) == {}


@pytest.mark.parametrize("how", ["edit", "cancel"])
async def test_what_was_taken_out_meanwhile_is_given_back(
    db: Database, settings: Settings, clock: ManualClock, how: str
) -> None:
    placed = await _placed(db, settings, clock)
    order = await placed.order()
    if how == "edit":
        await placed.edit(Edit({order.lines[0].id: 1}))
    else:
        await placed.shop.orders.cancel_units(STAFF, order.number, {placed.variant: 1})

    await placed.resume()

    assert await placed.money() == ("paid", 2000, 1000, 1000)
    assert (await placed.order()).status == "paid"
    assert await faults(db) == {}


async def test_a_crash_after_it_was_booked_does_not_book_it_again(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = await _placed(db, settings, clock)
    payments = placed.shop.checkouts.payments

    async def die(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(payments, "finish", die)
        await placed.resume()
    assert (await placed.order()).payment_status == "paid"
    lamp = await make_product(db, on_hand=5, price_minor=700)
    await placed.edit(Edit(added=[(lamp, 1)]))

    placed.clock.advance(timedelta(minutes=10))
    await placed.resume()

    assert await placed.money() == ("pending", 2000, 0, 2000)
    assert await faults(db) == {}


async def test_what_staff_noted_beside_it_is_other_money(db: Database, settings: Settings, clock: ManualClock) -> None:
    placed = await _placed(db, settings, clock)
    await placed.shop.orders.pay(STAFF, (await placed.order()).number)

    await placed.resume()

    assert await placed.money() == ("paid", 4000, 2000, 0)
    assert await faults(db) == {}


async def test_an_order_that_its_payment_came_with_is_not_paid_by_it_again(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    order = await the_order(shop)
    ((attempt,), _) = await shop.checkouts.payments.of_order(order.id)
    assert dict(order.booked) == {str(attempt.id): 2000}
    assert await faults(db) == {}


async def test_the_audit_sees_money_that_is_in_no_order(db: Database, settings: Settings) -> None:
    shop = shop_of(db, settings)
    _, shopper, session = await ready(shop)
    await shop.checkouts.complete(shopper, session.id, payment_token="tok_succeeds")
    for change in (
        "update orders set captured_minor = 1500, booked = '{}'",
        "update orders set captured_minor = 2000, booked = (select jsonb_build_object(id, 1500) from payment_attempt)",
        "update orders set captured_minor = 1000, booked = (select jsonb_build_object(id, 2000) from payment_attempt)",
    ):
        async with db.read() as connection:
            await connection.execute(change)
        assert "order.payments" in await faults(db), change


@pytest.mark.parametrize("is_too_much", [True, False])
async def test_a_refund_is_looked_for_only_where_a_payment_was_too_much(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, is_too_much: bool
) -> None:
    placed = await _placed(db, settings, clock)
    if is_too_much:
        await placed.edit(Edit({(await placed.order()).lines[0].id: 1}))
    looked = []
    give = RefundService.give

    async def counted(refunds: RefundService, refund_id: uuid.UUID | None = None) -> str:
        looked.append(refund_id)
        return await give(refunds, refund_id)

    monkeypatch.setattr(RefundService, "give", counted)
    await placed.resume()

    assert len(looked) == is_too_much
    assert await placed.money() == ("paid", 2000, 1000 if is_too_much else 0, 1000 if is_too_much else 2000)
    assert await faults(db) == {}


async def test_a_refund_of_what_staff_noted_takes_nothing_of_a_charge_that_is_not_booked(
    db: Database, settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Charged, and dead before it was booked; staff are paid otherwise, cancel, and give that back by hand."""
    placed = await _placed(db, settings, clock)
    orders, payments = placed.shop.orders, placed.shop.checkouts.payments

    async def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(OrderService, "book", die)
        await placed.resume()
    assert await charged(db) == 2000
    number = (await placed.order()).number
    await orders.pay(STAFF, number)

    refunds = RefundService(db, ThroughPayments(payments))
    staff = OrderService(db, settings, refunds)
    await staff.cancel(STAFF, number)
    assert (await placed.order()).refunded_minor == 2000
    assert await charged(db) == 2000, "what was given by hand is not taken out of the card's money"
    for _ in range(3):
        clock.advance(timedelta(minutes=5))
        await placed.shop.checkouts.completion.resume()

    assert await charged(db) == 0, "and that goes back by the card"
    assert await faults(db) == {}
