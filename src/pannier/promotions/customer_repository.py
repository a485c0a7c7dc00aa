"""The statements of what prices know of customers, and of the price audit."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_NOTHING: Mapping[str, Any] = {
    "groups": [],
    "kind": "individual",
    "tax_id": None,
    "is_tax_id_valid": False,
    "is_tax_exempt": False,
    "version": 0,
    "created_at": None,
    "updated_at": None,
}


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which changes are wanted; None is any."""

    subject_kind: str | None = None
    subject_id: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def lock(connection: Connection, user_id: str) -> None:
    """One change of a customer at a time, also the first one."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('customer_profile:' || $1, 0))", user_id)


async def profile(connection: Connection, user_id: str) -> Mapping[str, Any]:
    """What is kept of a customer; version 0 where nothing is."""
    row = await connection.fetchrow(
        "select user_id, groups, kind, tax_id, is_tax_id_valid, is_tax_exempt, version, created_at, updated_at"
        " from customer_profile where user_id = $1",
        user_id,
    )
    return {"user_id": user_id, **_NOTHING} if row is None else dict(row)


async def store(connection: Connection, values: Mapping[str, Any], now: datetime) -> None:
    """Keep all of it, one version on."""
    await connection.execute(
        "insert into customer_profile (user_id, groups, kind, tax_id, is_tax_id_valid, is_tax_exempt, created_at,"
        " updated_at) values ($1, $2, $3, $4, $5, $6, $7, $7)"
        " on conflict (user_id) do update set groups = $2, kind = $3, tax_id = $4,"
        " is_tax_id_valid = $5, is_tax_exempt = $6, updated_at = $7,"
        " version = customer_profile.version + 1",
        values["user_id"],
        values["groups"],
        values["kind"],
        values["tax_id"],
        values["is_tax_id_valid"],
        values["is_tax_exempt"],
        now,
    )


async def audit(
    connection: Connection, wanted: AuditFilter, before: uuid.UUID | None, limit: int
) -> list[Mapping[str, Any]]:
    """Changes, the newest first, of those before one."""
    values: list[Any] = [limit]
    conditions = []
    for condition, value in (
        ("subject_kind = {}", wanted.subject_kind),
        ("subject_id = {}", wanted.subject_id),
        ("actor = {}", wanted.actor),
        ("at >= {}", wanted.since),
        ("at <= {}", wanted.until),
        ("(at, id) < (select b.at, b.id from price_audit b where b.id = {})", before),
    ):
        if value is not None:
            values.append(value)
            conditions.append(condition.format(f"${len(values)}"))
    where = f" where {' and '.join(conditions)}" if conditions else ""
    rows = await connection.fetch(
        "select id, at, actor, device, correlation_id, subject_kind, subject_id, subject_name, action, before, after"
        f" from price_audit{where} order by at desc, id desc limit $1",
        *values,
    )
    return [dict(row) for row in rows]


async def export(connection: Connection, user_id: str) -> Mapping[str, Any]:
    """Everything that is kept of a customer here."""
    purses = await connection.fetch(
        "select p.kind::text as kind, p.currency, p.balance, (select coalesce(jsonb_agg(jsonb_build_object("
        "'kind', m.kind, 'amount', m.amount, 'balance', m.balance_after, 'reason', m.reason,"
        " 'order_id', m.order_id, 'at', m.at)"
        " order by m.version), '[]') from purse_movement m where m.purse_id = p.id) as movements"
        " from purse p where p.user_id = $1 order by p.id",
        user_id,
    )
    uses = await connection.fetch(
        "select c.code, u.order_id, u.at, u.released_at from coupon_use u join coupon c on c.id = u.coupon_id"
        " where u.user_id = $1 order by u.at, c.code",
        user_id,
    )
    return {
        "profile": await profile(connection, user_id),
        "purses": [dict(row) for row in purses],
        "coupon_uses": [dict(row) for row in uses],
    }


async def forget(connection: Connection, user_id: str, alias: str, now: datetime) -> None:
    """What was used and paid stays, and loses whose it was; what is left in a purse can no longer be used."""
    await connection.execute("delete from customer_profile where user_id = $1", user_id)
    await connection.execute("update coupon_use set user_id = $2, email_hash = null where user_id = $1", user_id, alias)
    await connection.execute(
        "update purse set user_id = $2, is_active = false, updated_at = $3 where user_id = $1", user_id, alias, now
    )
    await connection.execute("update purse_movement set actor = $2 where actor = $1", user_id, alias)
    await connection.execute("update price_audit set actor = $2, device = null where actor = $1", user_id, alias)
    await connection.execute(
        "update price_audit set subject_id = $2, before = null, after = null"
        " where subject_kind = 'customer' and subject_id = $1",
        user_id,
        alias,
    )
