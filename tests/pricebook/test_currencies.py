"""Carts, checkouts and orders in another currency than the shop's: by price lists, and by the rate of the day."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pannier.cart import CurrencyMismatchError, MergeRequest, MergeService, add
from pannier.cart.models import Command
from pannier.checkout import BuyNowService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.platform.database import Connection, Database
from pannier.platform.principal import Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.pricing import exchanged, read_definition
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card, make_method, make_price_rule, make_promotion, make_rate
from tests.support.pricing import Pricing
from tests.support.shop import DETAILS, Shop, customer, guest, owner_of

#: One euro is so many dollars, so that a dollar is 0.80 euros.
DOLLARS = Decimal("1.25")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"conversion_currencies": ("EUR", "JPY"), "shipping_flat_minor": 1599, "currencies": ("GBP",)}
    )


@pytest.fixture
async def pricing(db: Database, settings: Settings, clock: ManualClock) -> Pricing:
    await rate(db, "USD", DOLLARS, clock.now().date())
    await rate(db, "JPY", Decimal(150), clock.now().date())
    return Pricing(Shop.of(db, settings))


async def rate(db: Database, quote: str, amount: Decimal, on: date) -> None:
    """One euro on a day, as the central bank says."""

    async def command(connection: Connection) -> None:
        await connection.execute(
            "insert into fx_rate (base, quote, on_date, rate, source) values ('EUR', $1, $2, $3::text::numeric, 'ECB')"
            " on conflict (base, quote, on_date) do update set rate = excluded.rate",
            quote,
            on,
            str(amount),
        )
        await connection.execute("select price_book_touch()")

    await db.write(command)


async def put(pricing: Pricing, shopper: Principal, variant: uuid.UUID, currency: str, quantity: int = 1) -> Any:
    """Put units into the shopper's cart, which is made in a currency."""
    command = Command(owner_of(shopper), "cart.item_added", [add(variant, quantity)], currency=currency)
    return (await pricing.shop.carts.apply(command)).cart


async def test_a_cart_in_another_currency_becomes_an_order_with_the_rate_on_it(
    pricing: Pricing, db: Database, clock: ManualClock
) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1001)
    await make_promotion(db, {"type": "order_fixed", "amount": 500}, name="Five dollars off")
    cart = await put(pricing, shopper, variant, "EUR", 3)
    # 10.01 dollars are 8.008 euros; 5.00 are 4.00; 15.99 are 12.792.
    assert (cart.currency, cart.items[0].unit_price.amount, cart.totals.subtotal.amount) == ("EUR", 801, 2403)
    assert (cart.totals.discount.amount, cart.totals.shipping.amount, cart.totals.total.amount) == (400, 1279, 3282)
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    assert session.document["totals"]["total"] == {"amount": 3282, "currency": "EUR"}
    told = session.document["exchange"]
    assert (told["source"], told["target"], told["rate"], told["exact"]) == ("USD", "EUR", "0.8", "4/5")
    assert (told["on"], told["provider"]) == (clock.now().date().isoformat(), "ECB")
    done = await pricing.shop.checkouts.complete(shopper, session.id, expected_total=(3282, "EUR"))
    order = await pricing.shop.orders.get(shopper, str(done.order_number))
    assert (order.currency, order.total_minor, order.quote["exchange"]) == ("EUR", 3282, told)
    assert await faults(db) == {}


async def test_a_price_of_a_list_is_charged_as_it_stands(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    async with db.read() as connection:
        await connection.execute(
            "insert into price (id, variant_id, price_list, currency, amount_minor) values"
            " (gen_random_uuid(), $1, 'default', 'EUR', 777)",
            variant,
        )
        await connection.execute(
            "select catalog_refresh_display(array[product_id]) from variant where id = $1", variant
        )
    assert (await put(pricing, shopper, variant, "EUR")).items[0].unit_price.amount == 777


async def test_a_currency_without_decimals(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1001)
    cart = await put(pricing, shopper, variant, "JPY")
    # 10.01 dollars are 8.008 euros, those 1201.2 yen; 15.99 are 1918.8.
    assert (cart.items[0].unit_price.amount, cart.totals.shipping.amount) == (1201, 1919)
    order = await pricing.order(shopper)
    assert (order.currency, order.total_minor, order.quote["exchange"]["rate"]) == ("JPY", 3120, "120")
    assert await faults(db) == {}


async def test_what_promotions_rules_and_methods_say_in_money_is_converted(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=10_000)
    cup = await make_product(db, price_minor=3000, name="Cup")
    await make_price_rule(db, amount=1000)
    await make_promotion(
        db,
        {"type": "gift", "product": str(cup), "percent": 50, "qty_per_trigger": 1},
        conditions=({"type": "min_subtotal", "amount": 9000},),
    )
    await make_method(db, "parcel", kind="flat", amount=500, free_from=50_000)
    await make_rate(db, "vat", "10", category="standard")
    await put(pricing, shopper, variant, "EUR")
    await pricing.ship_by(shopper, "parcel")
    cart = await pricing.cart(shopper, explains=True)
    # The rule takes 8.00 off 80.00 and off 24.00, the threshold is 72.00, half the cup is 8.00, shipping 4.00.
    assert cart.items[0].unit_price.amount == 7200
    assert [(gift.unit_price.amount, gift.total_price.amount) for gift in cart.gifts] == [(1600, 800)]
    assert cart.totals.shipping.amount == 400
    hints = [hint.text for hint in cart.explanation.hints]  # type: ignore[union-attr] # it was asked for
    assert any("free delivery" in text and "320.00" in text for text in hints), hints
    assert (await pricing.order(shopper)).shipping_minor == 400


async def test_a_method_in_the_currency_is_there_instead_of_the_converted_ones(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    await make_method(db, "parcel", kind="flat", amount=500)
    await make_method(db, "paket", kind="flat", amount=390)
    async with db.read() as connection:
        await connection.execute("update shipping_method set currency = 'EUR' where code = 'paket'")
        await connection.execute("select price_book_touch()")
    assert (await put(pricing, shopper, variant, "EUR")).shipping_options == ["paket"]
    other = guest()
    assert (await put(pricing, other, variant, "USD")).shipping_options == ["parcel"]


async def test_a_currency_without_a_rate_sells_by_its_lists_what_names_no_amount(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    pricing = Pricing(Shop.of(db, settings, shipping_flat_minor=0))
    shopper, variant = guest(), await make_product(db, price_minor=1000, currency="GBP")
    await make_promotion(db, {"type": "order_percent", "percent": 10})
    await make_promotion(db, {"type": "order_fixed", "amount": 500})
    cart = await put(pricing, shopper, variant, "GBP")
    assert (cart.currency, cart.totals.discount.amount, cart.totals.total.amount) == ("GBP", 100, 900)
    order = await pricing.order(shopper)
    assert (order.total_minor, order.quote["exchange"]) == (900, None)


async def test_a_cart_stays_in_its_currency(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db)
    await put(pricing, shopper, variant, "EUR")
    with pytest.raises(CurrencyMismatchError) as refusal:
        await put(pricing, shopper, variant, "USD")
    assert refusal.value.details == {"currency": "EUR", "requested": "USD"}
    await pricing.shop.fill(shopper, variant)
    assert (await pricing.cart(shopper)).currency == "EUR"
    with pytest.raises(ValidationFailedError):
        await put(pricing, guest(), variant, "CHF")


async def test_a_new_rate_is_shown_before_it_is_charged(pricing: Pricing, db: Database, clock: ManualClock) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    await put(pricing, shopper, variant, "EUR")
    session = await pricing.shop.checkouts.create_checkout(shopper, DETAILS)
    await rate(db, "USD", Decimal(1), clock.now().date())
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.complete(shopper, session.id)
    assert refusal.value.error == "TOTAL_CHANGED"
    done = await pricing.shop.checkouts.complete(shopper, session.id, expected_total=2599)
    order = await pricing.shop.orders.get(shopper, str(done.order_number))
    assert (order.total_minor, order.quote["exchange"]["rate"]) == (2599, "1")


async def test_a_rate_that_is_too_old_makes_no_price(pricing: Pricing, db: Database, clock: ManualClock) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    await put(pricing, shopper, variant, "EUR")
    clock.advance(timedelta(days=9))
    with pytest.raises(PannierError) as refusal:
        await put(pricing, guest(), variant, "EUR")
    assert refusal.value.error == "CURRENCY_MISMATCH"


async def test_a_guests_cart_in_another_currency_is_the_users_first_one(pricing: Pricing, db: Database) -> None:
    visitor, variant = guest(), await make_product(db, price_minor=1000)
    await put(pricing, visitor, variant, "EUR")
    merges = MergeService(db, pricing.shop.settings, pricing.shop.carts)
    await merges.merge_at_login(MergeRequest("ada", visitor.cart_token))
    cart = await pricing.cart(customer("ada"))
    assert (cart.currency, [item.unit_price.amount for item in cart.items]) == ("EUR", [800])


async def test_buying_at_once_in_another_currency(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    buying = BuyNowService(pricing.shop.carts, pricing.shop.checkouts)
    command = Command(owner_of(shopper), "cart.bought_now", [add(variant, 1)], currency="EUR")
    bought = await buying.buy(shopper, command, DETAILS, lambda _: None)
    assert bought.checkout.document["totals"]["subtotal"] == {"amount": 800, "currency": "EUR"}


async def test_a_gift_card_pays_in_its_own_currency_only(pricing: Pricing, db: Database) -> None:
    shopper, variant = guest(), await make_product(db, price_minor=1000)
    await make_gift_card(db, "AAAA-BBBB-CCCC-DDDD", 9000)
    await put(pricing, shopper, variant, "EUR")
    told = DETAILS.model_copy(update={"gift_cards": ["AAAA-BBBB-CCCC-DDDD"]})
    told.model_fields_set.add("gift_cards")
    with pytest.raises(PannierError) as refusal:
        await pricing.shop.checkouts.create_checkout(shopper, told)
    assert refusal.value.details["reason"] == "other_currency"


def test_every_amount_of_a_rule_is_converted_and_nothing_else() -> None:
    definition = {
        "id": "p",
        "actions": [
            {"type": "order_percent", "percent": 10, "cap": 500, "filter": {"min_unit": 100}},
            {"type": "tiered_percent", "basis": "subtotal", "tiers": [{"from": 1000, "percent": 5}]},
            {"type": "tiered_percent", "basis": "quantity", "tiers": [{"from": 10, "percent": 5}]},
            {"type": "bundle_price", "qty": 3, "price": 900},
        ],
        "conditions": [{"type": "min_subtotal", "amount": 2000}, {"type": "min_quantity", "qty": 4}],
    }
    promotion = read_definition("promotion", definition)
    doubled = exchanged(promotion, lambda amount: amount * 2)
    percent, by_subtotal, by_quantity, bundle = doubled.actions
    assert (percent.cap_minor, percent.percent, percent.filter.min_unit_minor) == (1000, 10, 200)
    assert (by_subtotal.tiers[0].from_, by_quantity.tiers[0].from_, bundle.price_minor, bundle.qty) == (
        2000,
        10,
        1800,
        3,
    )
    assert (doubled.conditions[0].amount_minor, doubled.conditions[1].qty) == (4000, 4)
    assert exchanged(by_quantity, lambda amount: amount * 2) is by_quantity
    assert replace(promotion, actions=()) == replace(doubled, actions=(), conditions=promotion.conditions)
