"""A shop in which everything there is has happened once: stock, a cart that holds, an order that was committed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pannier.cart import CartOwner, CartService, Command, add
from pannier.inventory import DEFAULT_LOCATION, Wanted
from pannier.kernel.ids import new_cart_token, new_order_number, uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_ORDER_LINES = """
insert into order_line (id, order_id, position, variant_id, location_id, product_id, name, display, quantity,
  unit_price_minor, discount_minor, tax_minor, total_minor, stock_state, quantity_taken)
select $1, $2, $3, v.id, $4, v.product_id, 'A stool', '{}', $5::bigint, 1000, 0, 0, $5::bigint * 1000,
  $6::text::line_stock_state, case when $6::text = 'committed' then $5::bigint else 0 end
  from variant v where v.id = $7"""


@dataclass(frozen=True, slots=True)
class SmallTrade:
    """Ids of what is there: 5 of 10 stools in an open cart, 2 lamps sold, 1 vase held by the order, 4 on offer."""

    stool: uuid.UUID
    lamp: uuid.UUID
    vase: uuid.UUID
    cart: uuid.UUID
    order: uuid.UUID


async def small_trade(db: Database, settings: Settings) -> SmallTrade:
    """Make it, by the functions that a running shop uses."""
    stool = await make_product(db, on_hand=10)
    lamp = await make_product(db, on_hand=20, sku="lamp")
    vase = await make_product(db, on_hand=5, backorder_max=3)
    carts = CartService(db, settings)
    owner = CartOwner(token=new_cart_token(), fresh_token=new_cart_token())
    for quantity in (3, 2):
        await carts.apply(Command(owner=owner, event="cart.item_added", actor="guest", changes=[add(stool, quantity)]))
    async with db.read() as conn:
        cart = await conn.fetchval("select id from cart")
    order = uuid7()
    await db.write(lambda conn: _place(conn, order, lamp, vase))
    return SmallTrade(stool, lamp, vase, cart, order)


async def _place(conn: Connection, order: uuid.UUID, lamp: uuid.UUID, vase: uuid.UUID) -> None:
    """An order of 2 committed lamps and 1 held vase, from a cart that was converted."""
    cart, checkout = uuid7(), uuid7()
    await conn.execute(
        "insert into cart (id, status, version, currency, channel, user_id, line_count, total_quantity, created_at,"
        " updated_at, expires_at) values ($1, 'converted', 1, 'USD', 'default', 'ann', 2, 3, now(), now(), 'infinity')",
        cart,
    )
    await conn.execute(
        "insert into cart_line (id, cart_id, variant_id, quantity, unit_price_minor, added_at, updated_at)"
        " select gen_random_uuid(), $1, v, q, 1000, now(), now() from unnest($2::uuid[], $3::bigint[]) x(v, q)",
        cart,
        [lamp, vase],
        [2, 1],
    )
    await conn.execute(
        "insert into checkout (id, cart_id, status, version, created_at, updated_at, expires_at)"
        " values ($1, $2, 'completed', 1, now(), now(), 'infinity')",
        checkout,
        cart,
    )
    await conn.execute(
        "insert into orders (id, number, checkout_id, cart_id, status, payment_status, version, currency, channel,"
        " user_id, payment_method, quote, subtotal_minor, discount_minor, shipping_minor, tax_minor, tax_added_minor,"
        " total_minor, total_quantity, placed_at, updated_at) values ($1, $2, $3, $4, 'pending', 'pending', 1, 'USD',"
        " 'default', 'ann', 'invoice', '{}', 3000, 0, 500, 240, 240, 3740, 3, now(), now())",
        order,
        new_order_number(),
        checkout,
        cart,
    )
    lines: list[tuple[Wanted, str]] = [(Wanted(lamp, 2), "committed"), (Wanted(vase, 1), "held")]
    await conn.execute(
        "insert into reservation (id, owner_kind, held_since, expires_at) values ($1, 'order', now(), 'infinity')",
        order,
    )
    cause = "row('ann', null, null, 'order', $1::uuid, null, clock_timestamp())::movement_cause"
    for position, (line, state) in enumerate(lines):
        await conn.execute(
            _ORDER_LINES, uuid7(), order, position, DEFAULT_LOCATION, line.quantity, state, line.variant_id
        )
        units = (order, line.variant_id, DEFAULT_LOCATION, line.quantity)
        await conn.execute(f"select stock_hold($1, $2, $3, $4, false, 'infinity', {cause})", *units)
        if state == "committed":
            await conn.execute(f"select stock_commit($1, $2, $3, $4, {cause})", *units)
    await conn.execute(
        "insert into order_state (order_id, version, status, payment_status, actor, at)"
        " values ($1, 1, 'pending', 'pending', 'ann', now())",
        order,
    )
    for aggregate, kind in ((cart, "cart"), (order, "order")):
        await conn.execute(
            "insert into event (aggregate_id, version, aggregate_kind, id, type, data, actor, at)"
            " values ($1, 1, $2, $3, $4, '{}', 'ann', now())",
            aggregate,
            kind,
            uuid7(),
            f"{kind}.placed",
        )
