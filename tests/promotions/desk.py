"""The staff's side of a shop, and the claims of its orders."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import msgspec

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}
TEN_PERCENT: dict[str, Any] = {"actions": [{"type": "order_percent", "percent": 12.5}]}


@asynccontextmanager
async def staff_desk(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the shop, at its API."""
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1/admin", headers=STAFF) as http:
            yield http


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """What was made by a request that must succeed."""
    answer = await client.post(path, json=body)
    assert answer.status_code in {200, 201}, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def insert_promotion(db: Database, *, limit: int | None = None, needs_code: bool = False) -> uuid.UUID:
    """A promotion that is on."""
    promotion_id = uuid7()
    async with db.read() as connection:
        await connection.execute(
            "insert into promotion (id, name, definition, needs_code, is_active, use_limit, created_at, updated_at)"
            " values ($1, 'Spring', $2, $3, true, $4, now(), now())",
            promotion_id,
            TEN_PERCENT,
            needs_code,
            limit,
        )
    return promotion_id


async def insert_coupon(
    db: Database, code: str, *, limit: int | None = None, per_customer: int | None = None, reusable: bool = True
) -> uuid.UUID:
    """A coupon of a promotion of its own."""
    coupon_id, promotion_id = uuid7(), await insert_promotion(db, needs_code=True)
    async with db.read() as connection:
        await connection.execute(
            "insert into coupon (id, promotion_id, code, code_folded, use_limit, per_customer,"
            " is_reusable_after_cancel, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, now(), now())",
            coupon_id,
            promotion_id,
            code,
            code.casefold(),
            limit,
            per_customer,
            reusable,
        )
    return coupon_id


async def claim_on(
    connection: Connection,
    *codes: str,
    order: uuid.UUID | None = None,
    promotions: Sequence[uuid.UUID] = (),
    user: str | None = None,
    email: str | None = None,
) -> None:
    """Book an order's uses in the caller's transaction."""
    await connection.execute(
        "select coupon_claim($1, $2, $3, $4, $5, now())", order or uuid7(), codes, promotions, user, email
    )


async def claim(db: Database, *codes: str, **order: Any) -> str:
    """The same in a transaction of its own: what became of it, `claimed` or the reason of the refusal."""
    try:
        await db.write(lambda connection: claim_on(connection, *codes, **order))
    except asyncpg.PostgresError as refused:
        if refused.sqlstate != "PN010":
            raise
        return str(msgspec.json.decode(refused.detail or "")["reason"])
    return "claimed"


async def fetch(db: Database, sql: str, *arguments: Any) -> list[dict[str, Any]]:
    """Rows, as plain values."""
    async with db.read() as connection:
        return [dict(row) for row in await connection.fetch(sql, *arguments)]


async def value(db: Database, sql: str, *arguments: Any) -> Any:
    """One value."""
    async with db.read() as connection:
        return await connection.fetchval(sql, *arguments)
