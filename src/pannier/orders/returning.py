"""Sending goods back: asked for by the customer or noted by staff, received, looked at, refunded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pannier.kernel.ids import uuid7
from pannier.orders import return_rules
from pannier.orders.after_view import show_return
from pannier.orders.changing import OrderChanges
from pannier.orders.errors import ReturnTooLateError
from pannier.orders.models import Aftermath, Order, Return, ReturnState, Transition
from pannier.orders.refunding import RefundService
from pannier.orders.repository import LockedOrder
from pannier.orders.return_rules import Asked, Looked
from pannier.orders.view import show
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings


class ReturnService:
    """The returns of one shop."""

    def __init__(self, db: Database, settings: Settings, refunds: RefundService) -> None:
        self._days = settings.return_days
        self._changes = OrderChanges(db)
        self._refunds = refunds

    async def request(
        self,
        principal: Principal,
        number: str,
        asked: Sequence[Asked],
        *,
        reason: str = "",
        is_approved: bool = False,
        exchange_for: Sequence[Mapping[str, Any]] = (),
        key: Key | None = None,
    ) -> Answer:
        """Ask to send units back. What staff note is approved at once, and never too late.

        Raises OrderQuantityError, ReturnTooLateError.
        """
        return_id = uuid7()

        def decide(order: Order, locked: LockedOrder) -> Transition:
            if not is_approved:
                self._require_in_time(order, locked.after, locked.at)
            return return_rules.request(
                order, asked, return_id, reason, is_approved=is_approved, exchange_for=exchange_for
            )

        tell = _telling(return_id)
        return await self._changes.change(principal, number, decide, reason=reason, key=key, tell=tell, status=201)

    async def move_on(
        self,
        principal: Principal,
        number: str,
        return_id: uuid.UUID,
        to: ReturnState,
        *,
        answer: str = "",
        key: Key | None = None,
    ) -> Answer:
        """Approve, note as received, reject, or cancel a return. Raises ReturnNotFoundError, ReturnStateError."""

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            return return_rules.move_on(order, return_rules.find(locked.after, return_id), to, answer)

        return await self._changes.change(
            principal, number, decide, reason=answer, key=key, tell=_telling(return_id), is_repeatable=True
        )

    async def complete(
        self,
        principal: Principal,
        number: str,
        return_id: uuid.UUID,
        looked: Sequence[Looked] | None = None,
        *,
        pays_back: bool = True,
        answer: str = "",
        key: Key | None = None,
    ) -> Answer:
        """Note what looking at the goods came to; their value is refunded as far as it was paid.

        Raises ReturnNotFoundError, ReturnStateError, OrderQuantityError.
        """
        refund_id = uuid7()

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            one = return_rules.find(locked.after, return_id)
            return return_rules.complete(order, one, looked, refund_id, pays_back=pays_back, answer=answer)

        done = await self._changes.change(
            principal,
            number,
            decide,
            reason=answer,
            key=key,
            tell=_telling(return_id),
            also=self._refunds.ask_for,
            is_repeatable=True,
        )
        if not done.is_replay:
            await self._refunds.give(refund_id)
        return done

    def _require_in_time(self, order: Order, after: Aftermath, now: datetime) -> None:
        """A customer may send back for so many days after the last parcel left, or the order was noted as sent."""
        sent = [parcel.sent_at for parcel in after.shipments if parcel.canceled_at is None]
        sent += [state.at for state in order.states if state.status == "fulfilled"][:1]
        until = max(sent, default=now) + timedelta(days=self._days)
        if now > until:
            raise ReturnTooLateError(
                f"Goods of order {order.number} could be sent back until {until:%Y-%m-%d}. Write to the shop.",
                details={"until": until.isoformat()},
            )


def _telling(return_id: uuid.UUID) -> Callable[[Order, Aftermath | None], Mapping[str, Any]]:
    def tell(order: Order, after: Aftermath | None) -> Mapping[str, Any]:
        assert after is not None
        one: Return = return_rules.find(after, return_id)
        return {"return": show_return(order, one), "order": show(order)}

    return tell
