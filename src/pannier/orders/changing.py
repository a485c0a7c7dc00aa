"""How an order changes: locked, judged, carried out and told, in one transaction that may be tried again."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec

from pannier.kernel.errors import PannierError
from pannier.kernel.ids import uuid7
from pannier.orders import repository, rules
from pannier.orders.errors import OrderClosedError, OrderNotFoundError, RefundExceedsError
from pannier.orders.models import Aftermath, Order, Transition
from pannier.orders.repository import LockedOrder
from pannier.orders.view import show
from pannier.platform import idempotency
from pannier.platform.database import Connection, Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.observability.context import correlation_id
from pannier.platform.principal import Principal

#: What becomes of a locked order: a step, or None where there is none to take. Raises a refusal.
Decide = Callable[[Order, LockedOrder], Transition | None]
#: What is answered of an order that was changed; with what came after its sale where that is asked for.
Tell = Callable[[Order, Aftermath | None], Mapping[str, Any]]
_MONEY = "PN030"
T = TypeVar("T")


class OrderChanges:
    """Carries out the steps of one shop's orders."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def change(
        self,
        principal: Principal,
        number: str,
        decide: Decide,
        *,
        reason: str = "",
        key: Key | None = None,
        tell: Tell | None = None,
        also: Callable[[Connection, Order, Transition], Awaitable[None]] | None = None,
        first: Callable[[Connection], Awaitable[None]] | None = None,
        otherwise: Callable[[Connection, PannierError, datetime], Awaitable[None]] | None = None,
        status: int = 200,
        is_repeatable: bool = False,
    ) -> Answer:
        """The answer to a change. With `tell` the decision is given what came after the sale, and so is the answer.

        `first` is done when the key is taken, before the order is locked, and `also` when the step is carried out, in
        the same transaction; `otherwise` where it is refused. `is_repeatable`: `decide` finds under the lock that the
        step was taken, so it is tried again without a key where the connection is lost. Raises what `decide` raises,
        OrderNotFoundError, RefundExceedsError.
        """

        async def command(connection: Connection) -> Answer | PannierError:
            if first is not None:
                known = await idempotency.begin(connection, key)
                if known is not None:
                    return known
                await first(connection)
            locked = await repository.lock(
                connection, number, principal, key, self.db.offset, looks_after=tell is not None
            )
            if locked.outcome == "ORDER_NOT_FOUND":
                refused: PannierError = not_found(number)
                await idempotency.keep(connection, key, idempotency.kept_refusal(refused), self.db.clock.now())
                return refused
            if locked.outcome is not None or locked.order is None:
                return idempotency.replayed(locked.outcome or "", locked.answer)
            try:
                step = decide(locked.order, locked)
                if step is not None:
                    values = values_of(locked.order, step, principal, reason, locked.at)
                    then = None if also is None else functools.partial(also, connection, locked.order, step)
                    await _carry_out(connection, values, then)
            except PannierError as refusal:
                if not idempotency.is_recorded(refusal):
                    raise
                await (_nothing if otherwise is None else otherwise)(connection, refusal, locked.at)
                await idempotency.keep(connection, key, idempotency.kept_refusal(refusal), locked.at)
                return refusal
            answer = Answer(await _told(connection, number, principal, tell), status)
            await idempotency.keep(connection, key, idempotency.kept_answer(answer), locked.at)
            return answer

        outcome = await idempotency.settled(
            lambda: self.db.write(command), is_repeatable=is_repeatable or key is not None
        )
        if isinstance(outcome, PannierError):
            raise outcome
        return outcome

    async def prepared(self, key: Key | None, prepare: Callable[[], Awaitable[T]]) -> T | Answer:
        """What is asked for before a change, outside of its transaction; or the answer that the key has already.

        A refusal is kept under the key as one of the change itself is.
        """
        if key is None:
            return await prepare()
        known = await self.db.write(lambda connection: idempotency.begin(connection, key))
        if known is not None:
            return known
        try:
            return await prepare()
        except PannierError as refusal:
            if idempotency.is_recorded(refusal):
                return await self._refused(key, refusal)
            raise

    async def _refused(self, key: Key, refusal: PannierError) -> Answer:
        """Keep a refusal and raise it; the answer where the key has one by now."""

        async def command(connection: Connection) -> Answer | None:
            known = await idempotency.begin(connection, key)
            if known is None:
                await idempotency.keep(connection, key, idempotency.kept_refusal(refusal), self.db.clock.now())
            return known

        known = await self.db.write(command)
        if known is None:
            raise refusal
        return known


async def _nothing(_: Connection, __: PannierError, ___: datetime) -> None:
    """What else there is to a refusal, mostly."""


async def _told(connection: Connection, number: str, principal: Principal, tell: Tell | None) -> bytes:
    """What is answered of the order as it is now."""
    order = await repository.read(connection, number, principal)
    assert order is not None
    after = None if tell is None else await repository.aftermath(connection, order.id)
    return msgspec.json.encode(show(order) if tell is None else tell(order, after), enc_hook=str)


async def _carry_out(
    connection: Connection, values: Mapping[str, Any], then: Callable[[], Awaitable[None]] | None
) -> None:
    """A step and what goes with it: both, or where it is refused neither. Raises RefundExceedsError where the database
    knows better what there is to give back, and what `then` raises."""
    if not (values.get("money") or (then is not None and values.get("rows"))):
        await repository.step(connection, values)
        if then is not None:
            await then()
        return
    try:
        # The refusal is recorded in this transaction, which an error would have ended, without the step.
        async with connection.transaction():
            await repository.step(connection, values)
            if then is not None:
                await then()
    except asyncpg.PostgresError as problem:
        if problem.sqlstate != _MONEY:
            raise
        there = int(str(problem))
        raise RefundExceedsError(
            f"There is not so much left to give back: {there} in minor units.",
            field="amount",
            details={"available": there},
        ) from problem


def values_of(order: Order, step: Transition, principal: Principal, reason: str, at: datetime) -> dict[str, object]:
    """A step as `order_step` takes it."""
    earned = int(order.quote.get("points_earned", 0)) if step.event == "order.paid" else 0
    return {
        **({"money": step.money} if step.money else {}),
        **({"rows": step.rows} if step.rows else {}),
        **({"earns": earned, "purse_id": uuid7()} if earned > 0 else {}),
        "order_id": order.id,
        "version": order.version + 1,
        "status": step.status,
        "payment_status": step.payment_status,
        "stock": step.stock,
        "units": step.units,
        "reason": reason or "",
        "event_id": uuid7(),
        "event": step.event,
        "data": {
            "number": order.number,
            "status": step.status,
            "payment_status": step.payment_status,
            **step.data,
        },
        "actor": principal.user_id or principal.kind,
        "device": principal.device,
        "correlation_id": correlation_id.get(),
        "at": at,
    }


def open_order(order: Order) -> Order:
    """The order, unless it is closed. Raises OrderClosedError."""
    if rules.is_closed(order):
        raise OrderClosedError(
            f"Order {order.number} is {order.status}; nothing happens to it any more.",
            details={"status": order.status},
        )
    return order


def not_found(number: str) -> OrderNotFoundError:
    """The refusal for an order that is not there, or somebody else's."""
    return OrderNotFoundError(f"There is no order {number} that you may see.", field="number")
