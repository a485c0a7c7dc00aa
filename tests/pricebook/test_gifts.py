"""Goods that promotions give away: shown as far as they are there, told where they are not, and given as shown."""

from __future__ import annotations

import uuid

import pytest

from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricing import gifts_left
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_promotion
from tests.support.pricing import Pricing
from tests.support.shop import DETAILS, Shop, guest, stock_figures


@pytest.fixture
def pricing(db: Database, settings: Settings) -> Pricing:
    return Pricing(Shop.of(db, settings))


async def _cup_with(db: Database, variant: uuid.UUID, *, on_hand: int | None, percent: int = 100) -> uuid.UUID:
    """A cup that goes with each unit of a variant, and of which there are so many."""
    cup = await make_product(db, price_minor=1200, on_hand=on_hand, name="Cup")
    await make_promotion(
        db,
        {"type": "gift", "product": str(cup), "qty_per_trigger": 1, "percent": percent},
        name="A cup with it",
        conditions=({"type": "contains", "filter": {"products": [str(variant)]}, "qty": 1},),
    )
    return cup


async def test_the_cart_says_that_a_gift_is_out_of_stock(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    cup = await _cup_with(db, variant, on_hand=0)
    await pricing.shop.fill(shopper, variant)
    cart = await pricing.cart(shopper)
    assert cart.gifts == []
    (told,) = [message for message in cart.messages if message.code == "GIFT_OUT_OF_STOCK"]
    assert told.details == {"variant_id": str(cup), "requested": 1, "available": 0}
    assert "Cup" in told.text
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    assert [message["code"] for message in session.document["messages"]] == ["GIFT_OUT_OF_STOCK"]
    assert [line["name"] for line in session.document["line_items"]] == ["Oak stool"]
    explained = (await pricing.cart(shopper, explains=True)).explanation
    assert "GIFT_OUT_OF_STOCK" in [hint.code for hint in explained.hints]  # type: ignore[union-attr] # it was asked for
    assert (await pricing.order(shopper)).total_minor == 5000


async def test_as_many_are_given_as_there_are(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    cup = await _cup_with(db, variant, on_hand=2)
    await pricing.shop.fill(shopper, variant, 3)
    cart = await pricing.cart(shopper)
    assert [(gift.name, gift.quantity) for gift in cart.gifts] == [("Cup", 2)]
    order = await pricing.order(shopper)
    assert [(line.name, line.quantity) for line in order.lines] == [("Oak stool", 3), ("Cup", 2)]
    assert await stock_figures(db, cup) == (0, 0)
    assert await faults(db) == {}


async def test_units_in_the_cart_are_not_given_away_twice(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    cup = await _cup_with(db, variant, on_hand=3)
    await pricing.shop.fill(shopper, variant, 2)
    await pricing.shop.fill(shopper, cup, 2)
    cart = await pricing.cart(shopper)
    assert [(gift.name, gift.quantity) for gift in cart.gifts] == [("Cup", 1)]
    order = await pricing.order(shopper)
    assert [(line.name, line.quantity, line.total_minor) for line in order.lines] == [
        ("Oak stool", 2, 10_000), ("Cup", 2, 2400), ("Cup", 1, 0),
    ]  # fmt: skip
    assert await stock_figures(db, cup) == (0, 0)
    assert await faults(db) == {}


async def test_units_that_others_hold_are_not_there(pricing: Pricing, db: Database) -> None:
    shopper, other, variant = guest(), guest(), await make_product(db, price_minor=5000)
    cup = await _cup_with(db, variant, on_hand=1)
    await pricing.shop.fill(shopper, variant)
    assert len((await pricing.cart(shopper)).gifts) == 1
    await pricing.shop.fill(other, cup)
    assert (await pricing.cart(shopper)).gifts == []


async def test_a_gift_that_was_shown_and_is_gone_is_told_before_the_order(pricing: Pricing, db: Database) -> None:
    shopper, other, variant = guest(), guest(), await make_product(db, price_minor=5000)
    cup = await _cup_with(db, variant, on_hand=1)
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    await pricing.shop.fill(other, cup)
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.complete(shopper, session.id, expected_total=5000)
    assert refusal.value.error == "PROMOTION_CHANGED"
    assert [line["name"] for line in refusal.value.details["line_items"]] == ["Oak stool"]
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    assert [line.name for line in (await pricing.shop.orders.get(shopper, str(done.order_number))).lines] == [
        "Oak stool"
    ]


async def test_a_gift_at_half_price_that_is_not_there_changes_the_total(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await _cup_with(db, variant, on_hand=1, percent=50)
    await pricing.shop.fill(shopper, variant, 2)
    assert (await pricing.cart(shopper)).totals.total.amount == 10_600
    assert (await pricing.order(shopper)).total_minor == 10_600


async def test_what_is_not_counted_is_given_without_a_bound(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await _cup_with(db, variant, on_hand=None)
    await pricing.shop.fill(shopper, variant, 3)
    assert [gift.quantity for gift in (await pricing.cart(shopper)).gifts] == [3]
    assert [line.quantity for line in (await pricing.order(shopper)).lines] == [3, 3]


def test_what_can_be_given_is_what_is_left_beside_the_basket() -> None:
    stock = {"a": 5, "b": 5, "c": None}
    assert gifts_left(stock, {"a": 3, "b": 9}, {"a": 2}) == {"a": 4, "b": 0}
