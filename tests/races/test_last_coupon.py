"""A code with few uses left, and many who check out with it at once: it is used as often as it may be, and no more."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from pannier.cart import CartPricingService, add
from pannier.cart.models import Command
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_coupon, make_promotion
from tests.support.shop import DETAILS, Shop, customer, guest, owner_of

SHOPPERS, USES = 100, 7
# As it would be if whoever looked before were right: uses are noted, and not counted against the limit.
_NO_GUARD = """
    create or replace function coupon_claim_one(p_order uuid, p_code text, p_user text, p_email bytea, p_at timestamptz)
    returns void language plpgsql as $$
    begin
      insert into coupon_use (coupon_id, order_id, promotion_id, at)
      select c.id, p_order, c.promotion_id, p_at from coupon c where c.code = p_code;
    end $$
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": 20, "batch_lanes": 2})


async def _crowd(db: Database, settings: Settings) -> tuple[Counter[str], int]:
    """What each of many shoppers was told who all had the code on the cart, and how many orders had a discount."""
    shop = Shop.of(db, settings)
    pricing = CartPricingService(db, settings, shop.carts)
    variant = await make_product(db, on_hand=SHOPPERS, price_minor=1000)
    promotion = await make_promotion(db, {"type": "order_percent", "percent": 10}, needs_code=True)
    await make_coupon(db, promotion, "FEW", use_limit=USES)
    shoppers = [guest() for _ in range(SHOPPERS)]
    sessions = []
    for shopper in shoppers:
        await shop.fill(shopper, variant)
        await pricing.enter_coupon(Command(owner_of(shopper), "cart.coupon_entered"), "FEW")
        sessions.append(await shop.checkouts.create_checkout(shopper, DETAILS))

    async def complete(place: int) -> str:
        try:
            await shop.checkouts.complete(shoppers[place], sessions[place].id, expected_total=900)
        except PannierError as refusal:
            return refusal.error
        return "placed"

    told = Counter(await asyncio.gather(*(complete(place) for place in range(SHOPPERS))))
    async with db.read() as connection:
        discounted = await connection.fetchval("select count(*) from orders where discount_minor > 0")
    return told, discounted


async def test_a_code_is_used_as_often_as_it_may_be(db: Database, settings: Settings) -> None:
    told, discounted = await _crowd(db, settings)
    assert told == {"placed": USES, "COUPON_REJECTED": SHOPPERS - USES}
    assert discounted == USES
    assert await faults(db) == {}


async def test_without_the_guard_it_is_used_more_often(db: Database, settings: Settings) -> None:
    """The control: that its uses are counted by one conditional statement is what limits them."""
    async with db.read() as connection:
        await connection.execute(_NO_GUARD)
    _, discounted = await _crowd(db, settings)
    assert discounted > USES


async def test_a_code_of_a_canceled_order_can_be_used_again(db: Database, settings: Settings) -> None:
    shop = Shop.of(db, settings)
    pricing = CartPricingService(db, settings, shop.carts)
    variant = await make_product(db)
    promotion = await make_promotion(db, {"type": "order_percent", "percent": 10}, needs_code=True)
    await make_coupon(db, promotion, "ONCE", use_limit=1)

    async def buy() -> tuple[Principal, str]:
        shopper = guest()
        await shop.fill(shopper, variant)
        await pricing.enter_coupon(Command(owner_of(shopper), "cart.coupon_entered"), "ONCE")
        session = await shop.checkouts.create_checkout(shopper, DETAILS)
        done = await shop.checkouts.complete(shopper, session.id)
        assert done.order_number is not None
        return shopper, done.order_number

    first, number = await buy()
    with pytest.raises(PannierError) as refusal:
        await buy()
    assert refusal.value.details["reason"] == "usage_limit"
    await shop.orders.cancel(first, number)
    await buy()
    assert await faults(db) == {}


async def test_a_first_order_is_one_however_many_are_placed_at_once(db: Database, settings: Settings) -> None:
    """One customer, a cart in each of several channels: each is the first one when it is looked at."""
    channels = [f"channel-{n}" for n in range(6)]
    async with db.read() as connection:
        await connection.executemany("insert into channel (code, name) values ($1, $1)", [(c,) for c in channels])
    shop = Shop.of(db, settings)
    shopper, variant = customer("ada"), await make_product(db, price_minor=1000)
    await make_promotion(db, {"type": "order_percent", "percent": 50}, conditions=({"type": "first_order"},))
    sessions = []
    for channel in channels:
        command = Command(owner_of(shopper), "cart.item_added", [add(variant, 1)], channel=channel)
        await shop.carts.apply(command)
        sessions.append(await shop.checkouts.create_checkout(shopper, DETAILS, channel=channel))

    async def complete(place: int) -> str:
        try:
            await shop.checkouts.complete(shopper, sessions[place].id, expected_total=500)
        except PannierError as refusal:
            return refusal.error
        return "placed"

    told = Counter(await asyncio.gather(*(complete(place) for place in range(len(channels)))))
    assert told == {"placed": 1, "TOTAL_CHANGED": len(channels) - 1}
