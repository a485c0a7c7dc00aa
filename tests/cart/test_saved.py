"""Lines saved for later, and back: they hold nothing, and nothing of them is lost."""

from __future__ import annotations

from uuid import UUID

import pytest

from pannier.cart import CartService, Change
from pannier.cart.errors import ItemNotFoundError, LimitExceededError
from pannier.catalog import ProductUnavailableError
from pannier.inventory import InsufficientStockError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product
from tests.support.shop import DETAILS, Shop, guest, owner_of


@pytest.fixture
def carts(db: Database, settings: Settings) -> CartService:
    return CartService(db, settings)


def save(item: UUID) -> Change:
    return Change(op="save", line_id=item)


def restore(item: UUID, quantity: int | None = None) -> Change:
    return Change(op="restore", line_id=item, quantity=quantity)


async def test_a_saved_line_gives_its_units_back_and_comes_back_as_it_was(carts: CartService, db: Database) -> None:
    variant, other = await make_product(db, on_hand=5, price_minor=700), await make_product(db, price_minor=100)
    buyer = Buyer(carts)
    await buyer.add(other)
    before = await buyer.add(variant, 3, note="For Ada", attributes={"colour": "red"})
    line = before.items[1]
    saved = await buyer.change([save(line.id)])
    assert [item.variant_id for item in saved.items] == [str(other)]
    (kept,) = saved.saved_items
    assert (kept.id, kept.quantity, kept.note, kept.attributes, kept.reason) == (
        line.id, 3, "For Ada", {"colour": "red"}, "shopper",
    )  # fmt: skip
    assert (kept.total_price.amount, kept.availability.available, kept.added_at) == (2100, 5, line.added_at)
    assert (saved.total_items, saved.total_quantity, saved.totals.total.amount) == (1, 1, 100)
    assert (await figures(db, variant)).held == 0
    assert await faults(db) == {}

    back = await buyer.change([restore(kept.id)])
    assert (back.saved_items, back.items[1].id) == ([], line.id)
    assert (back.items[1].quantity, back.items[1].note, back.items[1].attributes) == (3, "For Ada", {"colour": "red"})
    assert (back.items[1].added_at, back.totals.total.amount) == (line.added_at, 2200)
    assert (await figures(db, variant)).held == 3
    assert await faults(db) == {}


async def test_equal_lines_join_when_saved_and_when_restored(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=50)
    buyer = Buyer(carts)
    first = (await buyer.add(variant, 2)).items[0].id
    await buyer.change([save(first)])
    second = (await buyer.add(variant, 3)).items[0].id
    saved = await buyer.change([save(second)])
    assert [(item.id, item.quantity) for item in saved.saved_items] == [(first, 5)]
    third = (await buyer.add(variant, 1)).items[0].id
    back = await buyer.change([restore(first)])
    assert [(item.id, item.quantity) for item in back.items] == [(third, 6)]
    assert back.saved_items == []
    assert await faults(db) == {}


async def test_what_is_short_stays_saved_and_says_so(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=3)
    buyer, rival = Buyer(carts), Buyer(carts)
    item = (await buyer.add(variant, 3)).items[0].id
    await buyer.change([save(item)])
    await rival.add(variant, 2)
    assert (await buyer.cart()).saved_items[0].availability.flags == ["insufficient_stock"]
    with pytest.raises(InsufficientStockError) as refused:
        await buyer.change([restore(item)])
    assert (refused.value.details["requested"], refused.value.details["available"]) == (3, 1)
    cart = await buyer.cart()
    assert (cart.items, cart.saved_items[0].quantity) == ([], 3)
    # Some of it may come back, and the rest stays.
    some = await buyer.change([restore(item, 1)])
    assert ([i.quantity for i in some.items], [i.quantity for i in some.saved_items]) == ([1], [2])
    assert some.saved_items[0].id != some.items[0].id
    assert await faults(db) == {}


async def test_where_the_shop_takes_what_is_there_the_rest_stays_saved(db: Database, settings: Settings) -> None:
    buyer = Buyer(CartService(db, settings.model_copy(update={"short_stock": "partial"})))
    rival = Buyer(buyer.carts)
    variant = await make_product(db, on_hand=3)
    item = (await buyer.add(variant, 3)).items[0].id
    await buyer.change([save(item)])
    await rival.add(variant, 1)
    cart = await buyer.change([restore(item)])
    assert ([i.quantity for i in cart.items], [i.quantity for i in cart.saved_items]) == ([2], [1])
    assert [message.code for message in cart.messages if message.item_id == item] == ["INSUFFICIENT_STOCK"]
    assert await faults(db) == {}


async def test_limits_count_what_comes_back(db: Database, settings: Settings) -> None:
    limited = settings.model_copy(update={"cart_max_items": 4, "cart_max_saved_lines": 1})
    buyer = Buyer(CartService(db, limited))
    variant, other = await make_product(db), await make_product(db)
    item = (await buyer.add(variant, 4)).items[0].id
    await buyer.change([save(item)])
    second = (await buyer.add(other, 1)).items[0].id
    with pytest.raises(LimitExceededError) as refused:
        await buyer.change([restore(item)])
    assert refused.value.details["limit"] == "cart_quantity"
    with pytest.raises(LimitExceededError) as refused:
        await buyer.change([save(second)])
    assert refused.value.details["limit"] == "saved_count"
    assert len((await buyer.cart()).saved_items) == 1
    assert await faults(db) == {}


async def test_a_saved_line_can_be_changed_and_removed(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=2)
    buyer = Buyer(carts)
    item = (await buyer.add(variant, 2)).items[0].id
    await buyer.change([save(item)])
    # More than there is, since nothing is promised.
    cart = await buyer.set(item, 5, extra={"note": "Birthday"})
    assert (cart.saved_items[0].quantity, cart.saved_items[0].note, cart.total_quantity) == (5, "Birthday", 0)
    assert (await buyer.change([save(item)])).saved_items[0].quantity == 5
    assert (await buyer.remove(item)).saved_items == []
    for change in (save(item), restore(item), restore(uuid7())):
        with pytest.raises(ItemNotFoundError):
            await buyer.change([change])
    assert await faults(db) == {}


async def test_what_is_no_longer_for_sale_stays_saved(carts: CartService, db: Database) -> None:
    variant = await make_product(db)
    buyer = Buyer(carts)
    item = (await buyer.add(variant, 1)).items[0].id
    await buyer.change([save(item)])
    async with db.read() as connection:
        await connection.execute("update variant set is_sellable = false where id = $1", variant)
    assert (await buyer.cart()).saved_items[0].availability.status == "unavailable"
    with pytest.raises(ProductUnavailableError):
        await buyer.change([restore(item)])
    assert len((await buyer.cart()).saved_items) == 1


async def test_saving_and_restoring_are_all_or_nothing_with_others(carts: CartService, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    buyer = Buyer(carts)
    item = (await buyer.add(variant, 2)).items[0].id
    with pytest.raises(ItemNotFoundError):
        await buyer.change([save(item), restore(uuid7())])
    cart = await buyer.cart()
    assert (len(cart.items), len(cart.saved_items)) == (1, 0)
    there_and_back = await buyer.change([save(item), restore(item)])
    assert ([i.quantity for i in there_and_back.items], there_and_back.saved_items) == ([2], [])
    assert (await figures(db, variant)).held == 2
    assert await faults(db) == {}


async def test_saved_lines_outlive_the_order_and_the_clearing(db: Database, settings: Settings) -> None:
    shop, shopper = Shop.of(db, settings), guest()
    bought, kept = await make_product(db), await make_product(db)
    await shop.fill(shopper, bought)
    item = await shop.fill(shopper, kept, 2)
    buyer = Buyer(shop.carts)
    buyer.owner = owner_of(shopper)
    await buyer.change([save(item)])
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    await shop.checkouts.complete(shopper, session.id)
    after = await buyer.cart()
    assert (after.items, [(i.id, i.quantity) for i in after.saved_items]) == ([], [(item, 2)])
    await buyer.clear()
    assert len((await buyer.cart()).saved_items) == 1
    assert await faults(db) == {}
