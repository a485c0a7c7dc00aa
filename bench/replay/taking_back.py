"""What came back, through the services: returns of orders, and adjustments of stock for what was never sold here.

Safe to be killed anywhere and begun again: a return carries the C invoice's number, an adjustment a reference that is
made of its row, and both are looked for first.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.replay.planner import Plan
from bench.replay.returns import Back, Return, by_sale
from pannier.inventory import Cause, InventoryService
from pannier.orders import Asked, OrderService, RefundService, ReturnService, ThroughPayments
from pannier.payments import PaymentService
from pannier.platform.database import Connection, Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings

_CLERK = Principal("staff", frozenset({"staff"}), "replay")


@dataclass
class TakenBack:
    """What stands booked after a run: value and units of returns and adjustments; what had no order to go against."""

    returns: int = 0
    returned_minor: int = 0
    returned_units: int = 0
    adjusted_minor: int = 0
    adjusted_units: int = 0
    written_off_units: int = 0
    without_order: list[str] = field(default_factory=list)


class Taker:
    """Takes back what a plan says came back; `variants` are those of the codes."""

    def __init__(
        self, db: Database, settings: Settings, payments: PaymentService, variants: Mapping[str, uuid.UUID]
    ) -> None:
        self._db = db
        self._variants = variants
        self._inventory = InventoryService(db, settings)
        self._orders = OrderService(db, settings)
        refunds = RefundService(db, ThroughPayments(payments))
        self._returns = ReturnService(db, settings, refunds)

    async def take_back(self, plan: Plan) -> TakenBack:
        """Book everything that is not booked yet, one after the other, in the order of the files."""
        taken = TakenBack()
        for (number, invoice), lines in by_sale(plan.returns).items():
            if await self._take(number, invoice, lines):
                taken.returns += 1
                taken.returned_minor += sum(line.value_minor for line in lines)
                taken.returned_units += sum(line.quantity for line in lines)
            else:
                taken.without_order.append(f"{number} of {invoice}")
        for place, back in enumerate(plan.never_sold):
            await self._adjust(f"{place} {back.number}", back, back.quantity, "returned, and never sold here")
            taken.adjusted_minor += back.value_minor
            taken.adjusted_units += back.quantity
        for place, back in enumerate(plan.write_offs):
            await self._adjust(f"off {place} {back.number}", back, -back.quantity, "written off")
            taken.written_off_units += back.quantity
        return taken

    async def _take(self, number: str, invoice: str, lines: Sequence[Return]) -> bool:
        """A return of an order. It was sent and paid by then: what comes back is refunded."""
        order = await self._orders.find_by_external_reference(invoice)
        if order is None:
            return False
        _, after = await self._orders.aftermath(_CLERK, order.number)
        known = next((one for one in after.returns if one.reason == number), None)
        if known is None:
            await self._orders.pay(_CLERK, order.number)
            await self._orders.fulfil(_CLERK, order.number)
            asked = []
            for line in lines:
                rest = line.quantity
                for sold in order.lines:
                    if (sold.sku, sold.unit_price_minor) != (line.code, line.unit_price_minor):
                        continue
                    # Other returns may have taken of it before.
                    there = sold.quantity - sold.quantity_returned - sold.quantity_returning
                    if units := min(rest, there):
                        asked.append(Asked(sold.id, units))
                        rest -= units
                assert rest == 0, f"{number}: {rest} more of {line.code} than {invoice} has"
            answer = await self._returns.request(_CLERK, order.number, asked, reason=number, is_approved=True)
            return_id = uuid.UUID(json.loads(answer.body)["return"]["id"])
        else:
            return_id = known.id
        if known is None or known.state != "completed":
            await self._returns.complete(_CLERK, order.number, return_id)
        return True

    async def _adjust(self, reference: str, back: Back, units: int, reason: str) -> None:
        """Book units of a row once. What was never counted in may be written off all the same: below nothing."""
        variant, reference_id = self._variants[back.code], uuid.uuid5(uuid.NAMESPACE_OID, f"replay/{reference}")
        cause = Cause("replay", f"{back.number}: {reason}", reference_kind="replay", reference_id=reference_id)

        async def command(connection: Connection) -> None:
            known = await connection.fetchval(
                "select 1 from stock_movement where variant_id = $1 and reference_id = $2", variant, reference_id
            )
            if known is None:
                await self._inventory.adjust(variant, units, cause, connection, allow_negative=True)

        await self._db.write(command)
