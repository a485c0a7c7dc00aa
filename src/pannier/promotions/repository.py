"""The statements of promotions, coupons and purses, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pannier.platform.records import Cause, as_json, exact
from pannier.promotions.models import ActivePriceRule, ActivePromotion

if TYPE_CHECKING:
    from pannier.platform.database import Connection


_USED = """
  (case when r.use_limit is not null then r.used
        else (select count(*) from {0}_use u where u.{0}_id = r.id and u.released_at is null) end)
"""
#: How often the promotion of the row `r` was used; counted where there is no limit to count it by.
PROMOTION_USED = _USED.format("promotion")
COUPON_USED = _USED.format("coupon")


async def load_active_promotions(connection: Connection, on: date) -> list[ActivePromotion]:
    """The promotions that are on and not over on a day, in the order in which they were made."""
    rows = await connection.fetch(
        "select id, name, definition::text as definition, needs_code, starts_on, ends_on, is_exhausted from promotion"
        " where is_active and (ends_on is null or ends_on >= $1) order by created_at, id",
        on,
    )
    return [ActivePromotion(**_decoded(row)) for row in rows]


async def load_price_rules(connection: Connection, on: date) -> list[ActivePriceRule]:
    """The price rules that are on and not over on a day, in the order in which they were made."""
    rows = await connection.fetch(
        "select id, name, definition::text as definition, starts_on, ends_on from price_rule"
        " where is_active and (ends_on is null or ends_on >= $1) order by created_at, id",
        on,
    )
    return [ActivePriceRule(**_decoded(row)) for row in rows]


async def book_revision(connection: Connection) -> int:
    """The number of the shop's price book as it is now."""
    found: int = await connection.fetchval("select revision from price_book_revision")
    return found


def _decoded(row: Any) -> dict[str, Any]:
    # Not by the codec of the connection, whose numbers with decimals are binary.
    return {**row, "definition": exact(row["definition"])}


async def count_uses(connection: Connection, kind: str, record_id: uuid.UUID) -> int:
    """The uses of a promotion or a coupon, to which nobody adds any while this transaction runs."""
    await connection.execute(f"lock table {kind}_use in share mode")
    count: int = await connection.fetchval(
        f"select count(*) from {kind}_use where {kind}_id = $1 and released_at is null", record_id
    )
    return count


async def coupons_of(connection: Connection, promotion_id: uuid.UUID) -> int:
    """How many coupons a promotion has that are not put away."""
    count: int = await connection.fetchval(
        "select count(*) from coupon where promotion_id = $1 and archived_at is null", promotion_id
    )
    return count


async def lock_promotion(connection: Connection, promotion_id: uuid.UUID) -> Mapping[str, Any] | None:
    """Whether a promotion asks for codes, and is put away. Orders that use it need not wait."""
    row = await connection.fetchrow(
        "select needs_code, archived_at from promotion where id = $1 for key share", promotion_id
    )
    return None if row is None else dict(row)


async def insert_coupons(
    connection: Connection,
    batch_id: uuid.UUID,
    ids: Sequence[uuid.UUID],
    codes: Sequence[str],
    folded: Sequence[str],
    values: Mapping[str, Any],
    now: datetime,
) -> int:
    """Make coupons that are alike but for their codes; answers how many, without those whose code is taken."""
    tag = await connection.execute(
        "insert into coupon (id, code, code_folded, promotion_id, batch_id, starts_on, ends_on, use_limit,"
        " per_customer, rejects_reduced_lines, is_reusable_after_cancel, created_at, updated_at)"
        " select n.id, n.code, n.folded, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12"
        " from unnest($1::uuid[], $2::text[], $3::text[]) n(id, code, folded) on conflict do nothing",
        ids,
        codes,
        folded,
        values["promotion_id"],
        batch_id,
        values["starts_on"],
        values["ends_on"],
        values["use_limit"],
        values["per_customer"],
        values["rejects_reduced_lines"],
        values["is_reusable_after_cancel"],
        now,
    )
    return int(tag.rpartition(" ")[2])


async def codes_of(connection: Connection, batch_id: uuid.UUID) -> list[str]:
    """The codes of a batch, by the alphabet."""
    rows = await connection.fetch("select code from coupon where batch_id = $1 order by code", batch_id)
    return [row["code"] for row in rows]


async def append_events(
    connection: Connection, events: Sequence[Mapping[str, Any]], cause: Cause, now: datetime
) -> None:
    """Write events beside those that records write of themselves."""
    await connection.execute(
        "select event_append($1::text::jsonb, $2, $3, $4, $5)",
        as_json(events),
        cause.actor,
        cause.device,
        cause.correlation_id,
        now,
    )


async def lock_purses_of(connection: Connection, user_id: str) -> None:
    """One purse of a kind per customer: nobody else makes one while this transaction runs."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('purse:' || $1, 0))", user_id)


async def purses_of(connection: Connection, user_id: str) -> list[Mapping[str, Any]]:
    """A customer's purses: what they are and their ids."""
    rows = await connection.fetch("select id, kind::text as kind, currency from purse where user_id = $1", user_id)
    return [dict(row) for row in rows]


async def purse_adjust(
    connection: Connection, purse_id: uuid.UUID, amount: int, kind: str, reason: str, cause: Cause, now: datetime
) -> bool:
    """Book a change of a balance; False when it would fall below nothing, or rise above all bounds."""
    done: bool = await connection.fetchval(
        "select purse_adjust($1, $2, $3::text::purse_movement_kind, $4, $5, $6, $7)",
        purse_id,
        amount,
        kind,
        reason,
        cause.actor,
        cause.correlation_id,
        now,
    )
    return done


async def purse_movements(
    connection: Connection, purse_id: uuid.UUID, before: int | None, limit: int
) -> list[Mapping[str, Any]]:
    """The ledger of a purse, the newest first, of the movements before one."""
    rows = await connection.fetch(
        "select version, kind::text as kind, amount, balance_before, balance_after, order_id, reason, actor, at"
        " from purse_movement where purse_id = $1 and version < $2 order by version desc limit $3",
        purse_id,
        before if before is not None else 2**63 - 1,
        limit,
    )
    return [dict(row) for row in rows]


async def gift_card_hash(connection: Connection, code: str) -> bytes:
    """What a gift card's code is known by."""
    found: bytes = await connection.fetchval("select gift_card_hash($1)", code)
    return found


async def bring_uses(
    connection: Connection, coupon_id: uuid.UUID, orders: Sequence[uuid.UUID], user_id: str | None, at: datetime
) -> int:
    """Count uses of a coupon from before; answers how many."""
    count: int = await connection.fetchval(
        "select coupon_bring_uses($1, $2, $3, $4)", coupon_id, list(orders), user_id, at
    )
    return count


async def bring_promotion_uses(
    connection: Connection, promotion_id: uuid.UUID, orders: Sequence[uuid.UUID], at: datetime
) -> int:
    """Count uses of a promotion from before; answers how many."""
    count: int = await connection.fetchval("select promotion_bring_uses($1, $2, $3)", promotion_id, list(orders), at)
    return count
