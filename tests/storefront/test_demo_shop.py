"""The demo is a shop: its code, its gift card and its ways of shipping are good, and are put into no other."""

from __future__ import annotations

import pytest

from pannier.app.demo_codes import DEMO_CODE, DEMO_GIFT_CARD
from pannier.app.demo_shop import furnish_demo
from pannier.platform.database import Database
from tests.storefront.reader import Reader
from tests.storefront.test_purchase import ADDRESS, checkout, fill, order_form
from tests.support.books import faults
from tests.support.offers import make_zone
from tests.support.shop import count


async def test_a_purchase_with_all_that_the_demo_has(reader: Reader, db: Database) -> None:
    await furnish_demo(db, currency="USD", has_gift_card=True)
    await furnish_demo(db, currency="USD", has_gift_card=True)
    await fill(reader)
    cart = await reader.open("/cart")
    assert "Ten percent off from 150" in cart.text
    coded = await reader.send(cart.form("/cart/coupons"), code=DEMO_CODE)
    assert "Welcome −$3.20" in coded.text
    page = await reader.send(order_form(await checkout(reader)), do="update", **ADDRESS)
    ways = [way for way, _ in order_form(page).choices["shipping_method"]]
    assert ways == ["standard", "express", "pickup"]
    done = await reader.send(order_form(page), do="gift_card", shipping_method="pickup", gift_card=DEMO_GIFT_CARD)
    # 32.00 less 3.20, and 8.25 % on top.
    assert "Total $31.18" in done.text
    assert "To pay $6.18" in done.text
    assert "Thank you" in (await reader.send(order_form(done), do="order")).text
    assert await count(db, "shipping_method") == 3
    assert await faults(db) == {}


async def test_a_shop_with_something_of_its_own_is_left_alone(db: Database) -> None:
    await make_zone(db, "ours", "DE")
    await furnish_demo(db, currency="USD", has_gift_card=True)
    assert [await count(db, table) for table in ("shipping_method", "promotion", "purse")] == [0, 0, 0]


@pytest.mark.parametrize("currency, amount", [("USD", 490), ("JPY", 4), ("KWD", 4900)])
async def test_its_amounts_are_of_the_currency(db: Database, currency: str, amount: int) -> None:
    await furnish_demo(db, currency=currency, has_gift_card=False)
    async with db.read() as connection:
        row = await connection.fetchrow("select definition, currency from shipping_method where code = 'standard'")
    assert row is not None
    assert (row["definition"]["amount"], row["currency"]) == (amount, currency)
    assert await count(db, "purse") == 0
