"""Looking at orders, and the steps of their life after they were placed."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from pannier.inventory import InsufficientStockError
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.kernel.times import in_utc
from pannier.orders import repository, rules
from pannier.orders.errors import OrderClosedError, OrderNotCancelableError, OrderNotFoundError
from pannier.orders.models import Order, Shortage, Transition
from pannier.orders.repository import LockedOrder
from pannier.orders.view import show
from pannier.platform import idempotency
from pannier.platform.database import Connection, Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.observability.context import correlation_id
from pannier.platform.principal import LoginRequiredError, Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings

_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NEWEST = datetime.max.replace(tzinfo=UTC), uuid.UUID(int=2**128 - 1)


class OrderService:
    """The orders of one shop. Whose an order is, the principal's user id or cart token tells; staff see all."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings

    async def get(self, principal: Principal, number: str) -> Order:
        """An order. Raises OrderNotFoundError, also for somebody else's."""
        async with self._db.read() as connection:
            order = await repository.read(connection, number, principal)
        if order is None:
            raise _not_found(number)
        return order

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
            found = await repository.page_of_owner(connection, principal, _place(cursor), limit + 1)
        return found[:limit], _next_cursor(found, limit)

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
        placed = placed_from or _EVER[0], placed_to or _EVER[1]
        async with self._db.read() as connection:
            found = await repository.page_for_staff(
                connection, status, external_reference, placed, _place(cursor), limit + 1
            )
        return found[:limit], _next_cursor(found, limit)

    async def cancel(self, principal: Principal, number: str, *, reason: str = "", key: Key | None = None) -> Answer:
        """Cancel an order whose goods are still in the house; its units are for sale again at once."""

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            if order.status != "canceled" and not rules.is_cancelable(
                order, self._settings.hold_at, self._settings.commit_at
            ):
                raise OrderNotCancelableError(
                    f"Order {number} is {order.status}: its goods have left, so it cannot be canceled any more.",
                    details={"status": order.status},
                )
            return rules.cancel(order)

        return await self._change(principal, number, decide, reason=reason, key=key)

    async def pay(self, principal: Principal, number: str, *, key: Key | None = None) -> Answer:
        """Note that an order was paid. Units that were to be held or committed by then are: INSUFFICIENT_STOCK."""

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            step = rules.pay(_open(order), self._settings.commit_at)
            return step if step is None else _unless_short(step, locked.shortages)

        return await self._change(principal, number, decide, key=key)

    async def fulfil(
        self,
        principal: Principal,
        number: str,
        items: Mapping[uuid.UUID, int] | None = None,
        *,
        key: Key | None = None,
    ) -> Answer:
        """Note that goods have left: all of them, or so many held units of each variant in `items`.

        What is not committed yet is now. Raises OrderClosedError, OrderQuantityError, InsufficientOnHandError, and
        InsufficientStockError for units that were never promised.
        """

        def decide(order: Order, locked: LockedOrder) -> Transition | None:
            if items is not None:
                return rules.fulfil_part(_open(order), items, locked.on_hand)
            step = rules.fulfil(_open(order))
            if step is not None:
                _unless_short(step, locked.shortages)
                rules.check_on_hand(rules.held_units(order), locked.on_hand)
            return step

        return await self._change(principal, number, decide, key=key)

    async def cancel_fulfilment(self, principal: Principal, number: str, *, key: Key | None = None) -> Answer:
        """Note that all that had left is back in the house: it is held for the order again. Raises OrderClosedError."""

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            return rules.put_back(_open(order))

        return await self._change(principal, number, decide, key=key)

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
        Raises OrderQuantityError for a variant that is not in it.
        """

        def decide(order: Order, _: LockedOrder) -> Transition | None:
            return rules.cancel_units(order, items)

        return await self._change(principal, number, decide, reason=reason, key=key)

    async def _change(
        self,
        principal: Principal,
        number: str,
        decide: Callable[[Order, LockedOrder], Transition | None],
        *,
        reason: str = "",
        key: Key | None = None,
    ) -> Answer:
        async def command(connection: Connection) -> Answer | PannierError:
            locked = await repository.lock(connection, number, principal, key, self._db.offset)
            if locked.outcome == "ORDER_NOT_FOUND":
                refused: PannierError = _not_found(number)
                await idempotency.keep(connection, key, idempotency.kept_refusal(refused), self._db.clock.now())
                return refused
            if locked.outcome is not None or locked.order is None:
                return idempotency.replayed(locked.outcome or "", locked.answer)
            try:
                step = decide(locked.order, locked)
            except PannierError as refusal:
                await idempotency.keep(connection, key, idempotency.kept_refusal(refusal), locked.at)
                return refusal
            if step is not None:
                await repository.step(connection, _values(locked.order, step, principal, reason, locked.at))
            order = await repository.read(connection, number, principal)
            assert order is not None
            answer = Answer(msgspec.json.encode(show(order)))
            await idempotency.keep(connection, key, idempotency.kept_answer(answer), locked.at)
            return answer

        # Each step finds under the lock whether it was taken already, so it may be tried again.
        outcome = await idempotency.settled(lambda: self._db.write(command), is_repeatable=True)
        if isinstance(outcome, PannierError):
            raise outcome
        return outcome


def _values(order: Order, step: Transition, principal: Principal, reason: str, at: datetime) -> dict[str, object]:
    earned = int(order.quote.get("points_earned", 0)) if step.event == "order.paid" else 0
    return {
        **({"earns": earned, "purse_id": uuid7()} if earned > 0 else {}),
        "order_id": order.id,
        "version": order.version + 1,
        "status": step.status,
        "payment_status": step.payment_status,
        "stock": step.stock,
        "units": step.units,
        "reason": reason,
        "event_id": uuid7(),
        "event": step.event,
        "data": {"number": order.number, "status": step.status, "payment_status": step.payment_status},
        "actor": principal.user_id or principal.kind,
        "device": principal.device,
        "correlation_id": correlation_id.get(),
        "at": at,
    }


def _open(order: Order) -> Order:
    if rules.is_closed(order):
        raise OrderClosedError(
            f"Order {order.number} is {order.status}; nothing happens to it any more.",
            details={"status": order.status},
        )
    return order


def _unless_short(step: Transition, short: tuple[Shortage, ...]) -> Transition:
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


def _not_found(number: str) -> OrderNotFoundError:
    return OrderNotFoundError(f"There is no order {number} that you may see.", field="number")


def _place(cursor: str | None) -> tuple[datetime, uuid.UUID]:
    """Where a page ends: its last order's moment and id; the cursor is opaque to clients."""
    if cursor is None:
        return _NEWEST
    try:
        at, _, order_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        return in_utc(datetime.fromisoformat(at)), uuid.UUID(order_id)
    except ValueError:
        raise ValidationFailedError.of([("cursor", "Take it from next_cursor of the page before")]) from None


def _next_cursor(found: list[Order], limit: int) -> str | None:
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return base64.urlsafe_b64encode(f"{last.placed_at.isoformat()} {last.id}".encode()).decode()
