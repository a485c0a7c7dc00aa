"""The audit holds through a shop's whole trade, whenever its stock is promised and committed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pannier.app.audit import audit
from pannier.cart import Change, Command
from pannier.inventory import InventoryService, LevelRow
from pannier.inventory.jobs import sweep
from pannier.inventory.models import Cause
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from pannier.platform.settings import CommitAt, HoldAt, Settings
from tests.support.catalogue import make_product
from tests.support.shop import DETAILS, SHOP_C, STAFF, Shop, guest, owner_of


async def expect_clean(db: Database) -> None:
    report = await audit(db)
    assert report.breaches == []


@pytest.mark.parametrize("commit_at", ["order", "payment", "fulfilment"])
@pytest.mark.parametrize("hold_at", ["add", "checkout", "order", "payment", "immediate"])
async def test_a_shop_is_clean_after_every_step(
    db: Database, settings: Settings, clock: ManualClock, hold_at: HoldAt, commit_at: CommitAt
) -> None:
    shop = Shop.of(db, settings, hold_at=hold_at, commit_at=commit_at, **SHOP_C)
    stool, lamp, gift = [await make_product(db, on_hand=on_hand) for on_hand in (20, 5, None)]
    await expect_clean(db)

    shopper = guest()
    for variant in (stool, lamp, gift):
        await shop.fill(shopper, variant, 2)
    await expect_clean(db)
    _, number = await shop.buy(stool, 3, shopper)
    await expect_clean(db)
    await shop.orders.pay(STAFF, number)
    await expect_clean(db)
    await shop.orders.fulfil(STAFF, number)
    await expect_clean(db)

    shopper, canceled = await shop.buy(lamp, 2)
    await shop.orders.cancel(shopper, canceled)
    await expect_clean(db)
    _, paid = await shop.buy(lamp, 1)
    await shop.orders.pay(STAFF, paid)
    await expect_clean(db)
    await shop.orders.cancel(STAFF, paid)
    await expect_clean(db)

    chooser = guest()
    await shop.fill(chooser, stool, 2)
    unwanted = await shop.fill(chooser, lamp, 1)
    change = Change(op="set", line_id=unwanted, is_selected=False)
    await shop.carts.apply(Command(owner_of(chooser), "cart.item_changed", [change]))
    await expect_clean(db)
    session = await shop.checkouts.create_checkout(chooser, DETAILS)
    await shop.checkouts.complete(chooser, session.id)
    # The lamp has moved to a new cart, and what is promised of it with it.
    assert len((await shop.carts.get(owner_of(chooser))).items) == 1
    await expect_clean(db)
    await shop.fill(chooser, lamp, 1)
    await expect_clean(db)

    late, left = guest(), guest()
    await shop.fill(late, stool, 2)
    await shop.fill(left, stool, 1)
    await shop.ready(stool, 1, left)
    clock.advance(timedelta(hours=1))
    await expect_clean(db)
    await shop.fill(late, lamp, 1)
    await expect_clean(db)
    await sweep(db)
    await expect_clean(db)
    clock.advance(timedelta(days=40))
    await shop.fill(late, stool, 1)
    await sweep(db)
    await expect_clean(db)
    # What an import makes of a stool in the meantime is explained, too.
    rows = [LevelRow(stool, 50)]
    await db.write(lambda conn: InventoryService(db, settings).set_levels(conn, rows, Cause("import")))
    await expect_clean(db)
