"""Proves every invariant of a shop, and mends what the ledger, the holds and the lines can mend.

report = await audit(db)          # one snapshot, one statement
report.is_clean                   # or report.breaches: the invariant, and rows that break it
report = await repair(db)         # mends, says what it did, audits again
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pannier.accounts.invariants import INVARIANTS as ACCOUNTS
from pannier.app.invariants import ACROSS
from pannier.cart.invariants import INVARIANTS as CART
from pannier.catalog.invariants import INVARIANTS as CATALOG
from pannier.inventory.invariants import INVARIANTS as INVENTORY
from pannier.orders.invariants import INVARIANTS as ORDERS
from pannier.payments.invariants import INVARIANTS as PAYMENTS
from pannier.platform.database import UNHURRIED_S, Database
from pannier.platform.invariants import INVARIANTS as PLATFORM
from pannier.platform.invariants import Invariant
from pannier.promotions.invariants import INVARIANTS as PROMOTIONS
from pannier.shipping.invariants import INVARIANTS as SHIPPING
from pannier.tax.invariants import INVARIANTS as TAX
from pannier.wishlist.invariants import INVARIANTS as WISHLIST

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: In the order in which they are repaired: carts need stock figures that are right.
ALL: tuple[Invariant, ...] = (
    *(*INVENTORY, *CART, *ORDERS, *PAYMENTS, *WISHLIST, *CATALOG, *ACCOUNTS, *PROMOTIONS),
    *(*TAX, *SHIPPING, *PLATFORM, *ACROSS),
)
#: Rows shown of each broken invariant.
ROWS_MAX = 100
#: Mending carts leaves something for the stock to book; more rounds than that find nothing new.
ROUNDS_MAX = 3


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that does not hold, with rows that break it; `has_more` when there are more than ROWS_MAX."""

    name: str
    sentence: str
    rows: Sequence[Mapping[str, Any]]
    has_more: bool
    is_repairable: bool


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was found, in one snapshot; `repairs` is what was done before it."""

    invariants: int
    breaches: Sequence[Breach]
    duration_s: float
    repairs: Sequence[Mapping[str, Any]] = ()

    @property
    def is_clean(self) -> bool:
        """Whether everything holds."""
        return not self.breaches


async def audit(db: Database) -> AuditReport:
    """Look for rows that break an invariant; writes nothing and stops nobody."""
    began = time.perf_counter()
    async with db.read(UNHURRIED_S) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        breaches = await _breaches(conn)
    return AuditReport(len(ALL), breaches, time.perf_counter() - began)


async def repair(db: Database) -> AuditReport:
    """Mend what can be mended of what is broken, then audit again. Changes wait while a repair has the tables.

    Stock follows the ledger and the holds, carts follow their lines; movements and events are never touched.
    """
    done: list[Mapping[str, Any]] = []
    report = await audit(db)
    for _ in range(ROUNDS_MAX):
        broken = {breach.name for breach in report.breaches}
        calls = dict.fromkeys(found.repair for found in ALL if found.repair and found.name in broken)
        if not calls:
            break
        for call in calls:
            done += await db.write(partial(_mend, call=call, offset=db.offset), UNHURRIED_S)
        report = await audit(db)
    return replace(report, repairs=tuple(done))


async def _mend(conn: Connection, call: str, offset: timedelta) -> list[Mapping[str, Any]]:
    await conn.execute("set local statement_timeout = 0")
    return [row[0] for row in await conn.fetch(call, offset)]


async def _breaches(conn: Connection) -> list[Breach]:
    await conn.execute("set local statement_timeout = 0")
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in await conn.fetch(_statement(ALL)):
        found.setdefault(row["name"], []).append(row["broken"])
    return [
        Breach(
            invariant.name,
            invariant.sentence,
            found[invariant.name][:ROWS_MAX],
            len(found[invariant.name]) > ROWS_MAX,
            invariant.repair is not None,
        )
        for invariant in ALL
        if invariant.name in found
    ]


def _statement(invariants: Iterable[Invariant]) -> str:
    """All of them as one statement: one round trip, one snapshot. Blanks are taken out, as a long text would not
    stay prepared."""
    return " union all ".join(
        f"(select '{invariant.name}' as name, to_jsonb(b) as broken from ({' '.join(invariant.sql.split())}) b "
        f"limit {ROWS_MAX + 1})"
        for invariant in invariants
    )
