"""The statements of merging, two a command: one locks and shows, one carries out what was decided."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart.document import CartDocument
from pannier.cart.rewrite_models import LineRow, RoomRow, Side
from pannier.kernel.ids import hash_token

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_SIDE = msgspec.json.Decoder(Side)
_ROOM = msgspec.json.Decoder(list[RoomRow])
_DOCUMENT = msgspec.json.Decoder(CartDocument)

_LOOK = "select null::timestamptz, mine, theirs, room from cart_merge_look($1, $2, $3, $4, $5)"
_BEGIN = "select locked_at, mine, theirs, room from cart_merge_begin($1, $2, $3)"
_APPLY = "select document from cart_merge_apply($1, $2, $3)"
_UNDO_BEGIN = "select locked_at, merge, mine, theirs, room from cart_merge_undo_begin($1, $2, $3, $4)"
_UNDO_APPLY = "select document, guest_document, missing from cart_merge_undo_apply($1, $2, $3)"


class KeptLine(msgspec.Struct, frozen=True):
    """What a merge did to a line of the user's cart; None is not there."""

    before: LineRow | None
    after: LineRow | None
    set_aside: int


class Kept(msgspec.Struct, frozen=True):
    """What a merge leaves for whoever undoes it; `saved` are the guest's saved lines that came along."""

    lines: list[KeptLine]
    saved: list[LineRow]
    metadata_before: dict[str, Any]
    metadata_after: dict[str, Any]
    coupons_before: list[str]
    coupons_after: list[str]


class MergeRow(msgspec.Struct, frozen=True):
    """A row of `cart_merge`."""

    id: uuid.UUID
    user_id: str
    target_cart_id: uuid.UUID
    source_cart_id: uuid.UUID
    kept: Kept
    at: datetime
    undone_at: datetime | None


_MERGE = msgspec.json.Decoder(MergeRow)


class Pair(msgspec.Struct, frozen=True):
    """The two carts of a merge, and how much of everything one cart may have. Without `theirs` there is no merge."""

    at: datetime | None
    mine: Side | None
    theirs: Side | None
    room: list[RoomRow]


class Undoing(msgspec.Struct, frozen=True):
    """A merge to be undone and its carts, locked; without `mine` the user's is no longer open."""

    at: datetime
    merge: MergeRow
    mine: Side | None
    theirs: Side
    room: list[RoomRow]


async def look(
    connection: Connection, user_id: str, token: str | None, channel: str, sold: Sequence[str], offset: timedelta
) -> Pair:
    """Both carts as they are, without a lock."""
    row = await connection.fetchrow(_LOOK, user_id, _digest(token), channel, list(sold), offset)
    assert row is not None
    return _pair(*row)


async def begin(connection: Connection, request: Mapping[str, Any], token: str | None, offset: timedelta) -> Pair:
    """Both carts under their locks; `request` is the user's, as `cart_locate` takes it."""
    row = await connection.fetchrow(_BEGIN, request, _digest(token), offset)
    assert row is not None
    return _pair(*row)


async def apply(connection: Connection, values: Mapping[str, Any], policy: Any, at: datetime) -> CartDocument:
    """Carry a merge out; see `cart_merge_apply` for the values. Answers the user's cart."""
    return _DOCUMENT.decode(await connection.fetchval(_APPLY, values, policy, at))


async def undo_begin(
    connection: Connection, merge_id: uuid.UUID | None, user_id: str, channel: str, offset: timedelta
) -> Undoing | None:
    """A merge of the user's under the locks of both carts, without an id the newest; None when there is none."""
    row = await connection.fetchrow(_UNDO_BEGIN, merge_id, user_id, channel, offset)
    assert row is not None
    at, merge, mine, theirs, room = row
    if merge is None:
        return None
    return Undoing(
        at,
        _MERGE.decode(merge),
        None if mine is None else _SIDE.decode(mine),
        _SIDE.decode(theirs),
        _ROOM.decode(room),
    )


async def undo_apply(
    connection: Connection, values: Mapping[str, Any], policy: Any, at: datetime
) -> tuple[CartDocument, CartDocument, dict[str, int]]:
    """Take a merge apart; answers the user's cart, the guest's, and the units of each variant the guest's lacks."""
    row = await connection.fetchrow(_UNDO_APPLY, values, policy, at)
    assert row is not None
    return _DOCUMENT.decode(row[0]), _DOCUMENT.decode(row[1]), row[2]


async def channels_of(connection: Connection, token: str) -> list[str]:
    """The channels in which a guest has an open cart."""
    rows = await connection.fetch(
        "select channel from cart where token_hash = $1 and status in ('active', 'abandoned') and not is_aside"
        " order by channel",
        hash_token(token),
    )
    return [row["channel"] for row in rows]


def _pair(at: datetime | None, mine: str | None, theirs: str | None, room: str | None) -> Pair:
    return Pair(
        at,
        None if mine is None else _SIDE.decode(mine),
        None if theirs is None else _SIDE.decode(theirs),
        [] if room is None else _ROOM.decode(room),
    )


def _digest(token: str | None) -> bytes | None:
    return None if token is None else hash_token(token)
