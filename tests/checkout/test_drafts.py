"""What is being typed is kept, and nothing of it counts; sessions whose time is up are closed."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from pannier.checkout import CheckoutPatch, DraftService
from pannier.checkout.errors import CheckoutClosedError, CheckoutExpiredError, CheckoutNotFoundError
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import ADDRESS, DETAILS, Shop, guest, stock_figures

TYPED = {"email": "jane@exa", "shipping_address": {"name": "Jane", "city": "Spr"}}


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings)


async def test_what_is_typed_is_found_again_and_counts_for_nothing(shop: Shop) -> None:
    shopper = guest()
    await shop.fill(shopper, await make_product(shop.db))
    session = await shop.checkouts.create_checkout(shopper)
    drafts = DraftService(shop.db)
    await drafts.save(shopper, session.id, {"email": "j"})
    await drafts.save(shopper, session.id, TYPED)
    seen = await shop.checkouts.get(shopper, session.id)
    assert (seen["draft"], seen["email"], seen["shipping_address"]) == (TYPED, None, None)
    assert seen["version"] == session.document["version"]
    assert "CUSTOMER_REQUIRED" in {entry["error"] for entry in seen["requirements"]}


async def test_what_is_told_takes_the_place_of_what_was_drafted(shop: Shop) -> None:
    shopper = guest()
    await shop.fill(shopper, await make_product(shop.db))
    session = await shop.checkouts.create_checkout(shopper)
    await DraftService(shop.db).save(shopper, session.id, TYPED)
    told = await shop.checkouts.update(shopper, session.id, CheckoutPatch(email="jane@example.com"))
    assert told.document["draft"] == {"shipping_address": TYPED["shipping_address"]}
    told = await shop.checkouts.update(shopper, session.id, CheckoutPatch(shipping_address=ADDRESS))
    assert told.document["draft"] is None


async def test_nothing_is_drafted_where_nothing_can_be_told_any_more(shop: Shop, clock: ManualClock) -> None:
    drafts = DraftService(shop.db)
    shopper, session = await shop.ready(await make_product(shop.db))
    await shop.checkouts.complete(shopper, session.id)
    with pytest.raises(CheckoutClosedError):
        await drafts.save(shopper, session.id, TYPED)
    late, open_one = await shop.ready(await make_product(shop.db))
    with pytest.raises(CheckoutNotFoundError):
        await drafts.save(guest(), open_one.id, TYPED)
    with pytest.raises(CheckoutNotFoundError):
        await drafts.save(late, uuid7(), TYPED)
    clock.advance(timedelta(hours=1, seconds=1))
    with pytest.raises(CheckoutExpiredError):
        await drafts.save(late, open_one.id, TYPED)


async def test_sessions_whose_time_is_up_are_closed_once_and_told_of(
    shop: Shop, db: Database, settings: Settings, clock: ManualClock
) -> None:
    drafts = DraftService(db)
    held = Shop.of(db, settings, hold_at="checkout")
    variant = await make_product(db, on_hand=5)
    shopper, session = await held.ready(variant, 2)
    await drafts.save(shopper, session.id, TYPED)
    done, placed = await held.ready(variant)
    await held.checkouts.complete(done, placed.id)
    assert await drafts.expire_due() == 0
    clock.advance(timedelta(hours=1, seconds=1))
    _, fresh = await held.ready(variant)
    assert (await drafts.expire_due(), await drafts.expire_due()) == (1, 0)
    async with db.read() as connection:
        rows = await connection.fetch("select id, status, draft from checkout where status <> 'completed' order by id")
        told = await connection.fetch("select aggregate_id from event where type = 'checkout.expired'")
    assert {(row["id"], row["status"], row["draft"]) for row in rows} == {
        (session.id, "expired", None),
        (fresh.id, "ready_for_complete", None),
    }
    assert [row["aggregate_id"] for row in told] == [session.id]
    with pytest.raises(CheckoutExpiredError):
        await held.checkouts.get(shopper, session.id)
    # What it held is free for others at that second, and the cart is still there for a new one.
    again = await held.checkouts.create_checkout(shopper, DETAILS)
    assert again.id != session.id
    assert await stock_figures(db, variant) == (4, 3)
    assert await faults(db) == {}


async def test_a_session_that_somebody_is_at_is_left_to_him(shop: Shop, db: Database, clock: ManualClock) -> None:
    _, session = await shop.ready(await make_product(db))
    clock.advance(timedelta(hours=1, seconds=1))
    async with db.acquire() as connection, connection.transaction():
        await connection.execute("select 1 from checkout where id = $1 for update", uuid.UUID(str(session.id)))
        assert await DraftService(db).expire_due() == 0
    assert await DraftService(db).expire_due() == 1
