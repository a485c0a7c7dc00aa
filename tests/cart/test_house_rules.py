"""What a shop's settings and a product's own rules make of the same request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from pannier.cart import Cart, CartService, Change, add
from pannier.inventory import InsufficientStockError, InventoryService
from pannier.inventory.models import Cause, LevelRow
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.principal import LoginRequiredError
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer, flags
from tests.support.catalogue import figures, make_product

MakeBuyer = Callable[..., Buyer]


@pytest.fixture
def buyer(db: Database, settings: Settings) -> MakeBuyer:
    """A shopper of a shop with these settings."""

    def make(user_id: str | None = None, **changes: Any) -> Buyer:
        return Buyer(CartService(db, settings.model_copy(update=changes)), user_id=user_id)

    return make


async def refused(coroutine: Any) -> PannierError:
    with pytest.raises(PannierError) as caught:
        await coroutine
    return caught.value


async def on_sale(db: Database, variant: UUID, statement: str, *values: object) -> None:
    """Change a product as the catalogue would."""
    async with db.read() as connection:
        await connection.execute(statement, variant, *values)
        await connection.execute(
            "select catalog_refresh_display(array[(select product_id from variant where id = $1)])", variant
        )


# When units are promised


@pytest.mark.parametrize(
    "hold_at, on_hand, held",
    [("add", 10, 4), ("immediate", 6, 0), ("checkout", 10, 0), ("order", 10, 0), ("payment", 10, 0)],
)
async def test_hold_at_says_what_adding_does(
    buyer: MakeBuyer, db: Database, hold_at: str, on_hand: int, held: int
) -> None:
    variant = await make_product(db, on_hand=10)
    shopper = buyer(hold_at=hold_at)
    item = UUID(str((await shopper.add(variant, 4)).items[0].id))
    stock = await figures(db, variant)
    assert (stock.on_hand, stock.held) == (on_hand, held)
    # Whenever it is promised, nobody gets more into a cart than there is.
    assert (await refused(shopper.add(variant, 7))).error == "INSUFFICIENT_STOCK"
    assert flags(await shopper.set(item, 10)) == [[]]
    assert flags(await shopper.set(item, 1)) == [[]]
    await shopper.remove(item)
    stock = await figures(db, variant)
    assert (stock.on_hand, stock.held) == (10, 0)
    assert await faults(db) == {}


async def test_without_holds_two_carts_may_want_the_same_unit_and_are_told(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db, on_hand=1)
    first, second = buyer(hold_at="order"), buyer(hold_at="order")
    await first.add(variant)
    assert flags(await second.add(variant)) == [[]]
    async with db.read() as connection:
        await connection.execute("update stock set on_hand = 0 where variant_id = $1", variant)
    assert flags(await first.cart()) == [["insufficient_stock"]]


# Short stock and limits


async def test_partial_takes_what_is_there_and_says_so(buyer: MakeBuyer, db: Database) -> None:
    variant, gone = await make_product(db, on_hand=3), await make_product(db, on_hand=0)
    shopper = buyer(short_stock="partial")
    cart = await shopper.add(variant, 5)
    assert cart.items[0].quantity == 3
    assert [(m.code, m.details) for m in cart.messages] == [
        ("INSUFFICIENT_STOCK", {"requested": 5, "available": 3, "fits": 3, "more": 3})
    ]
    assert isinstance(await refused(shopper.add(variant)), InsufficientStockError)
    assert isinstance(await refused(shopper.add(gone)), InsufficientStockError)
    assert (await figures(db, variant)).held == 3


@pytest.mark.parametrize(
    "changes, quantity, limit, allowed",
    [
        ({"cart_max_quantity_per_item": 4}, 6, "line_quantity", 4),
        ({"cart_max_items": 5}, 6, "cart_quantity", 5),
        ({"cart_max_quantity_per_item": 4, "cart_max_items": 3}, 6, "cart_quantity", 3),
    ],
)
async def test_over_a_limit_is_refused_or_clamped(
    buyer: MakeBuyer, db: Database, changes: dict[str, int], quantity: int, limit: str, allowed: int
) -> None:
    variant = await make_product(db)
    error = await refused(buyer(**changes).add(variant, quantity))
    assert error.error == "LIMIT_EXCEEDED"
    shopper = buyer(over_limit="clamp", **changes)
    cart = await shopper.add(variant, quantity)
    assert cart.items[0].quantity == allowed
    assert [(message.code, (message.details or {})["limit"]) for message in cart.messages] == [
        ("LIMIT_EXCEEDED", limit)
    ]
    assert (await refused(shopper.add(variant))).error == "LIMIT_EXCEEDED"
    assert (await figures(db, variant)).held == allowed


async def test_clamped_when_added_is_about_one_product_and_about_adding(buyer: MakeBuyer, db: Database) -> None:
    variant, other = await make_product(db, on_hand=20), await make_product(db)
    shopper = buyer(over_limit="clamp_added", cart_max_quantity_per_item=4, cart_max_items=5)
    item = (await shopper.add(variant, 9)).items[0]
    assert (item.quantity, (await shopper.add(variant)).items[0].quantity) == (4, 4)
    assert (await refused(shopper.set(item.id, 9))).error == "LIMIT_EXCEEDED"
    assert (await refused(shopper.add(other, 2))).error == "LIMIT_EXCEEDED"
    assert (await figures(db, variant)).held == 4


@pytest.mark.parametrize("hold_at", ["add", "order"])
async def test_limits_and_stock_are_refused_in_one_order(buyer: MakeBuyer, db: Database, hold_at: str) -> None:
    """What may be of a product, what there is of it, what may be in a cart; whatever else stands against it."""
    variant = await make_product(db, on_hand=6)
    shopper = buyer(hold_at=hold_at, cart_max_quantity_per_item=8, cart_max_items=4)
    found = [(await refused(shopper.add(variant, wanted))).error for wanted in (0, 9, 7, 5)]
    assert found == ["INVALID_QUANTITY", "LIMIT_EXCEEDED", "INSUFFICIENT_STOCK", "LIMIT_EXCEEDED"]
    assert (await refused(shopper.add(uuid7(), 0))).error == "PRODUCT_NOT_FOUND"
    assert (await figures(db, variant)).held == 0
    assert await faults(db) == {}


async def test_zero_is_no_limit(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db, on_hand=5000)
    shopper = buyer(cart_max_items=0, cart_max_quantity_per_item=0, cart_max_lines=0)
    assert (await shopper.add(variant, 5000)).total_quantity == 5000


async def test_lines_of_one_product_share_its_limit_and_its_stock(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db, on_hand=5, quantity_max=4)
    shopper = buyer()
    await shopper.add(variant, 3)
    error = await refused(shopper.add(variant, 2, attributes={"colour": "red"}))
    assert (error.error, error.details["allowed"]) == ("LIMIT_EXCEEDED", 1)
    cart = await shopper.add(variant, 1, attributes={"colour": "red"})
    assert [item.quantity for item in cart.items] == [3, 1]
    assert (await figures(db, variant)).held == 4


async def test_a_limit_that_was_lowered_lets_go_down_but_not_up(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db)
    before = buyer()
    item = UUID(str((await before.add(variant, 8)).items[0].id))
    after = buyer(cart_max_quantity_per_item=5)
    after.owner = before.owner
    assert (await refused(after.set(item, 9))).error == "LIMIT_EXCEEDED"
    assert (await after.set(item, 7)).total_quantity == 7


# What a product's stock allows


@pytest.mark.parametrize(
    "product, most",
    [
        ({"on_hand": 5}, 5),
        ({"on_hand": 5, "safety_quantity": 2}, 3),
        ({"on_hand": 1, "safety_quantity": 2}, 0),
        ({"on_hand": 2, "backorder_max": 3}, 5),
        ({"on_hand": 0, "backorder_max": 3}, 3),
        ({"on_hand": 2, "backorder_max": 3, "safety_quantity": 1}, 4),
        ({"on_hand": -4}, 0),
        ({"on_hand": -4, "backorder_max": 6}, 2),
        ({"on_hand": 0, "backorder_max": None}, None),
        ({"on_hand": None}, None),
    ],
)
async def test_what_can_be_had_of_a_product(
    buyer: MakeBuyer, db: Database, product: dict[str, Any], most: int | None
) -> None:
    variant = await make_product(db, **product)
    shopper = buyer()
    error = None if most is None else await refused(shopper.add(variant, most + 1))
    assert error is None or (error.error, error.details["available"]) == ("INSUFFICIENT_STOCK", most)
    if most != 0:
        cart = await shopper.add(variant, most or 99)
        assert (flags(cart), cart.items[0].availability.available) == ([[]], most)
    assert await faults(db) == {}


async def test_imported_negative_stock_is_kept_and_sells_nothing(
    buyer: MakeBuyer, db: Database, settings: Settings
) -> None:
    variant = await make_product(db, on_hand=0)
    inventory, cause = InventoryService(db, settings), Cause("import")
    await db.write(lambda conn: inventory.set_levels(conn, [LevelRow(variant, -7, is_tracked=True)], cause))
    assert (await figures(db, variant)).on_hand == -7
    assert (await refused(buyer().add(variant))).details["available"] == 0
    await inventory.receive(variant, 9, cause)
    assert (await buyer().add(variant, 2)).total_quantity == 2
    assert await faults(db) == {}


# Who may, where, in which currency, at which price


async def test_without_guest_carts_a_guest_is_asked_to_sign_in(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db)
    assert isinstance(await refused(buyer(enable_guest_carts=False).add(variant)), LoginRequiredError)
    assert (await buyer(enable_guest_carts=False).cart()).id is None
    cart = await buyer("ada", enable_guest_carts=False).add(variant)
    assert (cart.owner.kind, cart.owner.user_id, cart.expires_at) == ("user", "ada", None)
    assert (await figures(db, variant)).held == 1


async def test_a_channel_has_its_own_cart_goods_and_prices(buyer: MakeBuyer, db: Database) -> None:
    everywhere, only_here = await make_product(db, price_minor=1000), await make_product(db)
    async with db.read() as connection:
        await connection.execute("insert into channel (code, name) values ('fair', 'Book fair')")
    await on_sale(
        db,
        only_here,
        "update product set channels = '{default}' where id = (select product_id from variant where id = $1)",
    )
    await on_sale(
        db,
        everywhere,
        "insert into price (id, variant_id, channel, currency, amount_minor) values ($2, $1, 'fair', 'USD', 700)",
        uuid7(),
    )
    shopper = buyer()
    usual = await shopper.change([add(everywhere, 1), add(only_here, 1)])
    at_the_fair = await shopper.change([add(everywhere, 2)], channel="fair")
    assert (await refused(shopper.change([add(only_here, 1)], channel="fair"))).error == "PRODUCT_UNAVAILABLE"
    assert usual.id != at_the_fair.id
    assert (usual.channel, at_the_fair.channel) == ("default", "fair")
    assert (usual.totals.total.amount, at_the_fair.totals.total.amount) == (2000, 1400)
    assert (await shopper.carts.get(shopper.owner, "fair")).items[0].unit_price.amount == 700
    assert flags(await shopper.cart()) == [[], []]


async def test_a_product_without_a_price_in_the_carts_currency_is_told(buyer: MakeBuyer, db: Database) -> None:
    euros, priceless = await make_product(db, currency="EUR"), await make_product(db, price_minor=None)
    shopper = buyer()
    error = await refused(shopper.add(euros))
    assert (error.error, error.details["currency"]) == ("CURRENCY_MISMATCH", "USD")
    assert (await refused(shopper.add(priceless))).error == "PRODUCT_UNAVAILABLE"
    abroad = await buyer(currency="EUR").add(euros)
    assert (abroad.currency, abroad.totals.total.currency) == ("EUR", "EUR")


async def test_a_price_that_changes_is_charged_and_told(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db, price_minor=1000)
    shopper = buyer()
    await shopper.add(variant, 2)
    await on_sale(db, variant, "update price set amount_minor = 900, compare_at_minor = 1000 where variant_id = $1")
    item = (await shopper.cart()).items[0]
    assert (item.unit_price.amount, item.added_price.amount, item.total_price.amount) == (900, 1000, 1800)
    assert (item.original_price.amount, item.has_discount) == (1000, True)
    assert item.availability.flags == ["price_changed"]


async def test_a_fixed_price_stays_and_is_a_line_of_its_own(buyer: MakeBuyer, db: Database) -> None:
    variant = await make_product(db, price_minor=1000)
    shopper = buyer()
    await shopper.add(variant)
    await shopper.add(variant, 2, unit_price_minor=750)
    cart = await shopper.add(variant, 1, unit_price_minor=750)
    await on_sale(db, variant, "update price set amount_minor = 1200 where variant_id = $1")
    cart = await shopper.cart()
    assert [(item.quantity, item.unit_price.amount) for item in cart.items] == [(1, 1200), (3, 750)]
    assert flags(cart) == [["price_changed"], []]
    assert cart.totals.total.amount == 1200 + 3 * 750
    assert (await figures(db, variant)).held == 4


@pytest.mark.parametrize("status", ["draft", "discontinued", "archived"])
async def test_what_is_no_longer_for_sale_is_flagged_and_can_be_removed(
    buyer: MakeBuyer, db: Database, status: str
) -> None:
    variant = await make_product(db)
    shopper = buyer()
    item = UUID(str((await shopper.add(variant, 2)).items[0].id))
    statement = "update product set status = $2 where id = (select product_id from variant where id = $1)"
    await on_sale(db, variant, statement, status)
    cart = await shopper.cart()
    assert (flags(cart), cart.items[0].availability.status) == ([["unavailable"]], "unavailable")
    assert (await refused(shopper.add(variant))).error == "PRODUCT_UNAVAILABLE"
    assert (await refused(shopper.set(item, 3))).error == "PRODUCT_UNAVAILABLE"
    assert (await shopper.set(item, 1)).total_quantity == 1
    assert (await shopper.change([Change(op="remove", line_id=item)])).items == []


# How long a cart lives


async def test_a_carts_expiry_moves_in_coarse_steps(buyer: MakeBuyer, db: Database, clock: ManualClock) -> None:
    """Most writes leave it where it is, so that they touch no index; it is never off by more than a sixty-fourth."""
    variant = await make_product(db, on_hand=1000)
    shopper = buyer(cart_session_ttl_days=64.0)

    async def expiry() -> str | None:
        cart: Cart = await shopper.add(variant)
        return cart.expires_at

    first = await expiry()
    clock.advance(timedelta(hours=23))
    assert await expiry() == first
    clock.advance(timedelta(hours=2))
    second = await expiry()
    assert first is not None
    assert second is not None
    assert datetime.fromisoformat(second) - datetime.fromisoformat(first) > timedelta(hours=24)
