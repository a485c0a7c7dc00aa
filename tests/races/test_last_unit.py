"""Many shoppers, few units, two server processes: what there is gets promised, and not one unit more."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pannier.platform import migrate
from pannier.platform.database import Database
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.door import PATIENT, WAIT, closed_door
from tests.support.shoppers import crowd, outcomes, server_processes, together

UNITS = 50
SHOPPERS = 200
# Small batches in many lanes interleave more than the defaults do.
INTERLEAVED = {"batch_size_max": 4, "batch_lanes": 5, "database_pool_size": 8}


async def _rush(db: Database, database_url: str, directory: Path, **settings: Any) -> tuple[Counter[str], int]:
    """The test body: outcomes of the shoppers, and units promised."""
    variant = await make_product(db, on_hand=UNITS)
    with server_processes(directory, database_url, **settings) as servers:
        async with crowd(SHOPPERS, servers) as shoppers:
            answers = await together(shopper.add(variant) for shopper in shoppers)
    return outcomes(answers), (await figures(db, variant)).held


@pytest.mark.parametrize("batching", [{}, INTERLEAVED], ids=["defaults", "interleaved"])
async def test_exactly_what_is_there_is_held(
    db: Database, database_url: str, tmp_path: Path, batching: dict[str, int]
) -> None:
    told, held = await _rush(db, database_url, tmp_path, **batching)
    assert told == {"OK": UNITS, "INSUFFICIENT_STOCK": SHOPPERS - UNITS}
    assert held == UNITS
    assert await faults(db) == {}


async def test_what_is_taken_at_once_is_exactly_what_is_there(db: Database, database_url: str, tmp_path: Path) -> None:
    told, held = await _rush(db, database_url, tmp_path, hold_at="immediate", **INTERLEAVED)
    assert (told["OK"], held) == (UNITS, 0)
    async with db.read() as connection:
        assert await connection.fetchval("select on_hand from stock") == 0
    assert await faults(db) == {}


# Negative controls: the guards, taken away one by one. The same body must see it.


async def test_the_check_stands_behind_the_condition(db: Database, database_url: str, tmp_path: Path) -> None:
    await _take_away(db, "condition")
    told, held = await _rush(db, database_url, tmp_path, **INTERLEAVED)
    assert held <= UNITS
    assert told["INSUFFICIENT_STOCK"] == 0
    assert told["OK"] == held


async def test_the_condition_needs_no_check(db: Database, database_url: str, tmp_path: Path) -> None:
    await _take_away(db, "check")
    told, held = await _rush(db, database_url, tmp_path, **INTERLEAVED)
    assert (told["OK"], held) == (UNITS, UNITS)


async def test_without_both_guards_the_shop_oversells(db: Database, database_url: str, tmp_path: Path) -> None:
    await _take_away(db, "condition", "check")
    told, held = await _rush(db, database_url, tmp_path, **INTERLEAVED)
    assert told["OK"] > UNITS
    assert held > UNITS
    assert "stock.never_oversold" in await faults(db)


async def test_looking_before_leaping_oversells(db: Database, database_url: str, tmp_path: Path) -> None:
    """Without lock and condition a look at the figures first is no guard: two see the last unit, and take it."""
    await _take_away(db, "lock", "check", "condition")
    async with db.read() as connection:
        await connection.execute(_LOOK_FIRST)
    variant = await make_product(db, on_hand=1)
    with server_processes(tmp_path, database_url, **INTERLEAVED, **PATIENT) as servers:
        async with crowd(SHOPPERS, servers) as shoppers:
            async with closed_door(database_url) as door:
                rush = asyncio.create_task(together(shopper.add(variant) for shopper in shoppers))
                await door.crowded(2)
            told = outcomes(await rush)
    assert told["INSUFFICIENT_STOCK"] > 0, "the look did refuse some"
    assert told["OK"] == (await figures(db, variant)).held > 1


_DROP_CHECK = "alter table stock drop constraint stock_never_oversold"
_GUARDS = {
    "condition": re.compile(
        r"\n     and \(backorder_max is null or held \+ p_quantity <= on_hand \+ backorder_max - safety_quantity\)"
    ),
    "lock": re.compile(r"(?<=order by variant_id, location_id) for update(?=\s*\) k)"),
}
# Decides by what it reads, as shops do that oversell; the ledger below it stays as it is.
_LOOK_FIRST = f"""
create function stock_look(p_variant uuid, p_quantity bigint) returns boolean language plpgsql volatile as $$
begin
  return (select held + p_quantity <= on_hand from stock where variant_id = p_variant);
end $$;
alter function stock_hold(uuid, uuid, uuid, bigint, boolean, timestamptz, movement_cause) rename to stock_hold_blindly;
create function stock_hold(
  p_reservation uuid, p_variant uuid, p_location uuid, p_quantity bigint, p_take boolean,
  p_due timestamptz, p_cause movement_cause
) returns boolean language plpgsql as $$
begin
  if not stock_look(p_variant, p_quantity) then
    return false;
  end if;
  {WAIT}
  return stock_hold_blindly(p_reservation, p_variant, p_location, p_quantity, p_take, p_due, p_cause);
end $$;
"""


async def _take_away(db: Database, *guards: str) -> None:
    for guard in guards:
        statement = _DROP_CHECK if guard == "check" else _without(guard)
        async with db.read() as connection:
            await connection.execute(statement)


def _without(guard: str) -> str:
    """The file of SQL functions that has the guard, without it."""
    for _, text in migrate.function_files():
        without, count = _GUARDS[guard].subn("", text)
        if count:
            assert count == 1, f"the {guard} stands in more than one place"
            return without
    raise AssertionError(f"the {guard} is nowhere: this control controls nothing")
