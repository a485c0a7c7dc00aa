"""Expiry is decided when stock is read or asked for: the sweeper is a convenience, early, late or never."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import datetime, timedelta

import pytest

from pannier.inventory import InventoryService, Wanted
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.inventory.reading import eventually, kinds, ledger, promise, stocked, value

TTL = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.fixture
def inventory(db: Database, settings: Settings) -> InventoryService:
    return InventoryService(db, settings)


async def free(inventory: InventoryService, variant: uuid.UUID) -> int:
    (answer,) = await inventory.availability([Wanted(variant, 1)])
    assert answer.available is not None
    return answer.available


async def renew(db: Database, reservation: uuid.UUID, ttl: timedelta = TTL, cap: timedelta = 4 * TTL) -> datetime:
    """What a write of the cart does to its reservation; answers when it runs out, by the machine's own time."""
    until: datetime = await value(
        db,
        "select reservation_renew($1, 'cart', clock_timestamp() + $4, $2, $3) - $4",
        reservation, ttl, cap, db.offset,
    )  # fmt: skip
    return until


async def remaining(db: Database, reservation: uuid.UUID) -> timedelta:
    left: timedelta = await value(
        db, "select expires_at - clock_timestamp() - $2 from reservation where id = $1", reservation, db.offset
    )
    return left


async def test_dead_holds_are_for_sale_at_once_without_a_sweeper(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    assert await promise(db, variant, 5, TTL)
    clock.advance(TTL - SECOND)
    assert await free(inventory, variant) == 0
    assert await promise(db, variant, 1, TTL) is None
    clock.advance(SECOND)
    assert await free(inventory, variant) == 5
    assert await promise(db, variant, 5, TTL)
    assert await ledger(db, variant) == [
        ("receive", 5, 0, 5, 0, 0), ("hold", 5, 5, 5, 0, 5), ("expire", 5, 5, 5, 5, 0), ("hold", 5, 5, 5, 0, 5),
    ]  # fmt: skip


async def test_a_late_sweeper_sells_nothing_twice(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    await promise(db, variant, 5, TTL)
    clock.advance(TTL)
    assert await promise(db, variant, 5, TTL)
    assert (await sweep(db)).holds == 0
    assert await free(inventory, variant) == 0
    assert await promise(db, variant, 1, TTL) is None


async def test_the_sweeper_lets_go_of_what_ran_out_and_of_nothing_else(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant, other = await stocked(inventory, db, 5), await stocked(inventory, db, 5)
    dead = await promise(db, variant, 2, TTL)
    await promise(db, other, 1, TTL, owner=dead)
    clock.advance(TTL / 2)
    living = await promise(db, variant, 1, TTL)
    clock.advance(TTL / 2)
    assert (await sweep(db)).holds == 2
    assert await kinds(db, variant) == ["receive", "hold", "hold", "expire"]
    assert await value(db, "select array_agg(reservation_id) from hold") == [living]
    assert await value(db, "select next_due_at = 'infinity' from stock where variant_id = $1", other)


async def test_what_was_taken_at_once_comes_back_when_it_runs_out(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    await promise(db, variant, 2, TTL, take=True)
    assert await free(inventory, variant) == 3
    clock.advance(TTL)
    assert await free(inventory, variant) == 5
    await sweep(db)
    assert (await ledger(db, variant))[-1] == ("return", 2, 3, 5, 0, 0)


async def test_empty_reservations_go_after_a_while(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    await promise(db, variant, 2, TTL)
    clock.advance(TTL)
    assert (await sweep(db)).reservations == 0
    clock.advance(timedelta(minutes=6))
    assert (await sweep(db)).reservations == 1
    assert await value(db, "select count(*) from reservation") == 0


async def test_several_batches_in_one_sweep(inventory: InventoryService, db: Database, clock: ManualClock) -> None:
    variants = [await stocked(inventory, db, 1) for _ in range(7)]
    for variant in variants:
        await promise(db, variant, 1, TTL)
    clock.advance(TTL)
    assert (await sweep(db, batch=2)).holds == 7


async def test_one_process_sweeps_at_a_time(inventory: InventoryService, db: Database, clock: ManualClock) -> None:
    variant = await stocked(inventory, db, 1)
    await promise(db, variant, 1, TTL)
    clock.advance(TTL)
    async with db.pool.acquire() as other, other.transaction():
        assert await other.fetchval("select holds from stock_sweep(10, true, $1)", db.offset) == 1
        passed_over = await sweep(db, is_alone=True)
        assert (passed_over.holds, passed_over.was_alone) == (0, False)
    assert (await sweep(db, is_alone=True)).was_alone


async def test_activity_extends_a_hold_only_past_half_of_its_life(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    cart = await promise(db, variant, 1, TTL)
    assert cart is not None
    before = await value(db, "select xmin::text from reservation where id = $1", cart)
    clock.advance(TTL / 2 - SECOND)
    await renew(db, cart)
    assert await value(db, "select xmin::text from reservation where id = $1", cart) == before
    clock.advance(2 * SECOND)
    await renew(db, cart)
    assert TTL - SECOND < await remaining(db, cart) <= TTL


async def test_activity_extends_a_hold_up_to_the_cap_and_not_beyond(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    cart = await promise(db, variant, 1, TTL)
    assert cart is not None
    for _ in range(5):
        clock.advance(TTL * 0.6)
        await renew(db, cart)
    # Three lives of its four are over: a full life more is the cap.
    assert TTL - SECOND < await remaining(db, cart) <= TTL
    clock.advance(TTL * 0.6)
    await renew(db, cart)
    assert TTL * 0.4 - SECOND < await remaining(db, cart) <= TTL * 0.4
    assert await free(inventory, variant) == 4
    clock.advance(TTL * 0.4)
    assert await free(inventory, variant) == 5


async def test_a_hold_that_ran_out_begins_anew(inventory: InventoryService, db: Database, clock: ManualClock) -> None:
    variant = await stocked(inventory, db, 5)
    cart = await promise(db, variant, 1, TTL)
    assert cart is not None
    clock.advance(10 * TTL)
    assert await promise(db, variant, 3, TTL, owner=cart) == cart
    assert TTL - SECOND < await remaining(db, cart) <= TTL
    clock.advance(TTL * 0.6)
    await renew(db, cart)
    assert TTL - SECOND < await remaining(db, cart) <= TTL


async def test_a_cap_below_the_life_of_a_hold_does_not_shorten_it(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    cart = uuid7()
    await renew(db, cart, TTL, SECOND)
    assert TTL - SECOND < await remaining(db, cart) <= TTL
    clock.advance(TTL * 0.6)
    await renew(db, cart, TTL, SECOND)
    assert TTL * 0.4 - SECOND < await remaining(db, cart) <= TTL * 0.4


async def test_an_extended_hold_is_not_let_go_at_its_old_time(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    cart = await promise(db, variant, 5, TTL)
    assert cart is not None
    clock.advance(TTL * 0.6)
    await renew(db, cart)
    clock.advance(TTL * 0.6)
    assert await promise(db, variant, 1, TTL) is None
    assert (await sweep(db)).holds == 0
    # The row has learnt the new time, so that nobody looks again before it.
    assert await value(
        db, "select k.next_due_at = r.expires_at from stock k, reservation r where k.variant_id = $1", variant
    )
    assert await value(
        db, "select bool_and(h.due_at <= r.expires_at) from hold h join reservation r on r.id = h.reservation_id"
    )


async def test_a_reservation_that_is_being_extended_is_not_waited_for(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    cart = await promise(db, variant, 5, TTL)
    clock.advance(TTL)
    async with db.pool.acquire() as extending:
        transaction = extending.transaction()
        await transaction.start()
        await extending.fetchval(
            "select reservation_renew($1, 'cart', clock_timestamp() + $2, $3, $3)", cart, db.offset, TTL
        )
        assert await asyncio.wait_for(promise(db, variant, 1, TTL), 5) is None
        await transaction.commit()
    assert await free(inventory, variant) == 0
    assert await value(
        db, "select bool_and(h.due_at <= r.expires_at) from hold h join reservation r on r.id = h.reservation_id"
    )


async def test_a_buyer_who_meets_the_sweeper_waits_and_gets_what_it_let_go(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    """A sweeper that locked reservations before stock would be taken for their owner, and the buyer refused."""
    variant = await stocked(inventory, db, 5)
    await promise(db, variant, 5, TTL)
    clock.advance(TTL)

    async def somebody_waits() -> bool:
        return bool(await value(db, "select exists (select 1 from pg_stat_activity where wait_event_type = 'Lock')"))

    async with db.pool.acquire() as sweeper:
        transaction = sweeper.transaction()
        await transaction.start()
        await sweeper.execute("select stock_sweep(10, false, $1)", db.offset)
        buyer = asyncio.create_task(promise(db, variant, 5, TTL))
        await eventually(somebody_waits)
        await transaction.commit()
    assert await buyer is not None
    assert await kinds(db, variant) == ["receive", "hold", "expire", "hold"]


async def test_two_sweepers_and_twenty_buyers_keep_the_figures(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variants = [await stocked(inventory, db, 4) for _ in range(3)]
    draw = random.Random(7)

    async def buyer() -> int:
        had = 0
        for _ in range(6):
            had += await promise(db, draw.choice(variants), draw.randint(1, 3), timedelta(seconds=30)) is not None
            clock.advance(SECOND)
        return had

    async def sweeper() -> int:
        return sum([(await sweep(db, batch=3)).holds for _ in range(12)])

    bought = await asyncio.gather(*(buyer() for _ in range(20)))
    swept = await asyncio.gather(*(buyer() for _ in range(20)), sweeper(), sweeper())
    assert sum(bought) > 0
    assert sum(swept) > 0
    for variant in variants:
        level = await inventory.get_level(variant)
        assert level.on_hand == 4
        assert 0 <= level.held <= 4
        assert level.held == await value(
            db, "select coalesce(sum(quantity), 0)::bigint from hold where variant_id = $1", variant
        )
    clock.advance(timedelta(seconds=31))
    await asyncio.gather(sweep(db), sweep(db))
    assert [(await inventory.get_level(variant)).held for variant in variants] == [0, 0, 0]
