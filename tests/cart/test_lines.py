"""Lines that become equal, and lines that are to differ: attributes, customisation, duplicates."""

from __future__ import annotations

import pytest

from pannier.cart import CartService, Change
from pannier.cart.errors import ItemNotFoundError
from pannier.inventory import InsufficientStockError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


async def test_a_line_that_becomes_equal_to_another_joins_it(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=9)
    buyer = Buyer(carts)
    red = (await buyer.add(variant, 2, attributes={"colour": "red"})).items[0].id
    blue = (await buyer.add(variant, 3, attributes={"colour": "blue"}, note="For Bo")).items[1].id
    cart = await buyer.set(blue, extra={"attributes": {"colour": "red"}})
    assert [(item.id, item.quantity, item.note) for item in cart.items] == [(red, 5, "For Bo")]
    assert (cart.total_items, cart.total_quantity, (await figures(db, variant)).held) == (1, 5, 5)
    # And what is added with those attributes joins it too.
    assert [item.quantity for item in (await buyer.add(variant, 1, attributes={"colour": "red"})).items] == [6]
    assert await faults(db) == {}


async def test_attributes_and_customisation_change_in_place(carts: CartService, db: Database) -> None:
    variant = await make_product(db)
    buyer = Buyer(carts)
    plain = (await buyer.add(variant, 1)).items[0].id
    cart = await buyer.set(plain, 2, extra={"customisation": {"text": "Ada", "lines": [None]}})
    (item,) = cart.items
    assert (item.id, item.quantity, item.customisation) == (plain, 2, {"text": "Ada", "lines": [None]})
    assert len((await buyer.add(variant, 1)).items) == 2
    cart = await buyer.set(plain, extra={"customisation": None})
    assert [(item.quantity, item.customisation) for item in cart.items] == [(3, {})]
    assert await faults(db) == {}


async def test_the_order_of_attributes_makes_no_other_line(carts: CartService, db: Database) -> None:
    variant = await make_product(db)
    buyer = Buyer(carts)
    await buyer.add(variant, 1, attributes={"colour": "red", "size": 4})
    cart = await buyer.add(variant, 1, attributes={"size": 4, "colour": "red"})
    assert [item.quantity for item in cart.items] == [2]


async def test_a_duplicate_stays_apart_until_it_is_changed(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=9)
    buyer = Buyer(carts)
    first = (await buyer.add(variant, 2, note="For Bo")).items[0].id
    copy = uuid7()
    cart = await buyer.change([Change(op="duplicate", line_id=first, copy_id=copy)])
    assert [(item.id, item.quantity, item.note) for item in cart.items] == [(first, 2, "For Bo"), (copy, 2, "For Bo")]
    assert [item.quantity for item in (await buyer.add(variant, 1)).items] == [3, 2]
    cart = await buyer.set(copy, extra={"customisation": {"text": "Ada"}})
    assert [item.customisation for item in cart.items] == [{}, {"text": "Ada"}]
    other = uuid7()
    change = Change(op="duplicate", line_id=first, copy_id=other, quantity=1, extra={"customisation": {"text": "Ada"}})
    assert [(item.id, item.quantity) for item in (await buyer.change([change])).items] == [(first, 3), (copy, 3)]
    cart = await buyer.set(copy, extra={"customisation": None})
    assert [(item.id, item.quantity) for item in cart.items] == [(first, 6)]
    assert (await figures(db, variant)).held == 6
    assert await faults(db) == {}


async def test_a_duplicate_wants_stock_of_its_own(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=3)
    buyer = Buyer(carts)
    first = (await buyer.add(variant, 2)).items[0].id
    with pytest.raises(InsufficientStockError) as refused:
        await buyer.change([Change(op="duplicate", line_id=first, copy_id=uuid7())])
    assert (refused.value.details["requested"], refused.value.details["available"]) == (4, 3)
    with pytest.raises(ItemNotFoundError):
        await buyer.change([Change(op="duplicate", line_id=uuid7(), copy_id=uuid7())])
    assert len((await buyer.cart()).items) == 1
    assert await faults(db) == {}
