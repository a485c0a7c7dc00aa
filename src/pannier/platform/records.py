"""Rows that staff make, change and archive. Each has a version, and each change its event with what was before it.

    TABLE = RecordTable("zone", columns=frozenset({"title"}), shown="r.id, r.name, r.version, …", unknown=ZoneNotFound)
    record = await records.create(connection, TABLE, values, cause, now)
    record = await records.change(connection, TABLE, record["id"], {"title": "EU"}, cause, now, if_match=1)

They are archived and never deleted, since orders name them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.kernel.ids import uuid7

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection

Record = Mapping[str, Any]
#: What is to be written beside the row, before it is read back.
Beside = Callable[["Connection", uuid.UUID], Awaitable[None]]

_BEGIN = uuid.UUID(int=0)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
#: What every record has, as it is shown.
COMMON = "r.version, r.archived_at, r.created_at, r.updated_at"


class RecordChangedError(PannierError):
    """It has changed since the version that If-Match names; `details.actual` is the one it has. Look, then repeat."""

    kind = ErrorKind.precondition_failed
    error = "RECORD_CHANGED"
    code = "RECORD_001"
    title = "Somebody has changed it meanwhile"


class RecordArchivedError(PannierError):
    """It was archived, so it changes no more. Make a new one in its place."""

    kind = ErrorKind.gone
    error = "RECORD_ARCHIVED"
    code = "RECORD_002"
    title = "It was archived"


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes a record, from where, within which request."""

    actor: str
    device: str | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A table of records. `shown` are the columns of a document, over the row `r`; all names are ours, no client's.

    `json_columns` are written as JSON with every digit they have; `shown` has them as text, which is read as exactly.
    `touches_prices`: what it says is part of every quote, so a process that has it in memory must read it anew.
    """

    name: str
    columns: frozenset[str]
    shown: str
    unknown: type[PannierError]
    #: The column that a person knows it by.
    called: str = "name"
    json_columns: frozenset[str] = frozenset()
    touches_prices: bool = True


def as_json(value: object) -> str:
    """The value as JSON, its decimals as numbers with every digit they have."""
    return _ENCODER.encode(value).decode()


async def get(connection: Connection, table: RecordTable, record_id: uuid.UUID) -> Record:
    """One record, archived or not. Raises the table's refusal where there is none."""
    row = await connection.fetchrow(f"select {table.shown} from {table.name} r where r.id = $1", record_id)
    if row is None:
        raise table.unknown(f"There is none with the id {record_id}. The list has those that there are.")
    return _read(table, row)


async def page(
    connection: Connection,
    table: RecordTable,
    *,
    after: uuid.UUID | None,
    limit: int,
    is_archived: bool = False,
    equal: Record | None = None,
) -> list[Record]:
    """Records in the order in which they were made, behind one of them; `equal` are columns and what they must be."""
    wanted = {name: value for name, value in (equal or {}).items() if value is not None}
    _check(table, wanted)
    conditions = "".join(f" and r.{_quoted(name)} = ${number}" for number, name in enumerate(wanted, 4))
    rows = await connection.fetch(
        f"select {table.shown} from {table.name} r where r.id > $1 and ($2 or r.archived_at is null){conditions}"
        " order by r.id limit $3",
        after or _BEGIN,
        is_archived,
        limit,
        *wanted.values(),
    )
    return [_read(table, row) for row in rows]


async def create(
    connection: Connection,
    table: RecordTable,
    values: Record,
    cause: Cause,
    now: datetime,
    beside: Beside | None = None,
) -> Record:
    """Make one of version 1."""
    _check(table, values)
    record_id = uuid7()
    places = "".join(f", {_place(table, name, number)}" for number, name in enumerate(values, 3))
    names = "".join(f", {_quoted(name)}" for name in values)
    await connection.execute(
        f"insert into {table.name} (id, created_at, updated_at{names}) values ($1, $2, $2{places})",
        record_id,
        now,
        *_arguments(table, values),
    )
    if beside is not None:
        await beside(connection, record_id)
    return await _changed(connection, table, record_id, "created", None, cause, now)


async def change(
    connection: Connection,
    table: RecordTable,
    record_id: uuid.UUID,
    values: Record,
    cause: Cause,
    now: datetime,
    *,
    if_match: int | None = None,
    beside: Beside | None = None,
    what: str = "updated",
) -> Record:
    """Set those values that are given; `what` is the word for it.

    Raises the table's refusal, RecordChangedError, RecordArchivedError.
    """
    _check(table, values)
    before = await _lock(connection, table, record_id, if_match)
    if before["archived_at"] is not None:
        raise RecordArchivedError("It was archived, so it changes no more. Make a new one in its place.")
    await _update(connection, table, record_id, values, now)
    if beside is not None:
        await beside(connection, record_id)
    return await _changed(connection, table, record_id, what, before, cause, now)


async def archive(
    connection: Connection,
    table: RecordTable,
    record_id: uuid.UUID,
    cause: Cause,
    now: datetime,
    *,
    if_match: int | None = None,
) -> Record:
    """It counts no more; orders that name it still do. Twice changes nothing."""
    before = await _lock(connection, table, record_id, if_match)
    if before["archived_at"] is not None:
        return before
    await connection.execute(
        f"update {table.name} set archived_at = $2, updated_at = $2, version = version + 1 where id = $1",
        record_id,
        now,
    )
    return await _changed(connection, table, record_id, "archived", before, cause, now)


async def _update(
    connection: Connection, table: RecordTable, record_id: uuid.UUID, values: Record, now: datetime
) -> None:
    changes = "".join(f", {_quoted(name)} = {_place(table, name, number)}" for number, name in enumerate(values, 3))
    await connection.execute(
        f"update {table.name} set version = version + 1, updated_at = $2{changes} where id = $1",
        record_id,
        now,
        *_arguments(table, values),
    )


async def _lock(connection: Connection, table: RecordTable, record_id: uuid.UUID, if_match: int | None) -> Record:
    """The record as it is, and stays until the transaction ends."""
    await connection.execute(f"select from {table.name} where id = $1 for no key update", record_id)
    record = await get(connection, table, record_id)
    if if_match is not None and if_match != record["version"]:
        raise RecordChangedError(
            f"It is at version {record['version']}, and If-Match names {if_match}. Look at it, then repeat.",
            field="If-Match",
            details={"expected": if_match, "actual": record["version"]},
        )
    return record


async def _changed(
    connection: Connection,
    table: RecordTable,
    record_id: uuid.UUID,
    what: str,
    before: Record | None,
    cause: Cause,
    now: datetime,
) -> Record:
    """What every change ends with: the event, the word to whoever keeps prices, and the record as it is now."""
    after = await get(connection, table, record_id)
    event = {
        "aggregate_id": record_id,
        "version": after["version"],
        "aggregate_kind": table.name,
        "id": uuid7(),
        "type": f"{table.name}.{what}",
        "data": {"before": before, "after": after},
    }
    await connection.execute(
        "select event_append($1::text::jsonb, $2, $3, $4, $5)",
        as_json([event]),
        cause.actor,
        cause.device,
        cause.correlation_id,
        now,
    )
    kept = {
        "id": uuid7(),
        "subject_kind": table.name,
        "subject_id": str(record_id),
        "subject_name": after[table.called],
        "action": what,
        "before": before,
        "after": after,
    }
    await keep_audit(connection, [kept], cause, now)
    if table.touches_prices:
        await touch_prices(connection)
    return after


async def keep_audit(connection: Connection, changes: Sequence[Record], cause: Cause, now: datetime) -> None:
    """Keep who changed what of prices: `{id, subject_kind, subject_id, subject_name, action, before, after}`."""
    await connection.execute(
        "select price_audit_append($1::text::jsonb, $2, $3, $4, $5)",
        as_json(changes),
        cause.actor,
        cause.device,
        cause.correlation_id,
        now,
    )


async def touch_prices(connection: Connection) -> None:
    """Say, when this transaction commits, that what quotes are made from has changed."""
    await connection.execute("select price_book_touch()")


def _read(table: RecordTable, row: asyncpg.Record) -> Record:
    return {name: exact(value) if name in table.json_columns else value for name, value in row.items()}


def _arguments(table: RecordTable, values: Record) -> list[Any]:
    return [as_json(value) if name in table.json_columns else value for name, value in values.items()]


def _place(table: RecordTable, name: str, number: int) -> str:
    return f"${number}::text::jsonb" if name in table.json_columns else f"${number}"


def _quoted(name: str) -> str:
    # One of ours is called "order".
    return f'"{name}"'


def _check(table: RecordTable, values: Record) -> None:
    unknown = values.keys() - table.columns
    if unknown:
        raise ValueError(f"no such columns of {table.name}: {sorted(unknown)}")


def exact(document: str) -> Any:
    """JSON text as plain values, its fractions as the decimals that are written there."""
    return json.loads(document, parse_float=Decimal)
