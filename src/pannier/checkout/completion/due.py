"""A payment of what an order has due, carried on from wherever it stands: asked for, waited for, booked or given up.

There is an order already, so the money is taken at once, and the last step is one transaction: it is in the order's
books and the payment is the order's, or the payment is closed and its money goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.checkout.completion.challenge import next_look
from pannier.checkout.completion.deciding import decided, see_to_money
from pannier.checkout.completion.give_up import declined
from pannier.kernel.errors import PannierError
from pannier.orders import Order, OrderPaying, OrderService, RefundService, ThroughPayments, money, show
from pannier.payments import (
    Attempt,
    PaymentService,
    ProviderRefusedError,
    Wish,
    attempt_challenged,
    find_attempt,
    give_up_attempt,
)
from pannier.platform import idempotency
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_SYSTEM = Principal("staff", frozenset({"staff"}), "system")


class DuePayments:
    """The payments of what the orders of one shop have due."""

    def __init__(self, db: Database, settings: Settings, payments: PaymentService, orders: OrderService) -> None:
        self._db = db
        self._payments = payments
        self._orders = orders
        self.paying = OrderPaying(db, settings, RefundService(db, ThroughPayments(payments)))

    async def run(self, attempt: Attempt, key: Key | None, wish: Wish | None = None) -> Answer:
        """Do what is next until there is an answer: the order with the payment, or where the shopper has to go.

        With `wish` the provider is asked; without one it is asked only what became of it. Raises refusals, and
        ProviderUnavailableError: then it is carried on later.
        """
        attempt, refusal = await decided(self._payments, attempt, wish, self._db.clock)
        if refusal is None and attempt.state == "challenged":
            return await self._challenged(attempt, key, is_first=wish is not None)
        if refusal is None and attempt.is_good and attempt.captured_minor < attempt.amount_minor:
            try:
                attempt = await self._payments.capture(attempt)
            except ProviderRefusedError:
                refusal = declined(attempt)
        if refusal is None and attempt.is_good and attempt.captured_minor == attempt.amount_minor:
            return await self._book(attempt, key)
        return await self.refuse(attempt, key, refusal or declined(attempt))

    async def refuse(self, attempt: Attempt, key: Key | None, refusal: PannierError) -> Answer:
        """Close the payment, keep the refusal, see to the money, and raise it. One that is booked is answered."""
        failure = {"error": refusal.error, "message": refusal.message, "reason": refusal.details.get("reason")}
        now = self._db.clock.now()

        async def command(connection: Connection) -> Answer | PannierError | None:
            known = await idempotency.begin(connection, key)
            if known is not None:
                return known
            if not await give_up_attempt(connection, attempt.id, failure, now + self._payments.lease, now):
                found = await find_attempt(connection, attempt.id)
                if found is not None and found.order_id is not None:
                    return None
            await idempotency.keep(connection, key, idempotency.kept_refusal(refusal), now)
            return refusal

        outcome = await idempotency.settled(lambda: self._db.write(command), is_repeatable=True)
        if outcome is None:
            return await self._book(attempt, key)
        await self._let_go(attempt, refusal)
        if isinstance(outcome, PannierError):
            raise outcome
        return outcome

    async def leave(self, attempt: Attempt) -> None:
        """The shopper pays otherwise: nothing comes of it, unless she has paid."""
        now = self._db.clock.now()
        await self._db.write(
            lambda connection: give_up_attempt(connection, attempt.id, {"error": "ABANDONED"}, now, now)
        )

    async def shown(self, attempt: Attempt, status: str) -> Answer:
        """The payment, and its order as it is now."""
        order = await self._orders.get(_SYSTEM, number_of(attempt))
        return Answer(msgspec.json.encode(_answer(order, attempt, status), enc_hook=str), 201)

    async def kept(self, key: Key | None, answer: Answer) -> Answer:
        """An answer that is to be the key's as well: what somebody else's payment came to."""

        async def command(connection: Connection) -> Answer:
            known = await idempotency.begin(connection, key)
            if known is None:
                await idempotency.keep(connection, key, idempotency.kept_answer(answer), self._db.clock.now())
            return known or answer

        return await idempotency.settled(lambda: self._db.write(command), is_repeatable=True)

    async def _book(self, attempt: Attempt, key: Key | None) -> Answer:
        try:
            return await self.paying.book(
                attempt, number_of(attempt), key, lambda order: _answer(order, attempt, "paid")
            )
        except PannierError as refusal:
            await self._let_go(attempt, refusal)
            raise

    async def _challenged(self, attempt: Attempt, key: Key | None, *, is_first: bool) -> Answer:
        answer = await self.shown(attempt, "requires_escalation")
        if not is_first:
            return answer
        now = self._db.clock.now()

        async def command(connection: Connection) -> Answer:
            known = await idempotency.begin(connection, key)
            if known is not None:
                return known
            # The key has its answer, and whoever carries it on answers nobody any more.
            await attempt_challenged(connection, attempt.id, next_look(attempt, now))
            await idempotency.keep(connection, key, idempotency.kept_answer(answer), now)
            return answer

        return await idempotency.settled(lambda: self._db.write(command), is_repeatable=True)

    async def _let_go(self, attempt: Attempt, refusal: PannierError) -> None:
        """The money of one that is closed; one that is not is carried on by whoever comes."""
        found = await self._payments.find(attempt.id)
        if found is not None and not found.is_open:
            await see_to_money(self._payments, found, refusal.error.lower(), self._db.clock)


def number_of(attempt: Attempt) -> str:
    """The number of the order that it is for."""
    return str(attempt.asked["number"])


def show_payment(attempt: Attempt, status: str) -> dict[str, Any]:
    """A payment on the wire; `dues_api.DuePayment` describes it."""
    link = attempt.action_url if status == "requires_escalation" else None
    return {
        "id": attempt.id,
        "status": status,
        "payment_method": attempt.method,
        "amount": money(attempt.amount_minor, attempt.currency),
        "links": [] if link is None else [{"rel": "payment", "href": link}],
        "created_at": attempt.created_at,
    }


def _answer(order: Order, attempt: Attempt, status: str) -> Mapping[str, Any]:
    return {"payment": show_payment(attempt, status), "order": show(order)}
