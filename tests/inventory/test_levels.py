"""Stock figures as imports, staff and readers use them: the ledger explains every one of them."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import pytest

from pannier.inventory import (
    BackorderBound,
    BelowHeldError,
    BelowZeroError,
    Cause,
    HeldFor,
    InventoryService,
    LevelRow,
    LevelsSet,
    RefusedLevel,
    StockNotFoundError,
    StockQuantityError,
    StockSettings,
    Wanted,
)
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.inventory.reading import events_of, kinds, ledger, promise, stocked, value

BY_IMPORT = Cause("import", "products.csv")
BY_STAFF = Cause("staff", "a test", device="desk", correlation_id="request-1")
QUARTER = timedelta(minutes=15)


@pytest.fixture
def inventory(db: Database, settings: Settings) -> InventoryService:
    return InventoryService(db, settings)


async def set_levels(inventory: InventoryService, db: Database, *rows: LevelRow) -> LevelsSet:
    return await db.write(lambda conn: inventory.set_levels(conn, rows, BY_IMPORT))


async def test_a_first_import_makes_the_row_and_the_movement_that_explains_it(
    inventory: InventoryService, db: Database
) -> None:
    plenty, short, none = (uuid7() for _ in range(3))
    done = await set_levels(inventory, db, LevelRow(none, 0, False, None), LevelRow(plenty, 12), LevelRow(short, -3))
    assert done == LevelsSet(made=3, changed=0, refused=[])
    assert await ledger(db, plenty) == [("receive", 12, 0, 12, 0, 0)]
    assert await ledger(db, short) == [("adjust", -3, 0, -3, 0, 0)]
    assert await ledger(db, none) == []
    assert (await inventory.get_level(none)).available is None


async def test_a_second_import_changes_nothing_and_a_third_books_the_difference(
    inventory: InventoryService, db: Database
) -> None:
    variant = uuid7()
    await set_levels(inventory, db, LevelRow(variant, 12))
    assert await set_levels(inventory, db, LevelRow(variant, 12)) == LevelsSet(0, 0, [])
    assert await set_levels(inventory, db, LevelRow(variant, 7, False, 5)) == LevelsSet(0, 1, [])
    assert await ledger(db, variant) == [("receive", 12, 0, 12, 0, 0), ("adjust", -5, 12, 7, 0, 0)]
    level = await inventory.get_level(variant)
    assert (level.on_hand, level.is_tracked, level.backorder_max, level.version) == (7, False, 5, 2)


async def test_a_change_of_settings_alone_is_no_movement(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 4)
    assert (await set_levels(inventory, db, LevelRow(variant, 4, True, None))).changed == 1
    assert await kinds(db, variant) == ["receive"]


async def test_differences_are_added_to_what_is_there(inventory: InventoryService, db: Database) -> None:
    old, new = await stocked(inventory, db, 10), uuid7()
    rows = [LevelRow(old, -4), LevelRow(new, 6)]
    done = await db.write(lambda conn: inventory.add_levels(conn, rows, BY_IMPORT))
    assert done == LevelsSet(made=1, changed=1, refused=[])
    assert await ledger(db, old) == [("receive", 10, 0, 10, 0, 0), ("adjust", -4, 10, 6, 0, 0)]
    assert (await inventory.get_level(new)).on_hand == 6
    assert (await db.write(lambda conn: inventory.add_levels(conn, [LevelRow(old, 0)], BY_IMPORT))).changed == 0


async def test_imported_negative_stock_is_kept_and_sells_nothing(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, -5)
    level = await inventory.get_level(variant)
    assert (level.on_hand, level.held, level.available) == (-5, 0, 0)
    assert await promise(db, variant, 1, QUARTER) is None


async def test_a_figure_below_what_is_promised_is_told_and_not_taken(inventory: InventoryService, db: Database) -> None:
    promised, free = await stocked(inventory, db, 10), await stocked(inventory, db, 10)
    await promise(db, promised, 8, QUARTER)
    done = await set_levels(inventory, db, LevelRow(promised, 7), LevelRow(free, 7))
    assert done == LevelsSet(made=0, changed=1, refused=[RefusedLevel(promised, 10, 8)])
    assert (await inventory.get_level(promised)).on_hand == 10


async def test_an_import_lets_go_of_dead_holds_before_it_judges_a_figure(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 10)
    await promise(db, variant, 8, QUARTER)
    clock.advance(QUARTER)
    assert (await set_levels(inventory, db, LevelRow(variant, 0))).refused == []
    assert await kinds(db, variant) == ["receive", "hold", "expire", "adjust"]


async def test_rows_that_contradict_each_other_are_refused(inventory: InventoryService, db: Database) -> None:
    variant = uuid7()
    with pytest.raises(StockQuantityError, match="named twice"):
        await set_levels(inventory, db, LevelRow(variant, 1), LevelRow(variant, 2))
    with pytest.raises(StockQuantityError, match="out of range"):
        await set_levels(inventory, db, LevelRow(variant, 10**15))
    assert await value(db, "select count(*) from stock") == 0


async def test_a_hundred_thousand_rows_take_seconds(inventory: InventoryService, db: Database) -> None:
    rows = [LevelRow(uuid7(), number % 50) for number in range(100_000)]
    began = time.monotonic()
    assert (await set_levels(inventory, db, *rows)).made == 100_000
    assert (await set_levels(inventory, db, *rows)).changed == 0
    changed = [LevelRow(row.variant_id, row.on_hand + 1) for row in rows]
    assert (await set_levels(inventory, db, *changed)).changed == 100_000
    assert time.monotonic() - began < 60
    assert await value(db, "select count(*) from stock_movement") == 100_000 + 98_000


async def test_staff_receive_adjust_and_count(inventory: InventoryService, db: Database) -> None:
    variant = uuid7()
    assert (await inventory.receive(variant, 10, BY_STAFF)).on_hand == 10
    assert (await inventory.adjust(variant, -3, BY_STAFF)).on_hand == 7
    assert (await inventory.count(variant, 9, BY_STAFF)).on_hand == 9
    assert (await inventory.count(variant, 9, BY_STAFF)).version == 3
    newest = (await inventory.movements(variant))[0]
    assert (newest.kind, newest.quantity, newest.on_hand_before, newest.on_hand_after) == ("adjust", 2, 7, 9)
    assert (newest.actor, newest.reason, newest.device, newest.correlation_id) == (
        "staff", "a test", "desk", "request-1",
    )  # fmt: skip
    told = await events_of(db, "stock")
    assert [(kind, version) for kind, version, _ in told] == [
        ("stock.received", 1), ("stock.adjusted", 2), ("stock.counted", 3),
    ]  # fmt: skip
    assert told[2][2]["on_hand"] == 9
    assert told[2][2]["variant_id"] == str(variant)


async def test_the_ledger_is_read_in_pages(inventory: InventoryService) -> None:
    variant = uuid7()
    for quantity in range(1, 6):
        await inventory.receive(variant, quantity, BY_STAFF)
    first = await inventory.movements(variant, limit=3)
    rest = await inventory.movements(variant, before_version=first[-1].version, limit=3)
    assert [movement.quantity for movement in [*first, *rest]] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "op,quantity", [("receive", 0), ("receive", -1), ("adjust", 0), ("count", -1), ("receive", 10**13)]
)
async def test_a_quantity_no_movement_can_have_is_refused(
    inventory: InventoryService, db: Database, op: str, quantity: int
) -> None:
    with pytest.raises(StockQuantityError):
        await getattr(inventory, op)(uuid7(), quantity, BY_STAFF)
    assert await value(db, "select count(*) from stock") == 0


async def test_what_is_promised_cannot_be_taken_away(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    await promise(db, variant, 8, QUARTER)
    for refused in (
        inventory.adjust(variant, -3, BY_STAFF),
        inventory.count(variant, 7, BY_STAFF),
    ):
        with pytest.raises(BelowHeldError) as raised:
            await refused
        assert raised.value.details == {"on_hand": 10, "held": 8}
    assert (await inventory.adjust(variant, -2, BY_STAFF)).available == 0


async def test_no_more_is_taken_away_than_there_is_unless_it_is_meant(
    inventory: InventoryService, db: Database
) -> None:
    variant = await stocked(inventory, db, 10)
    with pytest.raises(BelowZeroError) as raised:
        await inventory.adjust(variant, -11, BY_STAFF)
    assert raised.value.details == {"on_hand": 10, "held": 0}
    assert await kinds(db, variant) == ["receive"]

    assert (await inventory.adjust(variant, -11, BY_STAFF, allow_negative=True)).on_hand == -1
    with pytest.raises(BelowZeroError):
        await inventory.adjust(variant, -1, BY_STAFF)
    assert (await inventory.adjust(variant, 1, BY_STAFF)).on_hand == 0


async def test_what_is_promised_is_told_before_what_is_there(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    await promise(db, variant, 8, QUARTER)
    with pytest.raises(BelowHeldError):
        await inventory.adjust(variant, -11, BY_STAFF, allow_negative=True)
    await inventory.configure(variant, StockSettings(backorder=BackorderBound(None)), BY_STAFF)
    with pytest.raises(BelowZeroError):
        await inventory.adjust(variant, -11, BY_STAFF)


async def test_stock_is_configured(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    careful = await inventory.configure(variant, StockSettings(safety_quantity=3), BY_STAFF)
    assert (careful.available, careful.safety_quantity) == (7, 3)
    loose = await inventory.configure(variant, StockSettings(backorder=BackorderBound(None)), BY_STAFF)
    assert (loose.available, loose.backorder_max) == (None, None)
    await promise(db, variant, 12, QUARTER)
    with pytest.raises(BelowHeldError):
        await inventory.configure(variant, StockSettings(backorder=BackorderBound(1)), BY_STAFF)
    bound = await inventory.configure(variant, StockSettings(backorder=BackorderBound(2)), BY_STAFF)
    assert (bound.backorder_max, bound.available) == (2, 0)
    free = await inventory.configure(variant, StockSettings(is_tracked=False), BY_STAFF)
    assert (free.is_tracked, free.available) == (False, None)
    same = await inventory.configure(variant, StockSettings(is_tracked=False), BY_STAFF)
    assert same == free
    assert [version for _, version, _ in await events_of(db, "stock")] == [1, 2, 3, 4]
    assert await kinds(db, variant) == ["receive", "hold"]


async def test_a_variant_without_stock_is_not_counted(inventory: InventoryService) -> None:
    with pytest.raises(StockNotFoundError):
        await inventory.get_level(uuid7())
    with pytest.raises(StockNotFoundError):
        await inventory.adjust(uuid7(), 1, BY_STAFF)


async def test_availability_of_several_at_once(inventory: InventoryService, db: Database, clock: ManualClock) -> None:
    plenty, gone, uncounted = await stocked(inventory, db, 10), await stocked(inventory, db, 3), uuid7()
    await promise(db, gone, 3, QUARTER)
    asked = [Wanted(plenty, 4), Wanted(gone, 1), Wanted(uncounted, 999), Wanted(plenty, 5)]
    answers = {answer.variant_id: answer for answer in await inventory.availability(asked)}
    assert (answers[plenty].requested, answers[plenty].available, answers[plenty].is_available) == (9, 10, True)
    assert (answers[gone].available, answers[gone].is_available) == (0, False)
    assert (answers[uncounted].available, answers[uncounted].is_available) == (None, True)
    clock.advance(QUARTER)
    after = {answer.variant_id: answer for answer in await inventory.availability(asked)}
    assert (after[gone].available, after[gone].is_available) == (3, True)
    level = await inventory.get_level(gone)
    assert (level.held, level.held_expired, level.available) == (3, 3, 3)


async def test_a_variant_the_catalogue_does_not_know_is_told_as_such(db: Database, settings: Settings) -> None:
    known = uuid7()

    async def known_variants(_: object, ids: object) -> frozenset[uuid.UUID]:
        return frozenset({known})

    inventory = InventoryService(db, settings, known_variants=known_variants)
    stranger = uuid7()
    answers = {a.variant_id: a for a in await inventory.availability([Wanted(known, 1), Wanted(stranger, 1)])}
    assert answers[known].is_available
    assert (answers[stranger].is_known, answers[stranger].is_available) == (False, False)
    with pytest.raises(StockNotFoundError):
        await inventory.receive(stranger, 1, BY_STAFF)
    with pytest.raises(StockNotFoundError):
        await inventory.reserve([Wanted(stranger, 1)], BY_STAFF)
    assert await value(db, "select count(*) from stock") == 0


async def test_what_was_counted_counts_although_carts_are_promised_more(
    inventory: InventoryService, db: Database, clock: ManualClock
) -> None:
    variant = await stocked(inventory, db, 10)
    await promise(db, variant, 8, QUARTER)

    counted = await inventory.count(variant, 5, BY_STAFF, is_truth=True)

    assert (counted.on_hand, counted.held, counted.available) == (5, 8, 0)
    assert (await inventory.held_for([variant]))[variant] == HeldFor(for_carts=8)
    clock.advance(QUARTER)
    assert (await inventory.get_level(variant)).available == 5
    assert await inventory.held_for([variant]) == {}
    assert (await inventory.receive(variant, 1, BY_STAFF)).held == 0
    assert await value(db, "select overpromised from stock") == 0


async def test_what_orders_and_others_are_promised_stays_promised(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    await inventory.reserve([Wanted(variant, 4)], BY_STAFF)
    await promise(db, variant, 5, QUARTER)

    with pytest.raises(BelowHeldError) as raised:
        await inventory.count(variant, 3, BY_STAFF, is_truth=True)

    assert raised.value.details == {"on_hand": 10, "held": 4}
    assert (await inventory.count(variant, 4, BY_STAFF, is_truth=True)).available == 0
    assert (await inventory.held_for([variant]))[variant] == HeldFor(for_carts=5, for_others=4)


async def test_a_threshold_is_what_is_never_sold_or_may_be_owed(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    kept = await inventory.configure(variant, StockSettings(threshold=3), BY_STAFF)
    assert (kept.available, kept.safety_quantity, kept.backorder_max) == (7, 3, 0)
    owed = await inventory.configure(variant, StockSettings(threshold=-5), BY_STAFF)
    assert (owed.available, owed.safety_quantity, owed.backorder_max) == (15, 0, 5)


async def test_a_count_goes_below_nothing_as_far_as_may_be_owed(inventory: InventoryService, db: Database) -> None:
    variant = await stocked(inventory, db, 10)
    await inventory.configure(variant, StockSettings(threshold=-5), BY_STAFF)
    assert (await inventory.count(variant, -5, BY_STAFF)).available == 0
    with pytest.raises(StockQuantityError):
        await inventory.count(variant, -6, BY_STAFF)
    assert (await inventory.get_level(variant)).on_hand == -5


async def test_a_lower_bound_sells_nothing_until_enough_was_delivered(
    inventory: InventoryService, db: Database
) -> None:
    variant = await stocked(inventory, db, 5)
    await inventory.configure(variant, StockSettings(threshold=-20), BY_STAFF)
    await inventory.reserve([Wanted(variant, 25)], BY_STAFF)
    with pytest.raises(BelowHeldError):
        await inventory.configure(variant, StockSettings(threshold=-10), BY_STAFF)

    lowered = await inventory.configure(variant, StockSettings(threshold=-10), BY_STAFF, is_truth=True)

    assert (lowered.held, lowered.available) == (25, 0)
    assert (await inventory.receive(variant, 10, BY_STAFF)).available == 0
    assert (await inventory.receive(variant, 1, BY_STAFF)).available == 1
    assert await value(db, "select overpromised from stock") == 0
