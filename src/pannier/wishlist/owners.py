"""Whose lists they are: a guest's that join a customer's at login, and those of a customer who is to be told everything
or to be forgotten."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.platform.database import Connection
from pannier.wishlist import repository, rules
from pannier.wishlist.models import By, Owner
from pannier.wishlist.rules import ListMerge

if TYPE_CHECKING:
    from pannier.wishlist.repository import Place


async def adopt(connection: Connection, place: Place, token: str, user_id: str, lists_max: int, by: By) -> int:
    """Make a guest's lists the customer's, within the caller's transaction; answers how many there were.

    Two devices that sign in at once do it one after the other: the second finds nothing left to take.
    """
    guest, customer = Owner(token=token), Owner(user_id)
    theirs = await repository.lock(connection, guest)
    if not theirs:
        return 0
    mine = await repository.lock(connection, customer)
    found = await repository.items(connection, place, [each.id for each in (*mine, *theirs)])
    by_list = {each.id: [item for item in found if item.wishlist_id == each.id] for each in (*mine, *theirs)}
    for merge in rules.plan_merge(mine, theirs, by_list, lists_max):
        await _carry_out(connection, place, merge, user_id, by, is_first=not mine)
    return len(theirs)


async def _carry_out(
    connection: Connection, place: Place, merge: ListMerge, user_id: str, by: By, *, is_first: bool
) -> None:
    source, into, now = merge.source, merge.into, place.now
    if into is None:
        await connection.execute(
            "update wishlist set user_id = $2, token_hash = null, is_default = is_default and $3 where id = $1",
            source.id,
            user_id,
            is_first,
        )
        await repository.touch(connection, source.id, "wishlist.adopted", {}, by, now)
        return
    for item in merge.items:
        if item.into is None:
            await repository.move_item(connection, item.item_id, item.wishlist_id, item.position)
        else:
            await connection.execute(
                "update wishlist_item set quantity = $2, extra = $3, updated_at = $4 where id = $1",
                item.into,
                item.quantity,
                dict(item.extra or {}) or None,
                now,
            )
            await repository.delete_items(connection, [item.item_id])
    await connection.execute("update wishlist_share set wishlist_id = $2 where wishlist_id = $1", source.id, into.id)
    await repository.touch(connection, source.id, "wishlist.deleted", {"merged_into": str(into.id)}, by, now)
    await repository.delete(connection, source.id)
    await repository.touch(connection, into.id, "wishlist.merged", {"items": len(merge.items)}, by, now)


async def export(connection: Connection, user_id: str) -> Any:
    """Everything on a customer's lists, and the notices that were made, as plain values."""
    rows = await connection.fetch(
        """
        select w.id, w.name, w.is_default, w.created_at, w.updated_at,
               (select coalesce(jsonb_agg(to_jsonb(i) - 'wishlist_id' order by i.position, i.id), '[]')
                  from wishlist_item i where i.wishlist_id = w.id) as items,
               (select coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'created_at', s.created_at,
                  'revoked_at', s.revoked_at) order by s.id), '[]')
                  from wishlist_share s where s.wishlist_id = w.id) as shares,
               (select coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'variant_id', n.variant_id,
                  'created_at', n.created_at, 'sent_at', n.sent_at) order by n.id), '[]')
                  from wishlist_notice n where n.wishlist_id = w.id and n.user_id = $1) as notices
          from wishlist w where w.user_id = $1 order by w.created_at, w.id
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def forget(connection: Connection, user_id: str, alias: str, now: datetime) -> None:  # noqa: ARG001 - as every holder's
    """Take a customer's lists away, with what their events tell of them; nobody needs them for an invoice."""
    lists: list[uuid.UUID] = [
        row["id"]
        for row in await connection.fetch("select id from wishlist where user_id = $1 order by id for update", user_id)
    ]
    await connection.execute(
        "update event set data = '{}' where aggregate_kind = 'wishlist' and aggregate_id = any($1)", lists
    )
    await connection.execute("delete from wishlist_notice where user_id = $1", user_id)
    await connection.execute("delete from wishlist_unsubscribe where user_id = $1", user_id)
    await connection.execute("delete from wishlist where id = any($1)", lists)
