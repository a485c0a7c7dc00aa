"""Paying what an order has still due, by the ways that take money at once: what is offered, and the request to pay."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

from pannier.checkout.completion.due import DuePayments, show_payment
from pannier.checkout.completion.runner import Completion
from pannier.checkout.errors import CompletionInProgressError, PaymentMethodUnavailableError, TotalChangedError
from pannier.checkout.returning import checked_return
from pannier.kernel.ids import uuid7
from pannier.orders import Order, OrderService, balance_of, is_closed, money
from pannier.payments import Attempt, PaymentService, Wish, find_paying_attempt
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings

# How often a payment that others have under way is waited for and looked at again.
_ROUNDS = 4
_POLL_S = 0.1


class DueService:
    """What the orders of one shop have due. Whose an order is, the principal tells, as of `OrderService.get`."""

    def __init__(
        self, db: Database, settings: Settings, orders: OrderService, payments: PaymentService, completion: Completion
    ) -> None:
        self._db = db
        self._settings = settings
        self._orders = orders
        self._payments = payments
        self._completion = completion
        self._dues: DuePayments = completion.dues
        self._patience_s = 0 if settings.checkout_busy == "refuse" else 2 * settings.payment_timeout_s

    async def offer(self, principal: Principal, number: str) -> dict[str, Any]:
        """What is due, how it can be paid at once, and the payment that waits for its shopper.

        Raises OrderNotFoundError.
        """
        order = await self._orders.get(principal, number)
        due = 0 if is_closed(order) else max(0, balance_of(order))
        async with self._db.read() as connection:
            attempt = await find_paying_attempt(connection, order.id)
        if attempt is not None and attempt.pays_order is None:
            # Of the checkout: it comes into the books by itself.
            due = max(0, due - attempt.amount_minor)
            attempt = None
        if attempt is not None and attempt.amount_minor != due:
            # For another sum than is due by now: it is left by whoever pays.
            attempt = None
        status = "requires_escalation" if attempt is not None and attempt.state == "challenged" else "in_progress"
        return {
            "amount": money(due, order.currency),
            "payment_methods": list(self._methods()) if due else [],
            "payment": None if attempt is None else show_payment(attempt, status),
        }

    async def pay(
        self,
        principal: Principal,
        number: str,
        *,
        payment_method: str | None = None,
        payment_token: str | None = None,
        return_url: str | None = None,
        expected_amount: int | None = None,
        key: Key | None = None,
    ) -> Answer:
        """Pay exactly what is due, once, however many ask: the payment and the order, or where the shopper has to go.

        `expected_amount` is what the shopper was shown, in minor units; another one is refused. Raises
        OrderNotFoundError, OrderClosedError, NothingDueError, TotalChangedError, PaymentMethodUnavailableError,
        InsufficientStockError, PaymentFailedError, ProviderUnavailableError, CompletionInProgressError.
        """
        back = f"/orders/{number}/back"
        if return_url is not None:
            back = checked_return(return_url, frozenset(self._settings.cors_origins))
        wish = Wish(token=payment_token, return_url=back, is_captured=True)
        attempt_id = uuid7()

        def decide(order: Order, at: datetime) -> Attempt:
            method = self._method(order, payment_method)
            return self._attempt(order, method, attempt_id, expected_amount, key, at)

        for _ in range(_ROUNDS):
            found = await self._dues.paying.begin(principal, number, decide, key)
            if isinstance(found, Answer):
                return found
            if found.attempt.id == attempt_id:
                return await self._dues.run(found.attempt, key, wish)
            is_other = (
                payment_token is not None
                or payment_method not in {None, found.attempt.method}
                or found.attempt.amount_minor != found.due_minor
            )
            joined = await self._join(found.attempt, key, is_other=is_other)
            if joined is not None:
                return joined
        raise _in_progress()

    def _attempt(
        self, order: Order, method: str, attempt_id: uuid.UUID, expected: int | None, key: Key | None, at: datetime
    ) -> Attempt:
        """To be paid what is due. Raises TotalChangedError where the shopper was shown something else."""
        due = balance_of(order)
        if expected not in {None, due}:
            raise TotalChangedError(
                "What is due has changed. Look at it, then pay again.",
                field="expected_amount",
                details={"expected": money(expected or 0, order.currency), "total": money(due, order.currency)},
            )
        return Attempt(
            id=attempt_id,
            pays_order=order.id,
            provider=method,
            method=method,
            amount_minor=due,
            currency=order.currency,
            is_open=True,
            asked={"number": order.number},
            idem_owner=None if key is None else key.owner.hex(),
            idem_key=None if key is None else key.key,
            idem_hash=None if key is None else key.request_hash.hex(),
            due_at=at + self._payments.lease,
            created_at=at,
            updated_at=at,
            expires_at=at + timedelta(seconds=self._settings.payment_page_ttl_s),
        )

    async def come_back(self, principal: Principal, number: str) -> Attempt | None:
        """The shopper is back from the provider's page: the payment that was waiting, with what became of it.

        Raises OrderNotFoundError, ProviderUnavailableError.
        """
        order = await self._orders.get(principal, number)
        async with self._db.read() as connection:
            attempt = await find_paying_attempt(connection, order.id)
        if attempt is None or attempt.pays_order is None or attempt.state != "challenged":
            return None
        await self._completion.advance(attempt)
        return await self._payments.find(attempt.id)

    async def _join(self, attempt: Attempt, key: Key | None, *, is_other: bool) -> Answer | None:
        """What becomes of a payment that is under way: None where nothing came of it, so that another may begin.

        One that waits for its shopper is left where it is to be paid otherwise, or something else, by now.
        """
        now: Attempt | None = attempt
        if attempt.state == "challenged":
            await self._completion.advance(attempt)
            now = await self._payments.find(attempt.id)
            if now is not None and now.is_open:
                if not is_other:
                    return await self._dues.shown(now, "requires_escalation")
                if (await self._payments.stop(now)).is_good:
                    # She has paid at the last moment.
                    return await self._join(now, key, is_other=False)
                await self._dues.leave(now)
                return None
        else:
            now = await self._over(attempt)
        if now is None or now.order_id is None or now.pays_order is None:
            return None
        return await self._dues.kept(key, await self._dues.shown(now, "paid"))

    async def _over(self, attempt: Attempt) -> Attempt | None:
        """The payment once nobody is at it any more. Raises CompletionInProgressError."""
        give_up_at = asyncio.get_running_loop().time() + self._patience_s
        while True:
            now = await self._payments.find(attempt.id)
            if now is None or not now.is_open or now.state == "challenged":
                return now
            claimed = await self._payments.claim(attempt.id)
            if claimed is not None:
                await self._completion.advance(claimed)
            elif asyncio.get_running_loop().time() >= give_up_at:
                raise _in_progress()
            else:
                await asyncio.sleep(_POLL_S)

    def _methods(self) -> tuple[str, ...]:
        """Ways to pay that take money at once, as the shop names them."""
        charging = self._payments.providers.charging
        return tuple(method for method in self._settings.payment_methods if method in charging)

    def _method(self, order: Order, wanted: str | None) -> str:
        """The one that is wanted, else the order's own, else the shop's first."""
        available = self._methods()
        if wanted is None:
            wanted = order.payment_method if order.payment_method in available else next(iter(available), "")
        if wanted not in available:
            raise PaymentMethodUnavailableError(
                "What is due cannot be paid at once in that way.",
                field="payment_method",
                details={"available": list(available)},
            )
        return wanted


def _in_progress() -> CompletionInProgressError:
    return CompletionInProgressError(
        "Another request is paying this order. Ask what became of it in a second.", headers={"Retry-After": "1"}
    )
