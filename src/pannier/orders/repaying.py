"""Giving back through the payments of an order, whatever provider they went through."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pannier.orders import repository
from pannier.orders.models import Refund
from pannier.orders.ports import Given
from pannier.payments import PaymentService, RefundRefusedError

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class ThroughPayments:
    """The money goes back the way it came. What no payment stands for, staff noted by hand, and give back by hand."""

    def __init__(self, payments: PaymentService) -> None:
        self._payments = payments

    async def ask(self, connection: Connection, refund: Refund) -> Sequence[uuid.UUID]:
        """Ask the newest payments for it first, and each for no more than what of it is in the order's books."""
        booked = await repository.booked(connection, refund.order_id)
        try:
            return await self._ask(connection, refund, refund.money_minor, booked)
        except RefundRefusedError as refused:
            there = int(refused.details["available"])
            return await self._ask(connection, refund, there, booked) if there > 0 else ()

    async def give(self, refund: Refund) -> Given:
        """Have it carried out, and see what became of it: the payments' own job may have been quicker."""
        if not refund.payment_refunds:
            return Given("succeeded")
        await self._payments.carry_out_refunds(refund.payment_refunds)
        _, found = await self._payments.of_order(refund.order_id)
        ours = [one for one in found if one.id in set(refund.payment_refunds)]
        if any(one.state == "pending" for one in ours):
            return Given("pending", "the payment provider has not answered")
        failed = [one for one in ours if one.state == "failed"]
        if failed:
            return Given("failed", failed[0].failure or "the payment provider refused")
        return Given("succeeded")

    async def _ask(
        self, connection: Connection, refund: Refund, amount: int, booked: Mapping[str, int]
    ) -> Sequence[uuid.UUID]:
        return await self._payments.ask_refund(
            connection, refund.order_id, amount, refund.reason, actor=refund.actor, at=refund.created_at, booked=booked
        )
