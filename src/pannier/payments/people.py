"""What payments hold of a customer: to be given out, or to be forgotten."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pannier.platform.database import Connection


async def export_payments(connection: Connection, order_ids: Sequence[uuid.UUID]) -> list[Mapping[str, Any]]:
    """The payments of orders with what moved, oldest first; amounts in minor units."""
    rows = await connection.fetch(
        """
        select a.id, coalesce(a.order_id, a.pays_order) as order_id, a.method, a.state::text as state,
               a.amount_minor, a.currency, a.created_at,
               (select coalesce(jsonb_agg(jsonb_build_object('kind', t.kind, 'amount_minor', t.amount_minor, 'at', t.at)
                  order by t.number), '[]')
                  from payment_transaction t where t.attempt_id = a.id) as entries
          from payment_attempt a where a.order_id = any($1) or a.pays_order = any($1) order by a.created_at, a.id
        """,
        list(order_ids),
    )
    return [dict(row) for row in rows]


async def forget_payer(connection: Connection, user_id: str, alias: str) -> None:
    """Keep the money that moved, and take out who asked for it. `alias` begins with "erased:"."""
    await connection.execute("update refund set actor = $2, reason = '' where actor = $1", user_id, alias)
    await connection.execute("update payment_transaction set actor = $2 where actor = $1", user_id, alias)
