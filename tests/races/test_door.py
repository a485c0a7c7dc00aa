"""What negative controls rely on: two do meet, and where they do not, the control fails and says why."""

from __future__ import annotations

import asyncio

import pytest

from pannier.platform.database import Database
from tests.support.door import WAIT, closed_door, with_door

_ARRIVE = f"do $$ begin {WAIT} end $$"


async def _arrive(db: Database) -> None:
    async with db.read() as connection:
        await connection.execute(_ARRIVE)


async def test_nobody_goes_on_before_two_have_met(db: Database, database_url: str) -> None:
    async with closed_door(database_url) as door:
        first = asyncio.create_task(_arrive(db))
        await door.crowded(1)
        with pytest.raises(AssertionError, match="1 came to the door where 2 should meet"):
            await door.crowded(2, within_s=0)
        assert not first.done()
        second = asyncio.create_task(_arrive(db))
        await door.crowded(2)
        assert not first.done()
    await asyncio.gather(first, second)


async def test_a_door_is_put_before_a_function_that_is_there(db: Database) -> None:
    await with_door(db, "cart_make")
    async with db.read() as connection:
        assert WAIT in await connection.fetchval("select prosrc from pg_proc where proname = 'cart_make'")
    with pytest.raises(AssertionError, match="this control controls nothing"):
        await with_door(db, "uuid_send")
