"""Whose orders they are: a guest's that becomes known, and a customer's who is to be forgotten."""

from __future__ import annotations

from datetime import datetime

from pannier.kernel.ids import hash_token
from pannier.orders import repository
from pannier.orders.models import Order
from pannier.platform.database import Connection


async def exchange_token(connection: Connection, old: str, new: str) -> None:
    """Put a guest's orders under another token."""
    await connection.execute(
        "update orders set token_hash = $2 where token_hash = $1", hash_token(old), hash_token(new)
    )


async def adopt(connection: Connection, token: str, user_id: str, email: str) -> int:
    """Give the guest's orders that carry the customer's own e-mail address to the customer; answers how many."""
    tag = await connection.execute(
        "update orders set user_id = $2 where token_hash = $1 and user_id is null and lower(email) = lower($3)",
        hash_token(token),
        user_id,
        email,
    )
    return int(tag.rpartition(" ")[2])


async def all_of(connection: Connection, user_id: str) -> list[Order]:
    """Every order of a user, oldest first."""
    rows = await connection.fetch(
        "select order_document(o.id) as document from orders o where o.user_id = $1 order by o.placed_at, o.id", user_id
    )
    return [repository.decode(row["document"]) for row in rows]


async def forget(connection: Connection, user_id: str, alias: str, now: datetime) -> int:
    """Keep of a user's orders what an invoice needs, and nothing by which one could write or find out more.

    Figures, goods, name and postal address stay, since the law wants them kept for years. E-mail address, phone,
    notes, what goods were customised with, and the user's id go.
    """
    await connection.execute(
        "update order_line l set extra = null from orders o"
        " where o.user_id = $1 and l.order_id = o.id and l.extra is not null",
        user_id,
    )
    await connection.execute(
        "update order_state s set actor = $2, reason = '' from orders o"
        " where o.user_id = $1 and s.order_id = o.id and s.actor = $1",
        user_id,
        alias,
    )
    for table in ("order_shipment", "order_refund", "order_return", "order_revision"):
        await connection.execute(
            f"update {table} s set actor = $2 from orders o"
            " where o.user_id = $1 and s.order_id = o.id and s.actor = $1",
            user_id,
            alias,
        )
    await connection.execute(
        "update order_return s set reason = '' from orders o where o.user_id = $1 and s.order_id = o.id", user_id
    )
    await connection.execute(
        "update order_return_line l set reason = '' from order_return r, orders o"
        " where o.user_id = $1 and r.order_id = o.id and l.return_id = r.id",
        user_id,
    )
    await connection.execute(
        "update order_revision s"
        " set document = document - '{email,note,user_id,shipping_address,billing_address}'::text[]"
        " from orders o where o.user_id = $1 and s.order_id = o.id",
        user_id,
    )
    tag = await connection.execute(
        "update orders set user_id = $2, token_hash = null, email = null, note = null,"
        " shipping_address = shipping_address - 'phone', billing_address = billing_address - 'phone', updated_at = $3"
        " where user_id = $1",
        user_id,
        alias,
        now,
    )
    return int(tag.rpartition(" ")[2])
