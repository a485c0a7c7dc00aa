"""Buying the same again."""

from __future__ import annotations

from pannier.app import create_app
from pannier.cart import Command
from pannier.checkout import ReorderService
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, Shop, customer, owner_of
from tests.support.web import client_of


async def test_what_can_be_had_comes_into_the_cart_and_the_rest_is_told(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    shop = Shop.of(db, settings)
    plenty, few, none = [await make_product(db, on_hand=units, price_minor=500) for units in (10, 5, 2)]
    shopper = customer("ada")
    for variant, units in ((plenty, 2), (few, 4), (none, 2)):
        await shop.fill(shopper, variant, units)
    session = await shop.checkouts.create_checkout(shopper, DETAILS)
    number = (await shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None

    command = Command(owner_of(shopper), "cart.reordered", idempotency_key="again", request_hash=b"h" * 32)
    done = await ReorderService(shop.carts, shop.orders).reorder(shopper, number, command)
    assert [(one["requested"], one["added"], one["error"]) for one in done.results] == [
        (2, 2, None),
        (4, 1, "INSUFFICIENT_STOCK"),
        (2, 0, "INSUFFICIENT_STOCK"),
    ]
    assert done.results[0]["message"] is None
    assert "only 1 of 4" in done.results[1]["message"]
    assert "sold out" in done.results[2]["message"]
    again = await ReorderService(shop.carts, shop.orders).reorder(shopper, number, command)
    assert again.outcome.cart.total_quantity == done.outcome.cart.total_quantity == 3
    assert await faults(db) == {}


async def test_only_ones_own_orders_are_bought_again(db: Database, settings: Settings, clock: ManualClock) -> None:
    shopper, number = await Shop.of(db, settings).buy(await make_product(db))
    app = create_app(settings, clock=clock)
    async with app.running(), client_of(app) as client:
        mine = {"Authorization": f"Bearer {shopper.cart_token}"}
        done = await client.post(f"/api/v1/orders/{number}/reorder", headers={**mine, "Idempotency-Key": "r-1"})
        assert (done.status_code, done.json()["results"][0]["added"]) == (200, 1)
        assert done.json()["cart"]["total_quantity"] == 1
        assert (await client.post(f"/api/v1/orders/{number}/reorder")).status_code == 404
