"""Two databases with the same catalogue and stock, for tests that compare two ways of doing the same."""

from __future__ import annotations

from typing import Any

from pannier.platform.database import Database

_CATALOGUE = ("product", "variant", "price", "stock", "stock_movement")
_TRADE = ("cart", "cart_line", "saved_line", "hold", "reservation", "stock_movement", "event", "idempotency_record")

#: What became of carts and stock, without the moments at which it did.
_STATE = {
    "stock": "select variant_id, on_hand, held, version from stock order by 1",
    "movements": """
        select variant_id, version, kind, quantity, on_hand_before, on_hand_after, held_before, held_after, reason,
               actor, reference_kind, reference_id from stock_movement order by 1, 2""",
    "holds": "select reservation_id, variant_id, quantity, state from hold order by 1, 2",
    "reservations": "select id, owner_kind from reservation order by 1",
    "carts": """
        select id, status, version, currency, channel, token_hash, user_id, line_count, total_quantity
          from cart order by 1""",
    "lines": """
        select id, cart_id, variant_id, merge_key, quantity, extra, unit_price_minor, is_price_fixed, is_selected,
               shelf_minor, shown_minor, added_at = updated_at as is_as_added
          from cart_line order by 1""",
    "saved": "select id, cart_id, variant_id, merge_key, quantity, extra, reason from saved_line order by 1",
    "events": "select aggregate_id, version, type, data, actor from event order by 1, 2",
    "records": """
        select owner, key, request_hash, answer::jsonb->'outcome' as outcome from idempotency_record order by 1, 2""",
}


async def make_twin(of: Database, twin: Database) -> None:
    """Give the twin the catalogue and the stock rows of the other."""
    for table in _CATALOGUE:
        async with of.read() as connection:
            rows = await connection.fetchval(f"select coalesce(jsonb_agg(to_jsonb(t)), '[]') from {table} t")
        async with twin.read() as connection:
            await connection.execute(
                f"insert into {table} select (jsonb_populate_record(null::{table}, x)).*"
                " from jsonb_array_elements($1) x",
                rows,
            )


async def start_over(db: Database) -> None:
    """Forget all trade; stock is as it was received."""
    async with db.read() as connection:
        await connection.execute(
            "update stock k set held = 0, next_due_at = 'infinity', version = m.version, on_hand = m.on_hand_after"
            " from (select variant_id, min(version) as version from stock_movement group by variant_id) f"
            " join stock_movement m using (variant_id, version) where m.variant_id = k.variant_id"
        )
        await connection.execute("create table if not exists first_movement as select * from stock_movement")
        await connection.execute(f"truncate {', '.join(_TRADE)}")
        await connection.execute("insert into stock_movement select * from first_movement")


async def state(db: Database) -> dict[str, list[dict[str, Any]]]:
    """Every figure of carts and stock, comparable between twins."""
    async with db.read() as connection:
        return {name: [_timeless(dict(row)) for row in await connection.fetch(query)] for name, query in _STATE.items()}


def _timeless(value: Any) -> Any:
    """The value without the moments that stand in it."""
    if isinstance(value, dict):
        return {key: _timeless(part) for key, part in value.items() if not key.endswith("_at")}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def differences(one: dict[str, list[dict[str, Any]]], other: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What tells two states apart, a row a line."""
    return [
        f"{name}{sign}{row}"
        for name in one
        for sign, mine, theirs in (("-", one[name], other[name]), ("+", other[name], one[name]))
        for row in mine
        if row not in theirs
    ]
