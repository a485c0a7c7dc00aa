"""The statements of notices and of the links that end them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pannier.wishlist.models import Notice, Shelf
from pannier.wishlist.repository import Place, shelf_of

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_NOTICE = "id, user_id, item_id, variant_id, kind, currency, price_before_minor, price_minor, attempts"
#: Of one customer, in one mail.
TOLD_MAX = 50


async def look(connection: Connection, place: Place, limit: int) -> int | None:
    """Find what is news; how much was done, None while another process is at it."""
    done: int | None = await connection.fetchval(
        "select wishlist_look($1, $2, $3, $4)", limit, place.currency, place.channel, place.db.offset
    )
    return done


async def claim(connection: Connection, now: datetime) -> list[Notice]:
    """What one customer is to be told now. Should we die with it, it is due again later; longer after each attempt."""
    rows = await connection.fetch(
        f"""
        update wishlist_notice n
           set attempts = n.attempts + 1, due_at = $1 + make_interval(secs => least(3600, 15 * 2.0 ^ n.attempts))
         where n.id in (
           select id from wishlist_notice
            where sent_at is null and dropped is null and due_at <= $1 and user_id = (
              select user_id from wishlist_notice where sent_at is null and dropped is null and due_at <= $1
               order by due_at, id limit 1 for update skip locked)
            order by id limit {TOLD_MAX} for update skip locked)
        returning {", ".join("n." + name for name in _NOTICE.split(", "))}
        """,
        now,
    )
    return sorted((Notice(**dict(row)) for row in rows), key=lambda notice: notice.id)


async def hold(connection: Connection, notices: Sequence[Notice], due_at: datetime) -> list[Notice]:
    """Keep claimed notices from being due before a moment; those that nobody has claimed since, or closed."""
    rows = await connection.fetch(
        "update wishlist_notice n set due_at = $3 from unnest($1::uuid[], $2::integer[]) c(id, attempts)"
        " where n.id = c.id and n.attempts = c.attempts and n.sent_at is null and n.dropped is null returning n.id",
        [notice.id for notice in notices],
        [notice.attempts for notice in notices],
        due_at,
    )
    held = {row["id"] for row in rows}
    return [notice for notice in notices if notice.id in held]


async def close(
    connection: Connection, notices: Sequence[uuid.UUID], now: datetime, dropped: str | None = None
) -> None:
    """They were sent, or will not be."""
    await connection.execute(
        "update wishlist_notice set sent_at = case when $3::text is null then $2::timestamptz end, dropped = $3"
        " where id = any($1) and sent_at is null and dropped is null",
        list(notices),
        now,
        dropped,
    )


async def wanted(connection: Connection, place: Place, notices: Sequence[Notice]) -> dict[uuid.UUID, Shelf]:
    """Of notices whose thing is still on a list of the customer's, with the switch on: the thing as it is now."""
    rows = await connection.fetch(
        """
        select n.id, s.* from wishlist_notice n
         cross join lateral wishlist_shelf(n.variant_id, $2, $3, $4) s
         where n.id = any($1) and exists (
           select 1 from wishlist w join wishlist_item i on i.wishlist_id = w.id
            where w.user_id = n.user_id and i.variant_id = n.variant_id
              and case n.kind when 'back_in_stock' then i.stock_wanted_at else i.price_wanted_at end is not null)
        """,
        [notice.id for notice in notices],
        place.currency,
        place.channel,
        place.now,
    )
    return {row["id"]: shelf_of(row, place.currency) for row in rows}


async def insert_link(
    connection: Connection, token_hash: bytes, user_id: str, item_ids: Sequence[uuid.UUID], now: datetime
) -> None:
    await connection.execute(
        "insert into wishlist_unsubscribe (token_hash, user_id, item_ids, created_at) values ($1, $2, $3, $4)",
        token_hash,
        user_id,
        list(item_ids),
        now,
    )


async def link(connection: Connection, token_hash: bytes) -> tuple[str, list[uuid.UUID]] | None:
    """Whose notices a link ends, and which items it is about."""
    row = await connection.fetchrow(
        "select user_id, item_ids from wishlist_unsubscribe where token_hash = $1", token_hash
    )
    return None if row is None else (row["user_id"], row["item_ids"])


async def prune(connection: Connection, now: datetime, keep: timedelta, keep_links: timedelta) -> None:
    """Delete notices and links of long ago; one that could not be sent for so long is news no more."""
    await connection.execute("delete from wishlist_notice where created_at < $1", now - keep)
    await connection.execute("delete from wishlist_unsubscribe where created_at < $1", now - keep_links)
