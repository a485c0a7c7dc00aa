"""The statements of wishlists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.kernel.ids import uuid7
from pannier.wishlist.models import By, Item, Owner, Shelf, Wishlist

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection, Database

_LISTS = """select w.id, w.name, w.is_default, w.version, w.created_at, w.updated_at,
                   (select count(*) from wishlist_item i where i.wishlist_id = w.id) as item_count
              from wishlist w"""
_OWNED = "case when $1::text is not null then w.user_id = $1 else w.token_hash = $2 end"
_LOCK = "select pg_advisory_xact_lock(hashtextextended('pannier.wishlist:' || current_schema() || $1, 0))"


class Place:
    """In what currency and channel lists are shown, and the shop's time."""

    def __init__(self, db: Database, currency: str, channel: str) -> None:
        self.db = db
        self.currency = currency
        self.channel = channel

    @property
    def now(self) -> datetime:
        """The shop's time."""
        return self.db.clock.now()


async def lock(connection: Connection, owner: Owner) -> list[Wishlist]:
    """The owner's lists, which nobody else changes until the transaction is over; the default one first.

    By the owner and not by rows, since there may be none yet; then the rows by id, which the search for news locks too.
    """
    await connection.execute(_LOCK, owner.user_id or (owner.token_hash or b"").hex())
    await connection.execute(
        f"select 1 from wishlist w where {_OWNED} order by w.id for update", owner.user_id, owner.token_hash
    )
    return await lists(connection, owner)


async def lists(connection: Connection, owner: Owner) -> list[Wishlist]:
    """The owner's lists, the default one first."""
    rows = await connection.fetch(
        f"{_LISTS} where {_OWNED} order by w.is_default desc, w.created_at, w.id", owner.user_id, owner.token_hash
    )
    return [Wishlist(**dict(row)) for row in rows]


async def find(connection: Connection, owner: Owner, wishlist_id: uuid.UUID | None) -> Wishlist | None:
    """One of the owner's lists; the default one where none is named."""
    row = await connection.fetchrow(
        f"{_LISTS} where {_OWNED} and case when $3::uuid is null then w.is_default else w.id = $3 end",
        owner.user_id,
        owner.token_hash,
        wishlist_id,
    )
    return None if row is None else Wishlist(**dict(row))


async def by_id(connection: Connection, wishlist_id: uuid.UUID) -> Wishlist | None:
    """A list, whoever it belongs to."""
    row = await connection.fetchrow(f"{_LISTS} where w.id = $1", wishlist_id)
    return None if row is None else Wishlist(**dict(row))


async def insert(
    connection: Connection, owner: Owner, wishlist_id: uuid.UUID, name: str, key: str, is_default: bool, now: datetime
) -> None:
    await connection.execute(
        "insert into wishlist (id, user_id, token_hash, name, name_key, is_default, created_at, updated_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $7)",
        wishlist_id,
        owner.user_id,
        owner.token_hash,
        name,
        key,
        is_default,
        now,
    )


async def rename(connection: Connection, wishlist_id: uuid.UUID, name: str, key: str) -> None:
    await connection.execute("update wishlist set name = $2, name_key = $3 where id = $1", wishlist_id, name, key)


async def make_default(connection: Connection, lists_: Sequence[uuid.UUID], wishlist_id: uuid.UUID) -> None:
    """Two statements: at no moment may two be the default."""
    await connection.execute("update wishlist set is_default = false where id = any($1) and is_default", list(lists_))
    await connection.execute("update wishlist set is_default = true where id = $1", wishlist_id)


async def delete(connection: Connection, wishlist_id: uuid.UUID) -> None:
    await connection.execute("delete from wishlist where id = $1", wishlist_id)


async def items(connection: Connection, place: Place, wishlist_ids: Sequence[uuid.UUID]) -> list[Item]:
    """The items of lists as the shop has them now, each list's in its order."""
    rows = await connection.fetch(
        "select * from wishlist_items($1, $2, $3, $4)",
        list(wishlist_ids),
        place.currency,
        place.channel,
        place.db.offset,
    )
    return [_item(row, place.currency) for row in rows]


async def marks(connection: Connection, owner: Owner, variants: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these variants are on a list of the owner's."""
    rows = await connection.fetch(
        "select * from wishlist_marks($1, $2, $3)", owner.user_id, owner.token_hash, list(variants)
    )
    return {row[0] for row in rows}


async def put(
    connection: Connection,
    place: Place,
    wishlist_id: uuid.UUID,
    variant_id: uuid.UUID,
    merge_key: str,
    quantity: int,
    extra: Mapping[str, Any],
    position: int | None = None,
) -> tuple[uuid.UUID | None, bool]:
    """Put a variant on a list; the item, None where there is no such variant, and whether it was not there before."""
    row = await connection.fetchrow(
        "select id, is_new from wishlist_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        wishlist_id,
        uuid7(),
        variant_id,
        merge_key,
        quantity,
        dict(extra) or None,
        position,
        place.currency,
        place.channel,
        place.now,
    )
    assert row is not None
    return row["id"], bool(row["is_new"])


async def switch(
    connection: Connection, place: Place, item_id: uuid.UUID, wants_stock: bool | None, wants_price: bool | None
) -> None:
    """Set what the owner of an item wants to be told of; None leaves as it is."""
    await connection.execute(
        "select wishlist_switch($1, $2, $3, $4, $5, $6)",
        item_id,
        wants_stock,
        wants_price,
        place.currency,
        place.channel,
        place.now,
    )


async def change_item(
    connection: Connection, item: Item, quantity: int, extra: Mapping[str, Any], now: datetime
) -> None:
    await connection.execute(
        "update wishlist_item set quantity = $2, extra = $3, updated_at = $4 where id = $1",
        item.id,
        quantity,
        dict(extra) or None,
        now,
    )


async def move_item(connection: Connection, item_id: uuid.UUID, wishlist_id: uuid.UUID, position: int) -> None:
    await connection.execute(
        "update wishlist_item set wishlist_id = $2, position = $3 where id = $1", item_id, wishlist_id, position
    )


async def restore_item(connection: Connection, item_id: uuid.UUID, item: Mapping[str, Any]) -> None:
    """Make an item again what it was when it was taken off, but for what has been news since."""
    await connection.execute(
        "update wishlist_item set added_price_minor = $2, added_currency = $3, added_at = $4::text::timestamptz"
        " where id = $1",
        item_id,
        item.get("added_price_minor"),
        item.get("added_currency"),
        item["added_at"],
    )


async def delete_items(connection: Connection, item_ids: Sequence[uuid.UUID]) -> None:
    await connection.execute("delete from wishlist_item where id = any($1)", list(item_ids))


async def reorder(connection: Connection, item_ids: Sequence[uuid.UUID]) -> None:
    await connection.execute(
        "update wishlist_item i set position = w.n from unnest($1::uuid[]) with ordinality w(id, n) where i.id = w.id",
        list(item_ids),
    )


async def touch(
    connection: Connection, wishlist_id: uuid.UUID, type_: str, data: Mapping[str, Any], by: By, now: datetime
) -> int:
    """The list's next version, with the event that tells what happened."""
    version: int = await connection.fetchval(
        "update wishlist set version = version + 1, updated_at = $2 where id = $1 returning version", wishlist_id, now
    )
    await tell(connection, wishlist_id, version, type_, data, by, now)
    return version


async def tell(
    connection: Connection,
    wishlist_id: uuid.UUID,
    version: int,
    type_: str,
    data: Mapping[str, Any],
    by: By,
    now: datetime,
) -> None:
    event = {
        "aggregate_id": str(wishlist_id),
        "version": version,
        "aggregate_kind": "wishlist",
        "id": str(uuid7()),
        "type": type_,
        "data": data,
    }
    await connection.execute(
        "select event_append($1, $2, $3, $4, $5)", [event], by.actor, by.device, by.correlation_id, now
    )


async def taken_off(connection: Connection, wishlist_id: uuid.UUID, version: int) -> list[dict[str, Any]] | None:
    """The items that were taken off a list by the change that made this version; None where it was none."""
    data = await connection.fetchval(
        "select data from event where aggregate_id = $1 and version = $2 and type = 'wishlist.items_removed'",
        wishlist_id,
        version,
    )
    return None if data is None else list(data["items"])


async def undone(connection: Connection, wishlist_id: uuid.UUID, version: int) -> bool:
    """Whether what was taken off by this version was put back."""
    found: bool = await connection.fetchval(
        "select exists (select 1 from event where aggregate_id = $1 and version > $2"
        " and type = 'wishlist.items_restored' and (data->>'undone_version')::bigint = $2)",
        wishlist_id,
        version,
    )
    return found


def shelf_of(row: asyncpg.Record, currency: str) -> Shelf:
    """What `wishlist_shelf` says of a variant."""
    product_id, sku, name, slug, summary, category, image, options, *_ = row["display"]
    return Shelf(
        product_id,
        sku,
        name,
        slug,
        summary,
        category,
        image,
        dict(options),
        row["is_sellable"],
        row["price_minor"],
        row["compare_at_minor"],
        row["available"],
        currency,
    )


def _item(row: asyncpg.Record, currency: str) -> Item:
    return Item(
        row["id"],
        row["wishlist_id"],
        row["variant_id"],
        row["merge_key"],
        row["quantity"],
        row["extra"] or {},
        row["position"],
        row["added_price_minor"],
        row["added_currency"],
        row["stock_wanted_at"],
        row["price_wanted_at"],
        row["added_at"],
        row["updated_at"],
        shelf_of(row, currency),
    )
