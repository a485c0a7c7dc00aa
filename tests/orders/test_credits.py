"""What a line was credited counts for every step that credits it: none gives the same price back twice."""

from __future__ import annotations

import uuid

import pytest

from pannier.checkout.revising import Edit
from pannier.orders import Given, RefundExceedsError, WantedRefund
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.orders.test_after_sale import Desk, Provider
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card
from tests.support.revisers import reviser_of
from tests.support.shop import DETAILS, STAFF, guest


class Counter(Desk):
    """Two stools at 1000 and a wardrobe at 5000, paid; `stools` is their line."""

    number: str
    stool: uuid.UUID

    @classmethod
    async def of(cls, db: Database, settings: Settings, *, is_sent: bool = False) -> Counter:
        counter = cls(db, settings, Provider())
        shopper = guest()
        counter.stool = await make_product(db, price_minor=1000)
        await counter.shop.fill(shopper, counter.stool, 2)
        await counter.shop.fill(shopper, await make_product(db, price_minor=5000))
        session = await counter.shop.checkouts.create_checkout(shopper, DETAILS)
        number = (await counter.shop.checkouts.complete(shopper, session.id)).order_number
        assert number is not None
        counter.number = number
        await counter.orders.pay(STAFF, number)
        if is_sent:
            await counter.orders.fulfil(STAFF, number)
        return counter

    async def stools(self) -> uuid.UUID:
        return (await self.order(self.number)).lines[0].id

    async def refund(self, amount: int) -> None:
        await self.refunds.refund(STAFF, self.number, WantedRefund(lines={await self.stools(): amount}))

    async def take_out(self, how: str, units: int) -> None:
        """Take stools out of the order, or have them come back."""
        if how == "edit":
            left = (await self.order(self.number)).lines[0].quantity_left - units
            await reviser_of(self.shop, self.refunds).edit(STAFF, self.number, Edit({await self.stools(): left}))
        elif how == "cancel":
            await self.orders.cancel_units(STAFF, self.number, {self.stool: units})
        else:
            await self.back(self.number, units)

    async def credited(self) -> tuple[int, int]:
        """Of the order, and of the stools."""
        order = await self.order(self.number)
        return order.credited_minor, order.lines[0].credited_minor


@pytest.mark.parametrize("how", ["edit", "cancel", "return"])
async def test_goods_whose_price_was_given_back_are_worth_nothing_when_they_go(
    db: Database, settings: Settings, how: str
) -> None:
    counter = await Counter.of(db, settings, is_sent=how == "return")
    await counter.refund(1500)
    await counter.take_out(how, 1)
    assert await counter.credited() == (2000, 2000)
    await counter.take_out(how, 1)
    assert await counter.credited() == (2000, 2000)
    assert (await counter.order(counter.number)).refunding_minor <= 2000
    assert await faults(db) == {}


@pytest.mark.parametrize("how", ["edit", "cancel", "return"])
async def test_the_price_of_goods_that_went_is_not_given_back_again(db: Database, settings: Settings, how: str) -> None:
    counter = await Counter.of(db, settings, is_sent=how == "return")
    await counter.take_out(how, 1)
    await counter.refunds.refund(STAFF, counter.number, WantedRefund(1000)) if how == "cancel" else None
    with pytest.raises(RefundExceedsError) as refusal:
        await counter.refund(1001)
    assert refusal.value.details["available"] == 1000
    await counter.refund(1000)
    assert await counter.credited() == (2000, 2000)
    assert (await counter.order(counter.number)).refunded_minor == 2000
    assert await faults(db) == {}


async def test_what_the_shop_owes_anyway_is_given_back_without_another_credit(db: Database, settings: Settings) -> None:
    counter = await Counter.of(db, settings)
    await counter.take_out("cancel", 1)
    await counter.refund(1000)
    assert await counter.credited() == (1000, 1000)
    assert (await counter.order(counter.number)).refunded_minor == 1000
    assert await faults(db) == {}


async def test_points_that_are_not_given_back_are_credited_to_no_line(db: Database, settings: Settings) -> None:
    counter = Counter(db, settings, Provider())
    await make_gift_card(db, "CARD-CARD-CARD-CARD", 600)
    shopper = guest()
    await counter.shop.fill(shopper, await make_product(db, price_minor=600))
    paying = DETAILS.model_copy(update={"gift_cards": ["CARD-CARD-CARD-CARD"]})
    paying.model_fields_set.add("gift_cards")
    session = await counter.shop.checkouts.create_checkout(shopper, paying)
    number = (await counter.shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None
    async with db.read() as connection:
        # In units of 6, as points may be.
        await connection.execute("update purse_payment set units = units / 6, unit_minor = 6")
    counter.number = number
    await counter.refund(100)
    order = await counter.order(number)
    assert (order.given_back_minor, *await counter.credited()) == (96, 96, 96)


async def test_what_was_credited_before_it_was_counted_is_found_out(db: Database, settings: Settings) -> None:
    """The migration reads it off what there is of refunds, returns and units that were taken out."""
    counter = await Counter.of(db, settings, is_sent=True)
    await counter.refund(300)
    await counter.take_out("return", 1)
    other = await Counter.of(db, settings)
    await other.take_out("cancel", 1)
    await other.refunds.refund(STAFF, other.number, WantedRefund(2500))
    before = [await one.credited() for one in (counter, other)]
    assert before == [(1300, 1300), (2500, 1000)]
    assert settings.database_url is not None
    await migrate.downgrade(settings.database_url, settings, "0029")
    await migrate.upgrade(settings.database_url, settings)
    assert [await one.credited() for one in (counter, other)] == before
    assert await faults(db) == {}


async def test_what_was_credited_for_a_refund_that_failed_is_found_out_too(db: Database, settings: Settings) -> None:
    """The customer is owed it still, so the line is not credited again."""
    counter = await Counter.of(db, settings)
    counter.refunds.repayments = Provider(Given("failed", "the card is gone"))
    await counter.refund(1500)
    before = await counter.credited()
    assert before == (1500, 1500)
    assert settings.database_url is not None
    await migrate.downgrade(settings.database_url, settings, "0031")
    await migrate.upgrade(settings.database_url, settings)
    assert await counter.credited() == before
    await counter.take_out("cancel", 2)
    assert await counter.credited() == (2000, 2000)
    assert await faults(db) == {}
