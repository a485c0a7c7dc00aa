"""Reservations of other systems: all or nothing, repeatable by their id, expiry decided when it is asked for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pannier.app.audit import audit
from pannier.inventory import (
    Cause,
    HoldExpiredError,
    InsufficientStockError,
    InventoryService,
    Reservation,
    ReservationConflictError,
    ReservationNotFoundError,
    StockQuantityError,
    StockSettings,
    Wanted,
)
from pannier.inventory.jobs import sweep
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.inventory.reading import events_of, kinds, ledger, promise, stocked, value

BY_SHOP = Cause("till-7", reason="counter sale")
TTL = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.fixture
def inventory(db: Database, settings: Settings) -> InventoryService:
    return InventoryService(db, settings)


async def held(inventory: InventoryService, *items: Wanted, **more: object) -> Reservation:
    return await inventory.reserve(items, BY_SHOP, **more)  # type: ignore[arg-type] # the test's own keywords


async def test_units_are_promised_and_leave_the_house(inventory: InventoryService, db: Database) -> None:
    cup, plate = await stocked(inventory, db, 10), await stocked(inventory, db, 5)
    reservation = await held(inventory, Wanted(plate, 2), Wanted(cup, 1), Wanted(cup, 3), reference="till receipt 9")
    assert (reservation.status, reservation.reference) == ("held", "till receipt 9")
    assert {item.variant_id: item.quantity for item in reservation.items} == {cup: 4, plate: 2}
    assert (await inventory.get_level(cup)).available == 6
    done = await inventory.commit(reservation.id, BY_SHOP)
    assert (done.status, done.expires_at, done.items) == ("committed", None, reservation.items)
    assert await ledger(db, cup) == [
        ("receive", 10, 0, 10, 0, 0), ("hold", 4, 10, 10, 0, 4), ("commit", 4, 10, 6, 4, 0),
    ]  # fmt: skip
    assert await value(db, "select count(*) from reservation") == 0
    told = await events_of(db, "reservation")
    assert [(kind, version) for kind, version, _ in told] == [
        ("reservation.reserved", 1), ("reservation.committed", 2),
    ]  # fmt: skip


async def test_all_or_nothing_with_every_short_item(inventory: InventoryService, db: Database) -> None:
    plenty, short, empty = [await stocked(inventory, db, on_hand) for on_hand in (10, 2, 0)]
    with pytest.raises(InsufficientStockError) as raised:
        await held(inventory, Wanted(plenty, 1), Wanted(short, 3), Wanted(empty, 1))
    found = {item["variant_id"]: (item["requested"], item["available"]) for item in raised.value.details["items"]}
    assert found == {str(short): (3, 2), str(empty): (1, 0)}
    assert {"requested", "available"} < raised.value.details.keys()
    assert await kinds(db, plenty) == ["receive"]
    assert await value(db, "select count(*) from reservation") == 0
    assert await events_of(db, "reservation") == []


async def test_what_is_not_counted_is_promised_without_a_hold(inventory: InventoryService, db: Database) -> None:
    counted, loose, rowless = await stocked(inventory, db, 1), await stocked(inventory, db, 0), uuid7()
    await inventory.configure(loose, StockSettings(is_tracked=False), BY_SHOP)
    reservation = await held(inventory, Wanted(counted, 1), Wanted(loose, 50), Wanted(rowless, 50))
    assert await value(db, "select count(*) from hold") == 1
    done = await inventory.commit(reservation.id, BY_SHOP)
    assert len(done.items) == 3
    assert (await inventory.get_level(loose)).on_hand == 0


async def test_the_same_id_with_the_same_items_is_the_same_promise(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    chosen = uuid7()
    first = await held(inventory, Wanted(variant, 4), reservation_id=chosen)
    assert await held(inventory, Wanted(variant, 1), Wanted(variant, 3), reservation_id=chosen) == first
    assert await kinds(db, variant) == ["receive", "hold"]
    with pytest.raises(ReservationConflictError):
        await held(inventory, Wanted(variant, 5), reservation_id=chosen)
    assert (await inventory.get_level(variant)).held == 4


async def test_the_id_of_somebody_else_is_refused(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    cart = await promise(db, variant, 2, TTL)
    assert cart is not None
    with pytest.raises(ReservationConflictError):
        await held(inventory, Wanted(variant, 2), reservation_id=cart)
    for act in (inventory.release(cart, BY_SHOP), inventory.commit(cart, BY_SHOP), inventory.extend(cart)):
        with pytest.raises(ReservationNotFoundError):
            await act
    assert (await inventory.get_level(variant)).held == 2


async def test_a_committed_id_is_used_up_and_a_released_one_is_not(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    reservation = await held(inventory, Wanted(variant, 4))
    await inventory.commit(reservation.id, BY_SHOP)
    with pytest.raises(ReservationConflictError):
        await held(inventory, Wanted(variant, 4), reservation_id=reservation.id)
    assert await value(db, "select count(*) from reservation") == 0
    other = await held(inventory, Wanted(variant, 1))
    await inventory.release(other.id, BY_SHOP)
    assert (await held(inventory, Wanted(variant, 2), reservation_id=other.id)).status == "held"
    assert (await events_of(db, "reservation"))[-1][1] == 3


async def test_settling_twice_changes_nothing(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    sold, free = await held(inventory, Wanted(variant, 4)), await held(inventory, Wanted(variant, 3))
    assert await inventory.commit(sold.id, BY_SHOP) == await inventory.commit(sold.id, BY_SHOP)
    assert await inventory.release(free.id, BY_SHOP) == await inventory.release(free.id, BY_SHOP)
    assert await kinds(db, variant) == ["receive", "hold", "hold", "commit", "release"]
    with pytest.raises(ReservationNotFoundError) as raised:
        await inventory.release(sold.id, BY_SHOP)
    assert raised.value.details["status"] == "committed"
    with pytest.raises(ReservationNotFoundError) as raised:
        await inventory.commit(free.id, BY_SHOP)
    assert raised.value.details["status"] == "released"
    with pytest.raises(ReservationNotFoundError):
        await inventory.commit(uuid7(), BY_SHOP)


@pytest.mark.parametrize("swept", [False, True])
async def test_what_ran_out_is_told_so_whether_or_not_it_was_swept(
    inventory: InventoryService, db: Database, clock: ManualClock, swept: bool
) -> None:
    variant = await stocked(inventory, db, 10)
    reservation = await held(inventory, Wanted(variant, 4))
    clock.advance(TTL)
    if swept:
        await sweep(db)
        clock.advance(TTL)
        await sweep(db)
        assert await value(db, "select count(*) from reservation") == 0
    for act in (inventory.commit(reservation.id, BY_SHOP), inventory.extend(reservation.id)):
        with pytest.raises(HoldExpiredError):
            await act
    assert (await inventory.get_level(variant)).available == 10
    assert (await inventory.release(reservation.id, BY_SHOP)).status == "released"
    assert (await inventory.get_level(variant)).available == 10


async def test_a_promise_that_ran_out_can_be_made_again_under_its_id(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 5)
    first = await held(inventory, Wanted(variant, 4))
    clock.advance(TTL)
    again = await held(inventory, Wanted(variant, 5), reservation_id=first.id)
    assert again.id == first.id
    assert again.expires_at is not None
    assert first.expires_at is not None
    assert again.expires_at > first.expires_at
    assert await kinds(db, variant) == ["receive", "hold", "expire", "hold"]
    clock.advance(TTL)
    await promise(db, variant, 5, TTL)
    with pytest.raises(InsufficientStockError):
        await held(inventory, Wanted(variant, 5), reservation_id=first.id)
    # The cart and the variant of this test are ids alone; everything else holds.
    assert {breach.name for breach in (await audit(db)).breaches} == {"cart.reservation", "stock.of_variant"}


async def test_extension_counts_from_now_and_ends_at_the_cap(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    inventory = InventoryService(db, settings.model_copy(update={"hold_cap_s": 2000.0}))
    variant = await stocked(inventory, db, 5)
    reservation = await held(inventory, Wanted(variant, 5))
    began = reservation.expires_at
    assert began is not None
    clock.advance(timedelta(seconds=800))
    longer = (await inventory.extend(reservation.id)).expires_at
    assert longer is not None
    assert timedelta(seconds=799) < longer - began < timedelta(seconds=802)
    clock.advance(timedelta(seconds=800))
    capped = (await inventory.extend(reservation.id)).expires_at
    assert capped is not None
    assert timedelta(seconds=1099) < capped - began <= timedelta(seconds=1100)
    assert (await inventory.extend(reservation.id, ttl=SECOND)).expires_at == capped
    clock.advance(timedelta(seconds=399))
    assert (await inventory.get_level(variant)).available == 0
    clock.advance(2 * SECOND)
    assert (await inventory.get_level(variant)).available == 5


async def test_a_life_longer_than_the_cap_is_cut_to_it(db: Database, settings: Settings, clock: ManualClock) -> None:
    inventory = InventoryService(db, settings.model_copy(update={"hold_cap_s": 1000.0}))
    variant = await stocked(inventory, db, 5)
    reservation = await held(inventory, Wanted(variant, 5), ttl=timedelta(days=9))
    assert reservation.expires_at is not None
    assert reservation.expires_at - clock.now() <= timedelta(seconds=1000)


async def test_nothing_and_too_much_are_refused(inventory: InventoryService) -> None:
    with pytest.raises(StockQuantityError):
        await held(inventory)
    with pytest.raises(StockQuantityError):
        await held(inventory, Wanted(uuid7(), 0))
    with pytest.raises(StockQuantityError):
        await held(inventory, *(Wanted(uuid7(), 1) for _ in range(1001)))


async def test_many_systems_in_opposite_orders_neither_deadlock_nor_oversell(
    inventory: InventoryService, db: Database
) -> None:
    left, right = await stocked(inventory, db, 10), await stocked(inventory, db, 10)

    async def try_it(number: int) -> str | None:
        items = [Wanted(left, 1), Wanted(right, 1)]
        try:
            reservation = await held(inventory, *(items if number % 2 else reversed(items)))
        except InsufficientStockError:
            return None
        if number % 3 == 0:
            return (await inventory.release(reservation.id, BY_SHOP)).status
        return (await inventory.commit(reservation.id, BY_SHOP)).status

    outcomes = await asyncio.gather(*(try_it(number) for number in range(40)))
    assert db.retries == 0
    sold = outcomes.count("committed")
    for variant in (left, right):
        level = await inventory.get_level(variant)
        assert (level.on_hand, level.held) == (10 - sold, 0)
    assert 0 < sold <= 10


async def test_one_id_at_the_same_time_is_one_promise(inventory: InventoryService, db: Database) -> None:
    variant, chosen = await stocked(inventory, db, 100), uuid7()
    answers = await asyncio.gather(*(held(inventory, Wanted(variant, 7), reservation_id=chosen) for _ in range(10)))
    assert len({answer.expires_at for answer in answers}) == 1
    assert (await inventory.get_level(variant)).held == 7
    settled = await asyncio.gather(*(inventory.commit(chosen, BY_SHOP) for _ in range(10)))
    assert {answer.status for answer in settled} == {"committed"}
    assert (await inventory.get_level(variant)).on_hand == 93
