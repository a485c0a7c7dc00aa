"""Carts and orders at the prices of the shop's own promotions, rates and methods."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import timedelta

import msgspec
import pytest

from pannier.cart import Change, CouponRejectedError, MergeRequest, MergeService, add
from pannier.cart.models import Command
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricing import ShippingNotAvailableError
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import (
    make_coupon,
    make_method,
    make_price_rule,
    make_promotion,
    make_rate,
    make_zone,
    put_into_category,
    set_groups,
)
from tests.support.pricing import Pricing
from tests.support.shop import DETAILS, Shop, customer, guest, owner_of

TEN_OFF = {"type": "order_percent", "percent": 10}


@pytest.fixture
def pricing(db: Database, settings: Settings) -> Pricing:
    return Pricing(Shop.of(db, settings))


async def test_a_promotion_is_in_the_cart_and_in_the_order(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1999)
    await pricing.shop.fill(shopper, variant, 3)
    promotion = await make_promotion(db, TEN_OFF, name="Ten off")
    cart = await pricing.cart(shopper)
    assert (cart.totals.subtotal.amount, cart.totals.discount.amount, cart.totals.total.amount) == (5997, 600, 5397)
    assert [(one.id, one.name, one.amount.amount) for one in cart.promotions] == [(promotion, "Ten off", 600)]
    assert [(d.source, d.amount.amount) for d in cart.items[0].discounts] == [(promotion, 600)]
    order = await pricing.order(shopper)
    assert (order.discount_minor, order.total_minor) == (600, 5397)
    assert order.quote["promotions"][0]["name"] == "Ten off"
    assert order.lines[0].discount_minor == 600
    assert await faults(db) == {}


async def test_every_process_knows_a_change_with_the_next_answer(db: Database, settings: Settings) -> None:
    one, other = Pricing(Shop.of(db, settings)), Pricing(Shop.of(db, settings))
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    await one.shop.fill(shopper, variant)
    assert (await other.cart(shopper)).totals.total.amount == 1000
    await make_promotion(db, TEN_OFF)
    assert (await one.cart(shopper)).totals.total.amount == 900
    assert (await other.cart(shopper)).totals.total.amount == 900


async def test_codes_come_and_go_and_are_refused_with_the_reason(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    pricing = Pricing(Shop.of(db, settings, coupon_case_sensitive=True))
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    today = clock.now().date()
    promotion = await make_promotion(
        db, TEN_OFF, needs_code=True, conditions=({"type": "min_subtotal", "amount": 8000},)
    )
    await make_coupon(db, promotion, "TEN")
    await make_coupon(db, promotion, "LATER", starts_on=today + timedelta(days=1))
    await make_coupon(db, promotion, "OVER", ends_on=today - timedelta(days=1))
    await make_coupon(db, promotion, "GONE", use_limit=0)
    await make_coupon(db, promotion, "OFF", is_active=False)
    await pricing.shop.fill(shopper, variant)
    assert await pricing.refused(shopper, "NONE") == "unknown"
    assert await pricing.refused(shopper, "ten") == "unknown"
    assert await pricing.refused(shopper, "LATER") == "not_started"
    assert await pricing.refused(shopper, "OVER") == "expired"
    assert await pricing.refused(shopper, "GONE") == "usage_limit"
    assert await pricing.refused(shopper, "OFF") == "inactive"
    assert await pricing.refused(shopper, "TEN") == "not_applicable"
    await pricing.shop.fill(shopper, variant)
    cart = await pricing.enter(shopper, "TEN")
    assert (cart.coupons, cart.totals.discount.amount) == (["TEN"], 1000)
    assert await pricing.refused(shopper, "TEN") == "already_applied"
    cart = await pricing.leave(shopper, "TEN")
    assert (cart.coupons, cart.totals.discount.amount) == ([], 0)
    with pytest.raises(CouponRejectedError) as refusal:
        await pricing.leave(shopper, "TEN")
    assert refusal.value.details["reason"] == "not_present"


async def test_a_code_that_no_longer_fits_stays_and_says_so(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    promotion = await make_promotion(
        db, TEN_OFF, needs_code=True, conditions=({"type": "min_subtotal", "amount": 8000},)
    )
    await make_coupon(db, promotion, "TEN")
    line = await pricing.shop.fill(shopper, variant, 2)
    await pricing.enter(shopper, "TEN")
    fewer = Command(owner_of(shopper), "cart.item_changed", [Change(op="set", line_id=line, quantity=1)])
    cart = (await pricing.shop.carts.apply(fewer)).cart
    assert (cart.coupons, cart.totals.discount.amount) == (["TEN"], 0)
    assert [message.code for message in cart.messages] == ["COUPON_GIVES_NOTHING"]


async def test_entering_a_code_twice_with_one_key_is_once(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db)
    promotion = await make_promotion(db, TEN_OFF, needs_code=True)
    await make_coupon(db, promotion, "TEN")
    await pricing.shop.fill(shopper, variant)
    key = {"idempotency_key": "k1", "request_hash": b"one"}
    first = await pricing.enter(shopper, "TEN", **key)
    again = await pricing.enter(shopper, "TEN", **key)
    assert (again.version, again.coupons) == (first.version, ["TEN"])
    refused = {"idempotency_key": "k2", "request_hash": b"two"}
    for _ in range(2):
        with pytest.raises(CouponRejectedError):
            await pricing.enter(shopper, "NONE", **refused)
    assert (await pricing.cart(shopper)).version == first.version


async def test_a_code_that_stands_alone_takes_the_others_off(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db)
    plain = await make_promotion(db, TEN_OFF, needs_code=True)
    alone = await make_promotion(db, {"type": "order_percent", "percent": 20}, needs_code=True, exclusive=True)
    await make_coupon(db, plain, "TEN")
    await make_coupon(db, alone, "ALONE")
    await pricing.shop.fill(shopper, variant)
    await pricing.enter(shopper, "TEN")
    assert (await pricing.enter(shopper, "ALONE")).coupons == ["ALONE"]
    assert await pricing.refused(shopper, "TEN") == "not_applicable"


async def test_codes_are_good_however_they_are_written(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db)
    await make_coupon(db, await make_promotion(db, TEN_OFF, needs_code=True), "Spring-10")
    await pricing.shop.fill(shopper, variant)
    assert (await pricing.enter(shopper, "SPRING-10")).coupons == ["Spring-10"]
    assert (await pricing.leave(shopper, "spring-10")).coupons == []


async def test_tax_is_that_of_where_it_goes(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=10_000)
    await make_zone(db, "DE", "DE")
    await make_zone(db, "CA-QC", "CA", "QC")
    await make_rate(db, "vat", "19", zone="DE", included=True)
    await make_rate(db, "gst", "5", zone="CA-QC")
    await make_rate(db, "qst", "9.975", zone="CA-QC")
    await pricing.shop.fill(shopper, variant)
    assert (await pricing.cart(shopper)).totals.tax.amount == 0
    german = await pricing.send_to(shopper, country="DE")
    assert (german.totals.tax.amount, german.totals.tax_included, german.totals.total.amount) == (1597, True, 10_000)
    quebec = await pricing.send_to(shopper, country="CA", region="QC", postal_code="G1A 0A2")
    assert (quebec.totals.tax.amount, quebec.totals.tax_added.amount, quebec.totals.total.amount) == (
        1498,
        1498,
        11_498,
    )
    order = await pricing.order(shopper)
    # The address of the checkout counts, which is in the United States.
    assert (order.tax_minor, order.quote["zone"]) == (0, None)


async def test_an_order_keeps_what_each_rate_made(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=10_000)
    await make_zone(db, "US", "US")
    await make_rate(db, "state", "4", zone="US")
    await make_rate(db, "county", "2.5", zone="US")
    await pricing.shop.fill(shopper, variant, 2)
    order = await pricing.order(shopper)
    assert [(t["percent"], t["base_minor"], t["amount_minor"]) for t in order.quote["taxes"]] == [
        ("4", 20_000, 800),
        ("2.5", 20_000, 500),
    ]
    assert (order.tax_minor, order.total_minor) == (1300, 21_300)


async def test_ways_of_shipping_are_offered_chosen_and_refused(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=3000)
    await make_method(db, "parcel", kind="flat", amount=599, free_from=8000, days=(2, 4))
    await make_method(db, "express", position=1, kind="flat", amount=1999, max_subtotal=5000)
    await pricing.shop.fill(shopper, variant)
    options = await pricing.service.shipping_options(owner_of(shopper), None)
    assert [(o.id, o.amount.amount, o.is_available, o.delivery_days) for o in options.options] == [
        ("parcel", 599, True, [2, 4]),
        ("express", 1999, True, None),
    ]
    cart = await pricing.ship_by(shopper, "express")
    assert (cart.shipping_method, cart.totals.shipping.amount) == ("express", 1999)
    await pricing.shop.fill(shopper, variant, 2)
    with pytest.raises(ShippingNotAvailableError):
        await pricing.ship_by(shopper, "express")
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    assert [entry["error"] for entry in session.document["requirements"]] == ["SHIPPING_NOT_AVAILABLE"]
    cart = await pricing.ship_by(shopper, "parcel")
    assert cart.totals.shipping.amount == 0
    order = await pricing.order(shopper)
    assert (order.shipping_method, order.shipping_minor, order.total_minor) == ("parcel", 0, 9000)


async def test_without_a_choice_between_methods_there_is_no_order(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db)
    await make_method(db, "parcel", kind="flat", amount=599)
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    assert [entry["error"] for entry in session.document["requirements"]] == ["SHIPPING_METHOD_REQUIRED"]
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.complete(shopper, session.id)
    assert refusal.value.error == "CHECKOUT_NOT_READY"


async def test_a_rule_of_the_catalogue_lowers_the_price_of_its_goods(pricing: Pricing, db: Database) -> None:
    shopper = guest()
    lamp, chair = await make_product(db, price_minor=10_000), await make_product(db, price_minor=10_000)
    await put_into_category(db, lamp, "lamps")
    await make_price_rule(db, percent=25, filter={"categories": ["lamps"]})
    await pricing.shop.fill(shopper, lamp)
    await pricing.shop.fill(shopper, chair)
    cart = await pricing.cart(shopper)
    assert {item.variant_id: item.unit_price.amount for item in cart.items} == {str(lamp): 7500, str(chair): 10_000}


async def test_a_promotion_for_a_group_and_for_the_first_order(pricing: Pricing, db: Database) -> None:
    shopper, variant = customer("ada"), await make_product(db, price_minor=1000)
    await make_promotion(db, TEN_OFF, conditions=({"type": "customer_group", "group": "friends"},))
    await make_promotion(db, {"type": "order_fixed", "amount": 100}, conditions=({"type": "nth_order", "n": 1},))
    await pricing.shop.fill(shopper, variant)
    assert (await pricing.cart(shopper)).totals.discount.amount == 100
    await set_groups(db, "ada", "friends")
    assert (await pricing.cart(shopper)).totals.discount.amount == 200
    await pricing.order(shopper)
    await pricing.shop.fill(shopper, variant)
    assert (await pricing.cart(shopper)).totals.discount.amount == 100


async def test_the_reason_of_every_figure_and_what_is_missing(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=4000)
    await make_promotion(db, TEN_OFF, name="Ten from 50", conditions=({"type": "min_subtotal", "amount": 5000},))
    await make_method(db, "parcel", kind="flat", amount=599, free_from=5000)
    await pricing.shop.fill(shopper, variant)
    await pricing.ship_by(shopper, "parcel")
    explanation = (await pricing.cart(shopper, explains=True)).explanation
    assert explanation is not msgspec.UNSET
    hints = {hint.code: hint.text for hint in explanation.hints}
    assert "10.00" in hints["PROMOTION_NEAR"]
    assert "10.00" in hints["FREE_DELIVERY_NEAR"]
    stages = [(step.stage, step.amount.amount) for step in explanation.steps]
    assert {("shipping", 599), ("total", 4599)} <= set(stages)


async def test_what_was_shown_is_what_is_placed(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    await pricing.shop.fill(shopper, variant)
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    await make_promotion(db, TEN_OFF)
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.complete(shopper, session.id, expected_total=5000)
    assert refusal.value.error == "TOTAL_CHANGED"
    await make_promotion(db, {"type": "shipping_percent", "percent": 100}, name="Free delivery")
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.complete(shopper, session.id)
    assert refusal.value.error == "PROMOTION_CHANGED"
    done = await pricing.shop.checkouts.complete(shopper, session.id)
    assert (await pricing.shop.orders.get(shopper, str(done.order_number))).total_minor == 4500


async def test_a_gift_comes_along_while_there_are_any(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=5000)
    cup = await make_product(db, price_minor=1200, on_hand=1, name="Cup")
    await make_promotion(
        db,
        {"type": "gift", "product": str(cup), "qty_per_trigger": 1},
        conditions=({"type": "contains", "filter": {"products": [str(variant)]}, "qty": 1},),
    )
    await pricing.shop.fill(shopper, variant)
    cart = await pricing.cart(shopper)
    assert [(gift.name, gift.quantity, gift.total_price.amount) for gift in cart.gifts] == [("Cup", 1, 0)]
    order = await pricing.order(shopper)
    assert [(line.name, line.quantity, line.total_minor) for line in order.lines] == [
        ("Oak stool", 1, 5000),
        ("Cup", 1, 0),
    ]
    assert order.lines[1].stock_state == "committed"
    late = guest()
    await pricing.shop.fill(late, variant)
    assert [line.name for line in (await pricing.order(late)).lines] == ["Oak stool"]
    assert await faults(db) == {}


async def test_replaying_an_answer_shows_the_prices_it_was_given_with(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    command = Command(owner_of(shopper), "cart.item_added", [add(variant, 1)], idempotency_key="k", request_hash=b"h")
    first = await pricing.shop.carts.apply(command)
    await make_promotion(db, TEN_OFF)
    again = await pricing.shop.carts.apply(dataclasses.replace(command, op_id=uuid.uuid4()))
    assert again.is_replay
    assert again.cart.totals == first.cart.totals
    assert (await pricing.cart(shopper)).totals.total.amount == 900


async def test_a_code_that_she_has_used_up_leaves_the_cart_when_she_signs_in(pricing: Pricing, db: Database) -> None:
    variant, merges = await make_product(db), MergeService(db, pricing.shop.settings, pricing.shop.carts)
    promotion = await make_promotion(db, TEN_OFF, needs_code=True)
    await make_coupon(db, promotion, "ONCE", per_customer=1)
    await make_coupon(db, promotion, "OFTEN")
    ada, visitor = customer("ada"), guest()
    await pricing.shop.fill(ada, variant)
    await pricing.enter(ada, "ONCE")
    await pricing.order(ada)
    await pricing.shop.fill(visitor, variant)
    await pricing.enter(visitor, "ONCE")
    await pricing.enter(visitor, "OFTEN")
    await merges.merge_at_login(MergeRequest("ada", visitor.cart_token))
    assert (await pricing.cart(ada)).coupons == ["OFTEN"]
