"""Paying with gift cards, store credit and points."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pannier.checkout import CheckoutPatch
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.orders import show
from pannier.platform.database import Database
from pannier.platform.idempotency import key_of
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card, make_points
from tests.support.pricing import Pricing
from tests.support.shop import DETAILS, Shop, customer, guest


@pytest.fixture
def pricing(db: Database, settings: Settings) -> Pricing:
    return Pricing(Shop.of(db, settings))


async def test_a_gift_card_pays_what_is_on_it_and_gets_it_back(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 3000)
    await pricing.shop.fill(shopper, variant)
    told = DETAILS.model_copy(update={"gift_cards": ["aaaabbbbccccdddd"]})
    told.model_fields_set.add("gift_cards")
    session = await pricing.shop.checkouts.create_checkout(shopper, told)
    assert session.document["amount_due"]["amount"] == 2000
    assert session.document["tenders"][0]["code_end"] == "DDDD"
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    order = await pricing.shop.orders.get(shopper, str(done.order_number))
    assert (order.total_minor, order.tendered_minor, order.payment_status) == (5000, 3000, "pending")
    assert await _balance(db, "AAAA-BBBB-CCCC-DDDD") == 0
    await pricing.shop.orders.cancel(shopper, order.number)
    assert await _balance(db, "AAAA-BBBB-CCCC-DDDD") == 3000
    assert await faults(db) == {}


async def test_what_a_gift_card_pays_in_full_is_paid(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 9000)
    await pricing.shop.fill(shopper, variant)
    told = DETAILS.model_copy(update={"gift_cards": ["AAAA-BBBB-CCCC-DDDD"], "payment_method": None})
    told.model_fields_set.add("gift_cards")
    session = await pricing.shop.checkouts.create_checkout(shopper, told)
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    order = await pricing.shop.orders.get(shopper, str(done.order_number))
    assert (order.status, order.payment_status, order.tendered_minor) == ("paid", "paid", 5000)
    assert await faults(db) == {}


@pytest.mark.parametrize(
    "columns, reason",
    [
        ({"is_active": False}, "inactive"),
        ({"ends_on": date(2020, 1, 1)}, "expired"),
        ({"currency": "EUR"}, "other_currency"),
    ],
)
async def test_gift_cards_that_cannot_pay(pricing: Pricing, db: Database, columns: dict[str, Any], reason: str) -> None:
    shopper, variant = guest(), await make_product(db)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 9000, **columns)
    await pricing.shop.fill(shopper, variant)
    for code, why in (("AAAA-BBBB-CCCC-DDDD", reason), ("NONE", "unknown")):
        told = DETAILS.model_copy(update={"gift_cards": [code]})
        told.model_fields_set.add("gift_cards")
        with pytest.raises(PannierError) as refusal:
            await pricing.shop.checkouts.create_checkout(shopper, told)
        assert (refusal.value.error, refusal.value.details["reason"]) == ("GIFT_CARD_REJECTED", why)


async def test_points_pay_and_are_earned_when_it_is_paid(db: Database, settings: Settings) -> None:
    pricing = Pricing(Shop.of(db, settings, loyalty_points_per_unit=1, loyalty_point_minor=2))
    shopper, variant = customer("ada"), await make_product(db, price_minor=5000)
    await make_points(db, "ada", 300)
    await pricing.shop.fill(shopper, variant)
    told = DETAILS.model_copy(update={"points": 0})
    told.model_fields_set.add("points")
    session = await pricing.shop.checkouts.create_checkout(shopper, told)
    assert session.document["amount_due"]["amount"] == 4400
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    assert await _points(db, "ada") == 0
    await pricing.shop.orders.pay(shopper, str(done.order_number))
    assert await _points(db, "ada") == 50
    assert await faults(db) == {}


async def _balance(db: Database, code: str) -> int:
    async with db.read() as connection:
        found: int = await connection.fetchval("select balance from purse where code_hash = gift_card_hash($1)", code)
        return found


async def _points(db: Database, user_id: str) -> int:
    async with db.read() as connection:
        found: int = await connection.fetchval(
            "select balance from purse where user_id = $1 and kind = 'points'", user_id
        )
        return found


def told(**fields: Any) -> CheckoutPatch:
    """The usual details, and these."""
    return CheckoutPatch.model_validate({**DETAILS.model_dump(exclude_unset=True), **fields})


async def test_who_agreed_to_pay_the_rest_is_not_charged_the_whole(pricing: Pricing, db: Database) -> None:
    variant = await make_product(db, price_minor=5000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 5000)
    sessions = []
    for shopper in (guest(), guest()):
        await pricing.shop.fill(shopper, variant)
        patch = told(gift_cards=["AAAA-BBBB-CCCC-DDDD"])
        sessions.append((shopper, await pricing.shop.checkouts.create_checkout(shopper, patch)))
    (first, one), (second, other) = sessions
    await pricing.shop.checkouts.complete(first, one.id, expected_total=5000)
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.complete(second, other.id, expected_total=5000)
    assert refusal.value.error == "TOTAL_CHANGED"
    assert refusal.value.details["amount_due"]["amount"] == 5000
    # Shown by the refusal, it can be agreed to.
    await pricing.shop.checkouts.complete(second, other.id, expected_total=5000)
    assert await faults(db) == {}


async def test_a_repeated_request_is_answered_when_the_card_is_spent(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 5000)
    await pricing.shop.fill(shopper, variant)
    patch = told(gift_cards=["AAAA-BBBB-CCCC-DDDD"])
    key = key_of(shopper, "one", method="POST", target="/checkouts", body=b"x")
    first = await pricing.shop.checkouts.create_checkout(shopper, patch, key=key)
    await pricing.shop.checkouts.complete(shopper, first.id)
    again = await pricing.shop.checkouts.create_checkout(shopper, patch, key=key)
    assert (again.is_replay, again.id) == (True, first.id)


async def test_codes_are_not_tried_on_somebody_elses_checkout(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 5000)
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    for code in ("AAAA-BBBB-CCCC-DDDD", "NONE"):
        with pytest.raises(PannierError) as refusal:
            await pricing.shop.checkouts.update(guest(), session.id, told(gift_cards=[code]))
        assert refusal.value.error == "CHECKOUT_NOT_FOUND"


async def test_a_card_is_good_until_its_last_day_is_over_where_the_shop_is(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    pricing = Pricing(Shop.of(db, settings, time_zone="America/Los_Angeles"))
    # Evening in California, the next day in UTC.
    clock.advance(datetime(2030, 6, 2, 3, tzinfo=UTC) - clock.now())
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 9000, ends_on=date(2030, 6, 1))
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, told(gift_cards=["AAAA-BBBB-CCCC-DDDD"]))
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    order = await pricing.shop.orders.get(shopper, str(done.order_number))
    assert order.tendered_minor == 5000


async def test_what_cards_alone_have_paid_is_refunded_with_the_order(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 5000)
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, told(gift_cards=["AAAA-BBBB-CCCC-DDDD"]))
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    await pricing.shop.orders.cancel(shopper, str(done.order_number))
    order = await pricing.shop.orders.get(shopper, str(done.order_number))
    assert (order.status, order.payment_status) == ("canceled", "refunded")


async def test_a_card_without_an_end_has_none_when_it_gets_its_payment_back(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    card = await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 3000)
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, told(gift_cards=["AAAA-BBBB-CCCC-DDDD"]))
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    await pricing.shop.orders.cancel(shopper, str(done.order_number))
    async with db.read() as connection:
        assert await connection.fetchval("select ends_on from purse where id = $1", card) is None
    shown = show(await pricing.shop.orders.get(shopper, str(done.order_number)))
    assert shown["amount_due"]["amount"] == 0
