"""A purchase by pages alone in a shop with promotions, codes, methods, taxes and gift cards."""

from __future__ import annotations

import pytest
import pytest_asyncio

from pannier.platform.database import Database
from tests.storefront.reader import Page, Reader
from tests.storefront.test_purchase import ADDRESS, checkout, fill, order_form
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import (
    make_coupon,
    make_gift_card,
    make_method,
    make_price_rule,
    make_promotion,
    make_rate,
    make_zone,
)
from tests.support.shop import count


async def furnish(db: Database) -> None:
    """Two ways of shipping, a tax in one country, a promotion, a code and a gift card."""
    await make_zone(db, "us", "US")
    await make_rate(db, "us", "10", zone="us")
    await make_method(db, "standard", days=(2, 4), kind="flat", amount=490, free_from=10_000)
    await make_method(db, "express", position=1, days=(1, 1), kind="flat", amount=1290, zones=["us"])
    floor = {"type": "min_subtotal", "amount": 5_000}
    await make_promotion(db, {"type": "item_percent", "percent": 10}, name="Ten off everything", conditions=(floor,))
    welcome = await make_promotion(db, {"type": "order_fixed", "amount": 500}, name="Welcome", needs_code=True)
    await make_coupon(db, welcome, "HELLO5")
    await make_gift_card(db, "GIFT-2026-ABCD", 2_000)


@pytest_asyncio.fixture
async def shop(reader: Reader, db: Database) -> Reader:
    """Somebody who looks at a shop with all that."""
    await furnish(db)
    return reader


async def apply(page: Page, reader: Reader, code: str) -> Page:
    return await reader.send(page.form("/cart/coupons"), code=code)


async def test_a_code_comes_and_goes(shop: Reader) -> None:
    await fill(shop)
    page = await apply(await shop.open("/cart"), shop, "HELLO5")
    assert page.path == "/cart"
    assert "is on your cart" in page.text
    assert "Welcome −$5.00" in page.text
    assert "Total $27.00" in page.text
    gone = await shop.send(page.form("/cart/coupons/remove"))
    assert "is off your cart" in gone.text
    assert "Total $32.00" in gone.text


@pytest.mark.parametrize(
    "code, reason",
    [("NOSUCH", "There is no code NOSUCH"), ("", "Enter a code."), ("x" * 65, "no code of ours"), ("a\x01", "no code")],
)
async def test_a_code_that_is_refused_is_said_beside_the_field(shop: Reader, code: str, reason: str) -> None:
    await fill(shop)
    page = await apply(await shop.open("/cart"), shop, code)
    assert page.status in {409, 422}
    assert reason in page.text
    assert page.invalid == ["code"]
    assert page.form("/cart/coupons").fields["code"] == code
    assert (await shop.open(page.path)).path == "/cart"


async def test_what_is_near_is_told_and_what_applies_is_named(shop: Reader) -> None:
    await fill(shop)
    assert "Ten off everything" in (await shop.open("/cart")).text
    await fill(shop, quantity=1)
    page = await shop.open("/cart")
    assert "−$6.40 Ten off everything" in page.text
    assert "Subtotal $64.00 Ten off everything −$6.40" in page.text
    assert "Shipping Chosen at checkout" in page.text
    assert "Shipping Free" not in page.text


async def test_an_estimate_of_shipping_and_tax(shop: Reader) -> None:
    await fill(shop)
    page = await shop.open("/cart")
    assert "How is it to be shipped?" not in page.text
    refused = await shop.send(page.form("/cart/destination"), country="XX")
    assert refused.invalid == ["country"]
    page = await shop.send(page.form("/cart/destination"), country="US", postal_code="62701")
    assert "Sent to United States, 62701" in page.text
    assert "Tax $3.20" in page.text
    form = page.form("/cart/shipping-method")
    assert [method for method, _ in form.choices["shipping_method"]] == ["standard", "express"]
    missing = await shop.send(form)
    assert "Choose how it is shipped." in missing.text
    chosen = await shop.send(form, shipping_method="express")
    assert "Shipping $12.90" in chosen.text
    assert chosen.form("/cart/shipping-method").fields["shipping_method"] == "express"
    elsewhere = await shop.send(chosen.form("/cart/destination"), country="DE")
    assert [m for m, _ in elsewhere.form("/cart/shipping-method").choices["shipping_method"]] == ["standard"]
    forged = await shop.send(elsewhere.form("/cart/shipping-method"), shipping_method="express")
    assert forged.status == 409
    assert "cannot be shipped that way" in forged.text


async def test_from_a_code_to_an_order_that_a_gift_card_helps_to_pay(shop: Reader, db: Database) -> None:
    await fill(shop, quantity=2)
    await apply(await shop.open("/cart"), shop, "HELLO5")
    page = await checkout(shop)
    # Nobody has asked where to, and there is a total all the same.
    assert [method for method, _ in order_form(page).choices["shipping_method"]] == ["standard"]
    assert "Shipping $4.90" in page.text
    page = await shop.send(order_form(page), do="update", **ADDRESS)
    form = order_form(page)
    assert [method for method, _ in form.choices["shipping_method"]] == ["standard", "express"]
    assert (form.fields["shipping_method"], form.fields["city"]) == ("standard", "Springfield")
    page = await shop.send(form, do="update", shipping_method="express")
    assert "Shipping $12.90" in page.text
    wrong = await shop.send(order_form(page), do="gift_card", gift_card="GIFT-0000-0000")
    assert wrong.status == 409
    assert "#gift_card" in wrong.links
    assert wrong.invalid == ["gift_card"]
    page = await shop.send(order_form(wrong), do="gift_card", gift_card="gift2026abcd")
    assert "Gift card …ABCD −$20.00" in page.text
    form = order_form(page)
    # 64.00 less 6.40 and 5.00, shipping 12.90, tax of a tenth of the goods.
    assert form.fields["expected_total"] == "7076"
    assert "To pay $50.76" in page.text
    # Another way of shipping is another total: it is shown first.
    changed = await shop.send(form, do="order", shipping_method="standard")
    assert changed.status == 409
    assert "The total has changed: it is $62.76 now." in changed.text
    assert await count(db, "orders") == 0
    done = await shop.send(order_form(changed), do="order")
    assert "Thank you" in done.text
    for shown in ("Ten off everything", "Welcome", "10 % tax", "Gift card …ABCD −$20.00", "To pay $42.76"):
        assert shown in done.text
    assert await faults(db) == {}


async def test_a_second_card_pays_beside_the_first_and_can_be_taken_off(shop: Reader, db: Database) -> None:
    await make_gift_card(db, "GIFT-2026-WXYZ", 9_000)
    await fill(shop)
    page = await shop.send(order_form(await checkout(shop)), do="update", **ADDRESS)
    page = await shop.send(order_form(page), do="gift_card", gift_card="GIFT-2026-ABCD")
    page = await shop.send(order_form(page), do="gift_card", gift_card="GIFT-2026-WXYZ", shipping_method="standard")
    assert "…ABCD −$20.00" in page.text
    assert "Nothing is left to pay." in page.text
    form = order_form(page)
    assert "payment_method" not in form.choices
    drop = next(value for name, value, _ in form.buttons if value.startswith("drop:"))
    fewer = await shop.send(form, do=drop)
    assert "…ABCD" not in fewer.text
    assert "…WXYZ" in fewer.text
    done = await shop.send(order_form(fewer), do="order")
    assert "To pay $0.00" in done.text
    assert "Payment" not in done.text
    assert await faults(db) == {}


async def test_an_estimate_is_no_address_that_was_begun(shop: Reader) -> None:
    await fill(shop)
    await shop.send((await shop.open("/cart")).form("/cart/destination"), country="US", postal_code="62701")
    page = await checkout(shop)
    assert order_form(page).fields["postal_code"] == "62701"
    assert [way for way, _ in order_form(page).choices["shipping_method"]] == ["standard", "express"]
    paid = await shop.send(order_form(page), do="gift_card", gift_card="GIFT-2026-ABCD", shipping_method="express")
    assert paid.status == 200
    assert "Gift card …ABCD −$20.00" in paid.text
    begun = await shop.send(order_form(paid), do="update", name="Jane")
    assert begun.invalid == ["line1", "city"]


async def test_an_address_to_which_the_chosen_way_does_not_lead_is_kept(shop: Reader) -> None:
    await fill(shop)
    page = await shop.send(order_form(await checkout(shop)), do="update", **ADDRESS)
    page = await shop.send(order_form(page), do="update", shipping_method="express")
    page = await shop.send(order_form(page), do="update", country="DE")
    form = order_form(page)
    assert form.fields["country"] == "DE"
    assert [method for method, _ in form.choices["shipping_method"]] == ["standard"]
    assert "For that address delivery is Standard now." in page.text
    assert "Shipping $4.90" in page.text
    forged = await shop.send(form, do="order", shipping_method="express")
    assert "#shipping_method" in forged.links
    assert "Thank you" in (await shop.send(form, do="order")).text


async def test_one_page_from_the_cart_to_an_order(shop: Reader, db: Database) -> None:
    """The total that is shown first is what it costs where nothing depends on the address."""
    await fill(shop)
    page = await checkout(shop)
    assert order_form(page).fields["shipping_method"] == "standard"
    assert "Total $36.90" in page.text
    done = await shop.send(order_form(page), do="order", **(ADDRESS | {"country": "DE"}))
    assert "Thank you" in done.text
    assert "Total $36.90" in done.text
    assert await faults(db) == {}


async def test_another_way_of_shipping_is_asked_for_once_more_with_its_total(shop: Reader, db: Database) -> None:
    await make_method(db, "slow", position=2, days=(9, 12), kind="flat", amount=190, zones=["us"])
    await fill(shop)
    page = await checkout(shop)
    # Cheaper where it goes than what could be had anywhere: chosen, since the shopper left the choice as it was.
    asked = await shop.send(order_form(page), do="order", **ADDRESS)
    assert asked.status == 409
    assert "Delivery is Slow, $1.90: the total is $37.10." in asked.text
    assert order_form(asked).fields["shipping_method"] == "slow"
    # And what he chooses himself is what he gets.
    again = await shop.send(order_form(asked), do="order", shipping_method="express")
    assert again.status == 409
    assert "The total has changed: it is $48.10 now." in again.text
    assert await count(db, "orders") == 0
    done = await shop.send(order_form(again), do="order")
    assert "Shipping $12.90" in done.text
    assert "Express, " in done.text
    assert await faults(db) == {}


async def test_what_has_to_be_fetched_is_not_chosen_for_anybody(shop: Reader, db: Database) -> None:
    async with db.read() as connection:
        await connection.execute("update shipping_method set fulfilment = 'pickup' where code = 'standard'")
    await make_method(db, "courier", position=3, days=(1, 1), kind="flat", amount=990)
    await fill(shop)
    page = await checkout(shop)
    assert order_form(page).fields["shipping_method"] == "courier"
    assert "Shipping $9.90" in page.text


async def test_a_code_that_was_used_up_is_named_and_can_be_removed(shop: Reader, db: Database) -> None:
    promotion = await make_promotion(db, {"type": "order_fixed", "amount": 100}, name="Once", needs_code=True)
    await make_coupon(db, promotion, "ONCE", use_limit=1)
    await fill(shop)
    await apply(await shop.open("/cart"), shop, "ONCE")
    page = await shop.send(order_form(await checkout(shop)), do="update", **ADDRESS)
    page = await shop.send(order_form(page), do="update", shipping_method="standard")
    async with db.read() as connection:
        await connection.execute("update coupon set used = 1 where code = 'ONCE'")
    refused = await shop.send(order_form(page), do="order")
    assert refused.status == 409
    assert "#coupons" in refused.links
    page = await shop.send(order_form(refused), do="uncode:ONCE")
    assert "ONCE" not in page.text
    assert "Thank you" in (await shop.send(order_form(page), do="order")).text


async def test_a_gift_is_a_line_of_its_own(shop: Reader, db: Database) -> None:
    variant = await make_product(db, name="A small gift", sku="GIFT-1", price_minor=700)
    gift = {"type": "gift", "product": str(variant), "qty_per_trigger": 1, "percent": 100}
    bowl = {"type": "contains", "filter": {}, "qty": 1}
    await make_promotion(db, gift, name="A gift for you", conditions=(bowl,))
    await fill(shop)
    page = await shop.open("/cart")
    assert "A small gift A gift: A gift for you Free" in page.text
    page = await shop.send(order_form(await checkout(shop)), do="update", **ADDRESS)
    assert "A small gift" in page.text
    assert "A gift Free" in page.text


async def test_a_price_rule_is_struck_against_the_list_price(shop: Reader, db: Database) -> None:
    await make_price_rule(db, percent=25)
    await fill(shop)
    for path in ("/", "/p/cobalt-bowl", "/?q=cobalt", "/cart"):
        assert "Now $24.00 was $32.00" in (await shop.open(path)).text, path
    # A price that was reduced before is struck against the one before that.
    assert "Now $66.75 was $119.00" in (await shop.open("/p/table-lamp")).text
    answer = await shop.http.get("/api/v1/products/cobalt-bowl")
    (variant,) = answer.json()["variants"]
    assert (variant["price"]["amount"], variant["compare_at_price"]["amount"], variant["on_sale"]) == (2400, 3200, True)
    cards = (await shop.http.get("/api/v1/products", params={"q": "cobalt"})).json()["products"]
    assert [(card["price"]["amount"], card["compare_at_price"]["amount"]) for card in cards] == [(2400, 3200)]


async def test_a_shop_without_any_of_it_looks_as_before(reader: Reader) -> None:
    await fill(reader)
    cart = await reader.open("/cart")
    assert [form.action for form in cart.forms if form.action.startswith(("/cart/c", "/cart/d", "/cart/s"))] == []
    assert "Shipping Free" in cart.text
    page = await checkout(reader)
    assert [value for name, value, _ in order_form(page).buttons] == ["order"]
    assert "shipping_method" not in order_form(page).choices
