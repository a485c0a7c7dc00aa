"""Looking at orders, and the steps of their life after they were placed."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from pannier.inventory import InsufficientStockError
from pannier.kernel.ids import uuid7
from pannier.kernel.times import in_utc
from pannier.orders import refund_rules, repository, rules
from pannier.orders.changing import Decide, OrderChanges, not_found, open_order
from pannier.orders.errors import OrderNotCancelableError
from pannier.orders.models import Aftermath, Captured, Order, Shortage, Transition
from pannier.orders.ports import Repayments
from pannier.orders.refunding import RefundService
from pannier.orders.repository import LockedOrder
from pannier.orders.view import show
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings

EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NEWEST = datetime.max.replace(tzinfo=UTC), uuid.UUID(int=2**128 - 1)


class OrderService:
    """The orders of one shop. Whose an order is, the principal's user id or cart token tells; staff see all."""

    def __init__(self, db: Database, settings: Settings, refunds: RefundService | None = None) -> None:
        """`refunds` gives back what was paid for orders that are canceled; without it somebody else does."""
        self._db = db
        self._refunds = refunds
        self._settings = settings
        self._changes = OrderChanges(db)

    async def get(self, principal: Principal, number: str) -> Order:
        """An order. Raises OrderNotFoundError, also for somebody else's."""
        async with self._db.read() as connection:
            order = await repository.read(connection, number, principal)
        if order is None:
            raise not_found(number)
        return order

    async def aftermath(self, principal: Principal, number: str) -> tuple[Order, Aftermath]:
        """An order and what came after its sale: parcels, refunds, returns, edits. Raises OrderNotFoundError."""
        async with self._db.read() as connection:
            order = await repository.read(connection, number, principal)
            if order is None:
                raise not_found(number)
            return order, await repository.aftermath(connection, order.id)

    async def find_by_external_reference(self, reference: str) -> Order | None:
        """The order that carries an outside system's number, whosever it is."""
        async with self._db.read() as connection:
            return await repository.by_external_reference(connection, reference)

    async def list_own(
        self, principal: Principal, *, cursor: str | None = None, limit: int = 20
    ) -> tuple[list[Order], str | None]:
        """A page of the principal's orders, newest first, and the cursor of the next page."""
        if principal.user_id is None and principal.cart_token is None:
            raise LoginRequiredError("Orders are listed for a known shopper: sign in, or send your cart token.")
        async with self._db.read() as connection:
            found = await repository.page_of_owner(connection, principal, place_of(cursor), limit + 1)
        return found[:limit], next_cursor(found, limit)

    async def list_all(
        self,
        *,
        status: str | None = None,
        external_reference: str | None = None,
        placed_from: datetime | None = None,
        placed_to: datetime | None = None,
        cursor: str | None = None,
        limit: int = 20,
    ) -> tuple[list[Order], str | None]:
        """A page of everybody's orders, for staff. `placed_from` is included, `placed_to` is not."""
        placed = placed_from or EVER[0], placed_to or EVER[1]
        async with self._db.read() as connection:
            found = await repository.page_for_staff(
                connection, status, external_reference, placed, place_of(cursor), limit + 1
            )
        return found[:limit], next_cursor(found, limit)

    async def cancel(self, principal: Principal, number: str, *, reason: str = "", key: Key | None = None) -> Answer:
        """Cancel an order whose goods are still in the house; its units are for sale again at once.

        What was paid is given back: asked for with the step, given after it, by whoever finds it when we die between.
        """
        refund_id = uuid7()

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            if order.status != "canceled" and not rules.is_cancelable(
                order, self._settings.hold_at, self._settings.commit_at
            ):
                raise OrderNotCancelableError(
                    f"Order {number} is {order.status}: its goods have left, so it cannot be canceled any more.",
                    details={"status": order.status},
                )
            return self._paid_back(order, rules.cancel(order), refund_id, reason)

        return await self._canceled(principal, number, decide, reason, key, refund_id, is_repeatable=True)

    async def pay(self, principal: Principal, number: str, *, key: Key | None = None) -> Answer:
        """Note that an order was paid. Units that were to be held or committed by then are: INSUFFICIENT_STOCK."""

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            step = rules.pay(open_order(order), self._settings.commit_at)
            return step if step is None else unless_short(step, locked.shortages)

        return await self._changes.change(principal, number, decide, key=key, is_repeatable=True)

    async def book(self, principal: Principal, number: str, captured: Captured, repayments: Repayments) -> None:
        """Note what a payment captured: exactly that, once. An order that is changed since may still have something to
        pay then, or gets back by `repayments` what is too much.

        Raises OrderClosedError for one that is closed without it, InsufficientStockError as `pay` does.
        """
        refund_id, refunds, gives_back = uuid7(), RefundService(self._db, repayments), False

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            nonlocal gives_back
            step = rules.book(order, captured, self._settings.commit_at)
            if step is None:
                return None
            open_order(order)
            if step.stock is not None:
                unless_short(step, locked.shortages)
            step = refund_rules.with_surplus_back(order, step, refund_id, "more was paid than the order comes to")
            gives_back = "refund" in step.rows
            return step

        await self._changes.change(principal, number, decide, also=refunds.ask_for, is_repeatable=True)
        if gives_back:
            await refunds.give(refund_id)

    async def fulfil(
        self,
        principal: Principal,
        number: str,
        items: Mapping[uuid.UUID, int] | None = None,
        *,
        tracking: Mapping[str, str | None] | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Note that goods have left: all of them, or so many units of each variant in `items`.

        `tracking` is the parcel's: carrier, tracking_number, tracking_url.
        What is not committed yet is now. Raises OrderClosedError, OrderQuantityError, InsufficientOnHandError, and
        InsufficientStockError for units that were never promised.
        """

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            if items is not None:
                step = rules.fulfil_part(open_order(order), items, locked.on_hand)
                return _in_parcel(step, _parts(step), tracking)
            whole = rules.fulfil(open_order(order))
            if whole is None:
                return None
            unless_short(whole, locked.shortages)
            rules.check_on_hand(rules.held_units(order), locked.on_hand)
            parts = [
                {"line_id": line.id, "quantity": line.quantity_unsent} for line in order.lines if line.quantity_unsent
            ]
            return _in_parcel(replace(whole, rows={"sends_all": True}), parts, tracking)

        # Units that are sent again would be others: only a key tells.
        return await self._changes.change(principal, number, decide, key=key, is_repeatable=items is None)

    async def cancel_fulfilment(self, principal: Principal, number: str, *, key: Key | None = None) -> Answer:
        """Note that all that had left is back in the house: it is held for the order again. Raises OrderClosedError."""

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            return rules.put_back(open_order(order))

        return await self._changes.change(principal, number, decide, key=key, is_repeatable=True)

    async def complete(self, principal: Principal, number: str, *, key: Key | None = None) -> Answer:
        """Note that nothing more is to be done: all is sent and paid. Raises OrderNotFulfilledError."""

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            return rules.complete(open_order(order))

        return await self._changes.change(principal, number, decide, key=key, is_repeatable=True)

    async def cancel_units(
        self,
        principal: Principal,
        number: str,
        items: Mapping[uuid.UUID, int] | None = None,
        *,
        reason: str = "",
        key: Key | None = None,
    ) -> Answer:
        """Take units out of an order, for staff: held ones are let go, those that had left are back for sale.

        Of each variant as many as there are, at most; without `items` all. An order without units is canceled.
        What was paid for them is given back. Raises OrderQuantityError for a variant that is not in it.
        """
        refund_id = uuid7()

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            step = rules.cancel_units(order, items)
            return self._paid_back(order, step, refund_id, reason or (items and "units were taken out") or "")

        # Units that are taken out again would be others: only a key tells.
        return await self._canceled(principal, number, decide, reason, key, refund_id, is_repeatable=items is None)

    async def cancel_unpaid(
        self, principal: Principal, number: str, repayments: Repayments, *, reason: str = ""
    ) -> bool:
        """Cancel an order whose payment was refused, unless it is paid without it or its goods have left; whether it is
        canceled, by whomever. What else was paid of it is given back by `repayments`.
        """
        refund_id, refunds, is_canceled = uuid7(), RefundService(self._db, repayments), False

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            nonlocal is_canceled
            has_left = not rules.is_cancelable(order, self._settings.hold_at, self._settings.commit_at)
            is_canceled = order.status == "canceled" or not (has_left or rules.balance_of(order) <= 0)
            return refund_rules.with_money_back(order, rules.cancel(order) if is_canceled else None, refund_id, reason)

        await self._changes.change(principal, number, decide, reason=reason, also=refunds.ask_for, is_repeatable=True)
        await refunds.give(refund_id)
        return is_canceled

    def _paid_back(self, order: Order, step: Transition | None, refund_id: uuid.UUID, reason: str) -> Transition | None:
        if self._refunds is None:
            return step
        return refund_rules.with_money_back(order, step, refund_id, reason or "the order was canceled")

    async def _canceled(
        self,
        principal: Principal,
        number: str,
        decide: Decide,
        reason: str,
        key: Key | None,
        refund_id: uuid.UUID,
        *,
        is_repeatable: bool,
    ) -> Answer:
        also = None if self._refunds is None else self._refunds.ask_for
        answer = await self._changes.change(
            principal, number, decide, reason=reason, key=key, also=also, is_repeatable=is_repeatable
        )
        if self._refunds is None or answer.is_replay or await self._refunds.give(refund_id) != "settled":
            return answer
        # The key keeps what was true when it was asked for; whoever waited is told how it ended.
        return Answer(msgspec.json.encode(show(await self.get(principal, number))), answer.status)


def _parts(step: Transition) -> list[dict[str, Any]]:
    return [{"line_id": unit.line_id, "quantity": unit.send} for unit in step.units if unit.send]


def _in_parcel(
    step: Transition, parts: Sequence[Mapping[str, Any]], tracking: Mapping[str, str | None] | None
) -> Transition:
    """The step with the parcel that its units leave in."""
    if not parts:
        return step
    parcel = {"id": uuid7(), "items": parts, **(tracking or {})}
    return replace(step, rows={**step.rows, "shipment": parcel}, data={**step.data, "shipment": parcel})


def unless_short(step: Transition, short: tuple[Shortage, ...]) -> Transition:
    """The step, unless units are missing for it. Raises InsufficientStockError."""
    if not short:
        return step
    first = short[0]
    raise InsufficientStockError(
        f"{len(short)} of the order's products are short: {first.requested} units are needed and "
        f"{first.available} are there. Receive stock, or cancel the order.",
        details={
            "requested": first.requested,
            "available": first.available,
            "items": [
                {"variant_id": str(s.variant_id), "requested": s.requested, "available": s.available} for s in short
            ],
        },
    )


def place_of(cursor: str | None) -> tuple[datetime, uuid.UUID]:
    """Where a page ends: its last order's moment and id; the cursor is opaque to clients."""
    if cursor is None:
        return _NEWEST
    try:
        at, _, order_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return in_utc(datetime.fromisoformat(at)), uuid.UUID(order_id)
    except ValueError:
        raise ValidationFailedError.of([("cursor", "Take it from next_cursor of the page before")]) from None


def next_cursor(found: list[Order], limit: int) -> str | None:
    """Where the page after one of `limit` orders begins; None when all were found."""
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return base64.urlsafe_b64encode(f"{last.placed_at.isoformat()} {last.id}".encode()).decode()
