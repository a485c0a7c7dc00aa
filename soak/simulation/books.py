"""What must hold when a play is over, by plain questions to the tables, which know nothing of how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pannier.app.audit import audit
from pannier.platform.database import Connection, Database
from soak.simulation.provider import FaultyProvider

#: Each finds rows that must not be.
_QUESTIONS: Mapping[str, str] = {
    "more than one order of a checkout": """
        select checkout_id, count(*) from orders group by 1 having count(*) > 1""",
    "a checkout is completed and has no order, or has one and is not": """
        select k.id, k.status from checkout k left join orders o on o.checkout_id = k.id
         where (k.status = 'completed') <> (o.id is not null)""",
    "a checkout is left between the cart and the order": """
        select id, status from checkout where status in ('complete_in_progress', 'requires_escalation')""",
    "units are gone that no order and no cart has taken, or the other way round": """
        select s.variant_id, b.on_hand - s.on_hand as gone, coalesce(t.units, 0) as ordered
          from stock s
          join beginning.stock b using (variant_id, location_id)
          left join (select u.variant_id, sum(u.units) as units
                       from (select l.variant_id, l.quantity_taken as units from order_line l
                             union all
                             select h.variant_id, h.quantity from hold h where h.state = 'taken') u group by 1) t
            using (variant_id)
         where b.on_hand - s.on_hand <> coalesce(t.units, 0)""",
    "units are held that no cart and no order has": """
        select s.variant_id, s.held, coalesce(h.units, 0) as promised
          from stock s
          left join (select variant_id, sum(quantity) as units from hold where state = 'held' group by 1) h
            using (variant_id)
         where s.held <> coalesce(h.units, 0)""",
    "the ledger does not come to the figures": """
        select s.variant_id, s.on_hand, m.on_hand_after from stock s
          join (select distinct on (variant_id) variant_id, on_hand_after, held_after, version from stock_movement
                 order by variant_id, version desc) m using (variant_id)
         where s.on_hand <> m.on_hand_after or s.held <> m.held_after""",
    "uses of a code are not the orders with it": """
        select c.code, c.used, count(o.id) from coupon c
          left join orders o on o.quote->'codes' ? c.code and o.status <> 'canceled'
         group by c.id having c.used <> count(o.id)""",
}


async def findings(db: Database, *, is_thorough: bool) -> list[str]:
    """Everything that does not hold. `is_thorough`: by the shop's own audit too, which takes long."""
    found: list[str] = []
    if is_thorough:
        found += [f"{breach.name}: {dict(breach.rows[0])}" for breach in (await audit(db)).breaches]
    async with db.read() as connection:
        for name, question in _QUESTIONS.items():
            rows = await connection.fetch(question)
            if rows:
                found.append(f"{name}: {dict(rows[0])}")
    return found


async def orders_of(connection: Connection) -> list[Mapping[str, Any]]:
    """Every order with what it costs and how it stands."""
    rows = await connection.fetch("select id, number, checkout_id, status, payment_status, total_minor from orders")
    return [dict(row) for row in rows]


async def money(db: Database, provider: FaultyProvider) -> list[str]:
    """What the provider has, against the orders: money captured is orders paid, and money given back is neither."""
    async with db.read() as connection:
        attempts = {row["id"]: dict(row) for row in await connection.fetch(_ATTEMPTS)}
    found = list(provider.wrongs)
    for charge in provider.charges:
        attempt = attempts.get(charge.attempt_id)
        kept = charge.captured_minor - charge.refunded_minor
        if attempt is None:
            found.append(f"{charge.reference} is of no attempt")
            continue
        owed = attempt["amount_minor"] if attempt["payment_status"] == "paid" else 0
        if kept != owed:
            found.append(f"{charge.reference} keeps {kept}, and {owed} of {attempt['number']} is paid by it")
        if charge.state == "authorized" and attempt["payment_status"] != "paid":
            found.append(f"{charge.reference} still holds money that nobody takes")
        if (attempt["captured_minor"], attempt["refunded_minor"]) != (charge.captured_minor, charge.refunded_minor):
            found.append(f"{charge.reference} is {charge.captured_minor} less {charge.refunded_minor}: not our figures")
    found += [
        f"{attempt['number']} is paid, and no provider has it"
        for attempt in attempts.values()
        if attempt["payment_status"] == "paid" and attempt["id"] not in {one.attempt_id for one in provider.charges}
    ]
    return found


_ATTEMPTS = """
select a.id, a.amount_minor, a.captured_minor, a.refunded_minor, o.number, o.payment_status
  from payment_attempt a left join orders o on o.id = a.order_id where a.provider = 'test'
"""
