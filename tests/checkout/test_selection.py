"""An order of some of a cart's lines: the others stay the shopper's."""

from __future__ import annotations

import pytest

from pannier.cart import Change, Command
from pannier.checkout import CheckoutPatch
from pannier.checkout.errors import EmptyCartError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, Shop, guest, owner_of, stock_figures


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings)


async def test_lines_that_were_not_selected_stay_in_a_cart_of_the_shopper(shop: Shop) -> None:
    stool, lamp = await make_product(shop.db, on_hand=9), await make_product(shop.db, on_hand=9)
    shopper = guest()
    await shop.fill(shopper, stool, 2)
    rest = [
        await shop.fill(shopper, lamp, 3),
        # The same variant on an ordered and on a remaining line: its hold is divided.
        await shop.fill(shopper, stool, 4, attributes={"engraving": "J"}),
    ]
    for line in rest:
        await change(shop, shopper, Change(op="set", line_id=line, is_selected=False))
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    assert session.document["total_quantity"] == 2
    done = await shop.checkouts.complete(shopper, session.id)
    assert done.document["total_quantity"] == 2
    cart = await shop.carts.get(owner_of(shopper))
    assert {(str(item.id), item.quantity) for item in cart.items} == {(str(rest[0]), 3), (str(rest[1]), 4)}
    assert [item.availability.flags for item in cart.items] == [[], []]
    assert cart.version == 1
    assert await stock_figures(shop.db, stool) == (7, 4)
    assert await stock_figures(shop.db, lamp) == (9, 3)
    assert await faults(shop.db) == {}


async def test_a_checkout_may_name_its_lines(shop: Shop) -> None:
    variant = await make_product(shop.db)
    shopper = guest()
    line = await shop.fill(shopper, variant, 2)
    await shop.fill(shopper, await make_product(shop.db), 5)
    session = await shop.checkouts.create_checkout(shopper, CheckoutPatch(line_ids=[line]))
    assert session.document["total_quantity"] == 2
    with pytest.raises(EmptyCartError):
        await shop.checkouts.create_checkout(shopper, CheckoutPatch(line_ids=[uuid7()]))


async def change(shop: Shop, shopper: Principal, *changes: Change) -> None:
    await shop.carts.apply(Command(owner_of(shopper), "cart.item_changed", changes))
