"""Cases share databases: what one has left, the next does not find."""

from __future__ import annotations

import asyncpg

from tests.acceptance.databases import Copies, Fresh, reset
from tests.support.postgres import execute

_CATEGORY = "insert into category (id, slug, name) values (gen_random_uuid(), 'left', 'Left over')"
_COUNT = "select (select count(*) from category) + (select count(*) from channel where code = 'other')"


async def _value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_copy_is_used_again_without_what_was_left_in_it(server_url: str, fresh: Fresh) -> None:
    copies = Copies(server_url, fresh)
    async with copies.one() as first:
        await execute(first, _CATEGORY, "insert into channel (code, name) values ('other', 'Other')")
        assert await _value(first, _COUNT) == 2

    async with copies.one() as second:
        assert second == first
        assert await _value(second, _COUNT) == 0
        assert await _value(second, "select count(*) from channel") == 1

    await copies.close()


async def test_a_copy_whose_tables_differ_is_not_used_again(server_url: str, fresh: Fresh) -> None:
    copies = Copies(server_url, fresh)
    async with copies.one() as first:
        await execute(first, "create table left_over ()")

    async with copies.one() as second:
        assert second != first

    await copies.close()


async def test_rows_that_came_with_the_tables_are_put_back(server_url: str, fresh: Fresh) -> None:
    copies = Copies(server_url, fresh)
    async with copies.one() as url:
        await execute(url, "update channel set name = 'Another name'", "delete from sql_function_file")

        assert await reset(url, fresh)
        assert await _value(url, "select name from channel") == "Default"

    await copies.close()
