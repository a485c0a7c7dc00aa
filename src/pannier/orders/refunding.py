"""Giving money back: asked for in one transaction, given outside of any, noted in another.

What is asked for is taken off what there is at once, so no two refunds come to more than was paid. A process that dies
in between leaves a refund that is pending and due; whoever finds it gives it under the same key.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pannier.kernel.ids import uuid7
from pannier.orders import refund_rules, repository
from pannier.orders.after_view import show_refund
from pannier.orders.changing import OrderChanges
from pannier.orders.models import Aftermath, Order, Refund, Transition
from pannier.orders.ports import ByHand, Repayments
from pannier.orders.refund_rules import Wanted
from pannier.orders.repository import LockedOrder
from pannier.orders.view import show
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal

if TYPE_CHECKING:
    from pannier.platform.database import Connection

logger = logging.getLogger(__name__)

#: What came of looking for a refund that is due: there was none, nobody knows yet, or it is given or refused.
GivenState = Literal["none", "pending", "settled"]
# For so long it is one process's; twice that with every try, as of a bank that takes days.
_LEASE, _LEASE_MAX = timedelta(seconds=60), timedelta(hours=1)
_SYSTEM = Principal("staff", frozenset({"staff"}), "system")


class RefundService:
    """The refunds of one shop; `repayments` moves the money, where somebody does."""

    def __init__(self, db: Database, repayments: Repayments | None = None) -> None:
        self._db = db
        self._changes = OrderChanges(db)
        self.repayments: Repayments = repayments or ByHand()

    async def refund(
        self, principal: Principal, number: str, wanted: Wanted, *, reason: str = "", key: Key | None = None
    ) -> Answer:
        """Give back an amount, amounts of lines, or all there is. The answer has the refund, given or pending.

        Raises RefundExceedsError, OrderQuantityError for an unknown line.
        """
        refund_id = uuid7()

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            return refund_rules.ask(order, wanted, refund_id, reason)

        def tell(order: Order, after: Aftermath | None) -> Mapping[str, Any]:
            assert after is not None
            return {"refund": show_refund(after.refunds[-1]), "order": show(order)}

        answer = await self._changes.change(
            principal, number, decide, reason=reason, key=key, tell=tell, also=self.ask_for, status=201
        )
        if answer.is_replay or await self.give(refund_id) != "settled":
            return answer
        # The key keeps the answer that was true when it was asked for; whoever waited is told how it ended.
        return await self._told(principal, number, refund_id, answer)

    async def ask_for(self, connection: Connection, order: Order, step: Transition) -> None:
        """Tell whoever gives money back of a step's refund, in its transaction."""
        row = step.rows.get("refund")
        if row is not None and row["amount_minor"] > row["given_back_minor"]:
            after = await repository.aftermath(connection, order.id)
            refund = after.refunds[-1]
            asked = await self.repayments.ask(connection, refund)
            if asked:
                await repository.note_payment_refunds(connection, refund.id, asked)

    async def give(self, refund_id: uuid.UUID | None = None) -> GivenState:
        """Give a refund that is due, the one that is named or any. What stays pending is due later every time."""
        now = self._db.clock.now()

        async def claim(connection: Connection) -> Refund | None:
            return await repository.claim_refund(connection, refund_id, _LEASE, _LEASE_MAX, now)

        refund = await self._db.write(claim)
        if refund is None:
            return "none"
        given = await self.repayments.give(refund)
        if given.state == "pending":
            logger.warning("refund %s of order %s is not given yet: %s", refund.id, refund.order_number, given.reason)
            return "pending"
        await self.settle(refund, None if given.state == "succeeded" else given.reason)
        return "settled"

    async def settle(self, refund: Refund, failure: str | None) -> None:
        """Note what became of a refund; a second time changes nothing."""

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            known = next((one for one in locked.after.refunds if one.id == refund.id), None)
            return (
                refund_rules.settle(order, known, failure) if known is not None and known.state == "pending" else None
            )

        def tell(order: Order, _: Aftermath | None) -> Mapping[str, Any]:
            return {"number": order.number}

        await self._changes.change(
            _SYSTEM, refund.order_number, decide, reason=refund.reason, tell=tell, is_repeatable=True
        )

    async def give_due(self, limit: int = 100) -> int:
        """Give what a crash, or a provider that did not answer, left pending; answers how many were settled."""
        settled = 0
        for _ in range(limit):
            given = await self.give()
            if given == "none":
                break
            settled += given == "settled"
        return settled

    async def _told(self, principal: Principal, number: str, refund_id: uuid.UUID, asked: Answer) -> Answer:
        async with self._db.read() as connection:
            order = await repository.read(connection, number, principal)
            if order is None:
                return asked
            after = await repository.aftermath(connection, order.id)
        refund = next(one for one in after.refunds if one.id == refund_id)
        document = {"refund": show_refund(refund), "order": show(order)}
        return Answer(msgspec.json.encode(document, enc_hook=str), asked.status)
