"""Promotions, codes, rates, methods and purses, made in the tables as staff would make them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database

_AT = datetime(2026, 1, 1, tzinfo=UTC)


async def _execute(db: Database, statement: str, *values: Any) -> None:
    async def command(connection: Connection) -> None:
        await connection.execute(statement, *values)
        await connection.execute("select price_book_touch()")

    await db.write(command)


async def make_promotion(
    db: Database,
    *actions: dict[str, Any],
    name: str = "A promotion",
    conditions: tuple[dict[str, Any], ...] = (),
    needs_code: bool = False,
    use_limit: int | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    **definition: Any,
) -> str:
    """A promotion that is on; answers its id."""
    promotion_id = uuid7()
    await _execute(
        db,
        "insert into promotion (id, name, definition, needs_code, is_active, use_limit, starts_on, ends_on, created_at,"
        " updated_at) values ($1, $2, $3, $4, true, $5, $6, $7, $8, $8)",
        promotion_id,
        name,
        {"actions": list(actions), "conditions": list(conditions), **definition},
        needs_code,
        use_limit,
        starts_on,
        ends_on,
        _AT,
    )
    return str(promotion_id)


async def make_coupon(db: Database, promotion: str, code: str, **columns: Any) -> None:
    """A code of a promotion."""
    values = {"id": uuid7(), "promotion_id": uuid.UUID(promotion), "code": code, "code_folded": code.casefold()}
    values |= {"created_at": _AT, "updated_at": _AT, **columns}
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await _execute(db, f"insert into coupon ({', '.join(values)}) values ({places})", *values.values())


async def make_price_rule(db: Database, **definition: Any) -> str:
    """A catalogue rule that is on."""
    rule_id = uuid7()
    await _execute(
        db,
        "insert into price_rule (id, name, definition, is_active, created_at, updated_at)"
        " values ($1, 'A rule', $2, true, $3, $3)",
        rule_id,
        definition,
        _AT,
    )
    return str(rule_id)


async def make_zone(db: Database, name: str, country: str, region: str | None = None) -> None:
    """A zone of one country, or of a region of it."""
    zone_id = uuid7()
    await _execute(
        db, "insert into zone (id, name, created_at, updated_at) values ($1, $2, $3, $3)", zone_id, name, _AT
    )
    await _execute(db, "insert into zone_area (zone_id, country, region) values ($1, $2, $3)", zone_id, country, region)


async def make_rate(
    db: Database,
    code: str,
    percent: str,
    *,
    category: str = "standard",
    zone: str | None = None,
    included: bool = False,
) -> None:
    """A tax rate."""
    await _execute(
        db,
        "insert into tax_rate (id, code, category, zone, percent, is_included, created_at, updated_at)"
        " values ($1, $2, $3, $4, $5::text::numeric, $6, $7, $7)",
        uuid7(),
        code,
        category,
        zone,
        percent,
        included,
        _AT,
    )


async def make_method(
    db: Database, code: str, *, position: int = 0, days: tuple[int, int] | None = None, **definition: Any
) -> None:
    """A shipping method."""
    await _execute(
        db,
        "insert into shipping_method (id, code, name, currency, definition, position, days_min, days_max, created_at,"
        " updated_at) values ($1, $2, $3, 'USD', $4, $5, $6, $7, $8, $8)",
        uuid7(),
        code,
        code.capitalize(),
        definition,
        position,
        None if days is None else days[0],
        None if days is None else days[1],
        _AT,
    )


async def make_gift_card(db: Database, code: str, balance: int, **columns: Any) -> uuid.UUID:
    """A gift card with so much on it, and the movement that put it there."""
    card_id = uuid7()
    values = {"id": card_id, "kind": "gift_card", "currency": "USD", "code_end": code[-4:], "balance": balance}
    values |= {"movements": 1, "created_at": _AT, "updated_at": _AT, **columns}
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    await _execute(
        db,
        f"insert into purse ({', '.join(values)}, code_hash) values ({places}, gift_card_hash(${len(values) + 1}))",
        *values.values(),
        code,
    )
    await _execute(
        db,
        "insert into purse_movement (purse_id, version, kind, amount, balance_before, balance_after, actor, at)"
        " values ($1, 1, 'issue', $2::bigint, 0, $2::bigint, 'test', $3)",
        card_id,
        balance,
        _AT,
    )
    return card_id


async def make_points(db: Database, user_id: str, points: int) -> None:
    """Points of a customer, as an order would have earned them."""
    await _execute(db, "select purse_earn($1, $2, $3, $4, 'test', null, $5)", uuid7(), user_id, points, uuid7(), _AT)


async def set_groups(db: Database, user_id: str, *groups: str) -> None:
    """The groups of a customer."""
    await _execute(
        db,
        "insert into customer_profile (user_id, groups, created_at, updated_at) values ($1, $2, $3, $3)"
        " on conflict (user_id) do update set groups = excluded.groups",
        user_id,
        list(groups),
        _AT,
    )


async def put_into_category(db: Database, variant: uuid.UUID, slug: str) -> None:
    """The variant's product in a category of that slug."""
    category = uuid7()
    await _execute(db, "insert into category (id, slug, name) values ($1, $2, $2)", category, slug)
    await _execute(
        db,
        "insert into product_category (product_id, category_id) select product_id, $2 from variant where id = $1",
        variant,
        category,
    )
    await _execute(
        db,
        "select catalog_refresh_display(array[v.product_id]) from variant v where v.id = $1",
        variant,
    )


def text_of(document: Any) -> str:
    """A document as it is on the wire."""
    return msgspec.json.encode(document, enc_hook=str).decode()
