"""Paying what an order has due: a payment of exactly that begins, and comes into the order's books or to nothing.

Both are transactions under the order's lock; whoever asks the provider does so between them. A payment's `order_id` is
set with the booking, so that money which is not booked is money of no order, and goes back as such.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.orders import refund_rules, repository, rules
from pannier.orders.changing import OrderChanges, not_found, open_order
from pannier.orders.errors import NothingDueError
from pannier.orders.models import Aftermath, Captured, Order, Transition
from pannier.orders.refunding import RefundService
from pannier.orders.repository import LockedOrder
from pannier.orders.service import unless_short
from pannier.payments import (
    Attempt,
    PaymentFailedError,
    begin_attempt,
    find_paying_attempt,
    give_up_attempt,
    pay_order_by,
    with_money_back,
)
from pannier.platform import idempotency
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: The payment that is to begin for an order, at a moment. Raises a refusal.
DecidePayment = Callable[[Order, datetime], Attempt]
_SYSTEM = Principal("staff", frozenset({"staff"}), "system")


@dataclass(frozen=True, slots=True)
class Paying:
    """A payment that is under way for an order, and what the order has due, in minor units."""

    attempt: Attempt
    due_minor: int


def require_due(order: Order) -> int:
    """What an order has due, in minor units. Raises OrderClosedError, NothingDueError."""
    due = rules.balance_of(open_order(order))
    if due <= 0:
        raise NothingDueError(f"Nothing is due of order {order.number}.", details={"balance": due})
    return due


class OrderPaying:
    """Payments of what the orders of one shop have due, seen from the orders."""

    def __init__(self, db: Database, settings: Settings, refunds: RefundService) -> None:
        """`refunds` gives back what is too much."""
        self._db = db
        self._commit_at = settings.commit_at
        self._refunds = refunds
        self._changes = OrderChanges(db)

    async def begin(self, principal: Principal, number: str, decide: DecidePayment, key: Key | None) -> Paying | Answer:
        """The payment that begins, or the one that is under way; the answer where the key has one.

        Raises what `decide` raises, OrderNotFoundError, OrderClosedError, NothingDueError, and InsufficientStockError
        where being paid would take units that are not there.
        """

        async def command(connection: Connection) -> Paying | Answer | PannierError:
            locked = await repository.lock(connection, number, principal, key, self._db.offset)
            if locked.outcome == "ORDER_NOT_FOUND":
                refused: PannierError = not_found(number)
                await idempotency.keep(connection, key, idempotency.kept_refusal(refused), self._db.clock.now())
                return refused
            if locked.outcome is not None or locked.order is None:
                return idempotency.replayed(locked.outcome or "", locked.answer)
            order = locked.order
            known = await find_paying_attempt(connection, order.id)
            if known is not None:
                return Paying(known, rules.balance_of(order))
            try:
                due = require_due(order)
                attempt = decide(order, locked.at)
                step = rules.book(order, Captured(attempt.id, due), self._commit_at)
                if step is not None and step.stock is not None:
                    unless_short(step, locked.shortages)
            except PannierError as refusal:
                await idempotency.keep(connection, key, idempotency.kept_refusal(refusal), locked.at)
                return refusal
            await begin_attempt(connection, attempt, principal.user_id or principal.kind)
            return Paying(attempt, due)

        # A second try finds the payment under its id.
        outcome = await idempotency.settled(lambda: self._db.write(command), is_repeatable=True)
        if isinstance(outcome, PannierError):
            raise outcome
        return outcome

    async def book(
        self, attempt: Attempt, number: str, key: Key | None, show: Callable[[Order], Mapping[str, Any]]
    ) -> Answer:
        """Note what a payment captured in its order: once, and what is too much by now goes back.

        Raises OrderClosedError, NothingDueError, InsufficientStockError, PaymentFailedError where it was given up: the
        payment is closed then, with the refusal, and its money is to be seen to.
        """
        refund_id, gives_back = uuid7(), False

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            nonlocal gives_back
            step = self._booked(order, locked, attempt, refund_id)
            gives_back = step is not None and "refund" in step.rows
            return step

        async def also(connection: Connection, order: Order, step: Transition) -> None:
            # First, since the refund may be of this very payment.
            if not await pay_order_by(connection, attempt, self._db.clock.now()):
                raise PaymentFailedError(
                    "This payment was given up meanwhile; it is given back.", details={"reason": "given_up"}
                )
            await self._refunds.ask_for(connection, order, step)

        async def otherwise(connection: Connection, refusal: PannierError, at: datetime) -> None:
            failure = {"error": refusal.error, "message": refusal.message}
            await give_up_attempt(connection, attempt.id, failure, at, at)

        def tell(order: Order, _: Aftermath | None) -> Mapping[str, Any]:
            return show(order)

        answer = await self._changes.change(
            _SYSTEM, number, decide, key=key, tell=tell, also=also, otherwise=otherwise, status=201, is_repeatable=True
        )
        if gives_back:
            await self._refunds.give(refund_id)
        return answer

    def _booked(self, order: Order, locked: LockedOrder, attempt: Attempt, refund_id: uuid.UUID) -> Transition | None:
        step = rules.book(order, Captured(attempt.id, attempt.captured_minor), self._commit_at)
        if step is None:
            return None
        try:
            require_due(order)
            if step.stock is not None:
                unless_short(step, locked.shortages)
        except PannierError as refusal:
            raise with_money_back(refusal, attempt) from None
        return refund_rules.with_surplus_back(order, step, refund_id, "more was paid than the order comes to")
