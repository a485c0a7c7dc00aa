"""Migrations, forward and back, with data."""

from __future__ import annotations

import asyncpg
from alembic.script import ScriptDirectory

from pannier.kernel.clock import SystemClock
from pannier.kernel.ids import uuid7
from pannier.platform import migrate
from pannier.platform.database import Database
from pannier.platform.settings import Settings

_SHAPE = """
select 'column', table_name, column_name, data_type || coalesce(column_default, '') || is_nullable
  from information_schema.columns where table_schema = 'public'
union all
select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
 where connamespace = 'public'::regnamespace and conrelid <> 0
union all
select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
union all
select 'function', proname, pg_get_function_identity_arguments(oid), md5(prosrc) from pg_proc
 where pronamespace = 'public'::regnamespace
order by 1, 2, 3, 4
"""


async def test_back_and_forward_again_gives_the_same_shape(database_url: str) -> None:
    settings = Settings(database_url=database_url)
    connection = await asyncpg.connect(database_url)
    fresh = [tuple(row) for row in await connection.fetch(_SHAPE)]
    assert len(fresh) > 200
    await connection.execute("insert into product (id, slug, name) values ($1, 'stool', 'Oak stool')", uuid7())

    await migrate.downgrade(database_url, settings, "base")
    left = await connection.fetch(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' "
        "union all select proname::text from pg_proc where pronamespace = 'public'::regnamespace"
    )
    assert [row[0] for row in left] == ["alembic_version"]
    assert await migrate.is_current(connection) is False

    await migrate.upgrade(database_url, settings)
    assert [tuple(row) for row in await connection.fetch(_SHAPE)] == fresh
    assert await migrate.is_current(connection)
    await connection.close()


async def test_a_migration_back_leaves_what_is_not_ours(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "create table theirs (id int); create function their_function() returns int language sql as 'select 1'"
    )
    await connection.execute("create function is_json(int) returns int language sql as 'select 2'")
    await connection.execute("update sql_function_file set sha256 = 'other'")
    await migrate.upgrade(database_url, Settings(database_url=database_url))
    await migrate.downgrade(database_url, Settings(database_url=database_url), "base")
    assert await connection.fetchval("select their_function()") == 1
    assert await connection.fetchval("select is_json(1)") == 2
    assert await connection.fetchval("select to_regclass('theirs') is not null")
    await connection.close()


async def test_a_schema_of_its_own_leaves_public_alone(empty_url: str) -> None:
    settings = Settings(database_url=empty_url, database_schema="second_shop")
    await migrate.upgrade(empty_url, settings)
    connection = await asyncpg.connect(empty_url)
    schemas = await connection.fetch("select distinct schemaname from pg_tables where schemaname not like 'pg_%'")
    assert {row[0] for row in schemas} == {"second_shop", "information_schema"}
    await connection.close()


async def test_a_shop_without_tables_does_not_fall_back_on_those_of_another(database_url: str) -> None:
    settings = Settings(database_url=database_url, database_schema="second_shop")
    db = await Database.connect(database_url, settings, SystemClock())
    try:
        async with db.read() as connection:
            assert await migrate.current(connection) is None
        await migrate.upgrade(database_url, settings)
        async with db.read() as connection:
            assert await migrate.is_current(connection)
            assert await connection.fetchval("select 'product'::regclass = 'second_shop.product'::regclass")
    finally:
        await db.close()


async def test_changed_functions_are_seen_and_applied_again(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update sql_function_file set sha256 = 'other'")
    await connection.execute("drop function cart_refusal cascade")
    assert await migrate.is_current(connection) is False
    await migrate.upgrade(database_url, Settings(database_url=database_url))
    assert await migrate.is_current(connection)
    assert await connection.fetchval("select count(*) from pg_proc where proname = 'cart_refusal'") == 1
    await connection.close()


def test_the_head_is_what_alembic_takes_for_it() -> None:
    directory = ScriptDirectory(str(migrate.shipped("migrations")))

    assert migrate.head() == directory.get_current_head()


async def test_a_function_may_get_another_result(database_url: str) -> None:
    """An upgrade brings functions whose result differs from the one before, which no REPLACE would take."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "drop function cart_refusal;"
        " create function cart_refusal(p_target cart_target, p_outcome text, p_details jsonb)"
        " returns integer language sql as 'select 1'"
    )
    await connection.execute(
        "update sql_function_file set sha256 = 'older' where routines::text like '%cart_refusal(%'"
    )
    await migrate.upgrade(database_url, Settings(database_url=database_url))
    result = await connection.fetchval("select prorettype::regtype::text from pg_proc where proname = 'cart_refusal'")
    assert result == "cart_change_result"
    await connection.close()


async def test_a_function_that_moved_to_another_file_is_there(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into sql_function_file (path, sha256, routines)"
        " values ('cart/sql/zzz.sql', 'x', array['cart_refusal(cart_target,text,jsonb)'])"
    )
    await connection.execute("update sql_function_file set sha256 = 'x' where routines::text like '%cart_refusal(%'")
    await migrate.upgrade(database_url, Settings(database_url=database_url))
    assert await migrate.is_current(connection)
    assert await connection.fetchval("select count(*) from pg_proc where proname = 'cart_refusal'") == 1
    await connection.close()
