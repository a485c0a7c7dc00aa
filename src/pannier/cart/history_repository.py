"""The statements of the history of carts."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart.document import CartDocument
from pannier.cart.models import CartOwner
from pannier.cart.rewrite_models import LineRow, RoomRow, Side
from pannier.kernel.ids import hash_token

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: A snapshot after so many versions bounds what one question has to read.
SNAPSHOT_EVERY = 50

_FIND = "select cart_of_history($1, $2, $3, $4, $5) as id"
_PAGE = "select * from cart_history_page($1, $2, $3)"
_RESTORE_BEGIN = "select * from cart_restore_begin($1, $2, $3, $4, $5, $6, $7)"
_SIDE = msgspec.json.Decoder(Side)
_ROOM = msgspec.json.Decoder(list[RoomRow])
_DOCUMENT = msgspec.json.Decoder(CartDocument)


class State(msgspec.Struct, frozen=True):
    """A cart at a version, as it is folded from its events."""

    status: str
    lines: dict[uuid.UUID, LineRow]
    saved: dict[uuid.UUID, LineRow]
    metadata: dict[str, Any]
    coupons: list[str]


class Change(msgspec.Struct, frozen=True):
    """A line before and after an event."""

    id: uuid.UUID
    is_saved: bool
    before: LineRow | None
    after: LineRow | None


class EventRow(msgspec.Struct, frozen=True):
    """One event with what it changed."""

    version: int
    type: str
    actor: str
    device: str | None
    correlation_id: str | None
    at: datetime
    changes: list[Change]


class Restoring(msgspec.Struct, frozen=True):
    """A cart under its locks, and as it is to be again; with an outcome it says why that cannot be."""

    outcome: str | None
    at: datetime | None
    mine: Side | None
    version: int | None
    state: State | None
    room: list[RoomRow]


async def find(
    connection: Connection, cart_id: uuid.UUID | None, owner: CartOwner, channel: str, now: datetime
) -> tuple[uuid.UUID, str, int] | None:
    """The id, currency and version of the owner's cart, the open one without an id; None when there is none such."""
    found = await connection.fetchval(_FIND, cart_id, _digest(owner), owner.user_id, channel, now)
    if found is None:
        return None
    row = await connection.fetchrow("select currency, version from cart where id = $1", found)
    return None if row is None else (found, row["currency"], row["version"])


async def page(connection: Connection, cart_id: uuid.UUID, before: int, limit: int) -> list[EventRow]:
    """The events before a version, oldest first."""
    rows = await connection.fetch(_PAGE, cart_id, before, limit)
    return [
        EventRow(
            row["version"],
            row["type"],
            row["actor"],
            row["device"],
            row["correlation_id"],
            row["at"],
            msgspec.convert(row["changes"], list[Change]),
        )
        for row in rows
    ]


async def version_at(connection: Connection, cart_id: uuid.UUID, at: datetime) -> int | None:
    """The version a cart had at a moment."""
    version: int | None = await connection.fetchval("select cart_version_at($1, $2)", cart_id, at)
    return version


async def state_at(connection: Connection, cart_id: uuid.UUID, version: int) -> State | None:
    """What a cart was at a version; None when that is not kept."""
    state = await connection.fetchval("select cart_state_at($1, $2)", cart_id, version)
    return None if state is None else msgspec.convert(state, State)


async def names_of(
    connection: Connection, variants: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, tuple[str | None, str]]:
    """SKU and name of variants, as they are today."""
    rows = await connection.fetch(
        "select v.id, v.display->>1 as sku, v.display->>2 as name from variant v where v.id = any($1)", list(variants)
    )
    return {row["id"]: (row["sku"], row["name"]) for row in rows}


async def restore_begin(
    connection: Connection, owner: CartOwner, channel: str, version: int, if_match: int | None, offset: timedelta
) -> Restoring:
    """The owner's open cart under its locks, and as it was."""
    row = await connection.fetchrow(
        _RESTORE_BEGIN, _digest(owner), owner.user_id, channel, version, None, if_match, offset
    )
    assert row is not None
    return Restoring(
        row["outcome"],
        row["locked_at"],
        None if row["mine"] is None else _SIDE.decode(row["mine"]),
        row["version"],
        None if row["state"] is None else msgspec.convert(row["state"], State),
        [] if row["room"] is None else _ROOM.decode(row["room"]),
    )


async def restore_apply(connection: Connection, values: Mapping[str, Any], policy: Any, at: datetime) -> CartDocument:
    """Write it; answers the cart."""
    return _DOCUMENT.decode(
        await connection.fetchval("select document from cart_restore_apply($1, $2, $3)", values, policy, at)
    )


async def take(connection: Connection, limit: int, snapshot_every: int) -> tuple[int, int]:
    """Copy the next events from the outbox; answers how many places were passed, and how many events kept."""
    row = await connection.fetchrow("select places, taken from cart_history_take($1, $2)", limit, snapshot_every)
    assert row is not None
    return row["places"], row["taken"]


async def erase(connection: Connection, user_id: str, alias: str, offset: timedelta) -> int:
    """Forget who a user was; answers how many events of the user's carts there are."""
    count: int = await connection.fetchval("select cart_history_erase($1, $2, $3)", user_id, alias, offset)
    return count


def _digest(owner: CartOwner) -> bytes | None:
    return hash_token(owner.token) if owner.token is not None else None
