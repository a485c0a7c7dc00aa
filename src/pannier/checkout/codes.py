"""Codes of a checkout: they are its cart's, also where that stands beside the shopper's open one."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

from pannier.cart import CartPricingService, Command, Outcome
from pannier.checkout.errors import (
    CheckoutClosedError,
    CheckoutExpiredError,
    CompletionInProgressError,
    in_progress,
)
from pannier.checkout.rules import PAYING
from pannier.checkout.service import CheckoutAnswer, CheckoutService
from pannier.platform.idempotency import Key
from pannier.platform.principal import Principal


class CodeService:
    """Two transactions: the cart's, then the checkout's, which counts the new figures as shown.

    Between them nothing is lost: a completion that comes first finds other figures than were shown, and refuses.
    """

    def __init__(self, pricing: CartPricingService, checkouts: CheckoutService) -> None:
        self._pricing = pricing
        self._checkouts = checkouts

    async def enter(
        self, principal: Principal, checkout_id: uuid.UUID, code: str, command: Command, key: Key | None
    ) -> CheckoutAnswer:
        """Put a code on it; `command` says who, without changes.

        Raises CouponRejectedError with the first reason that fits, and the refusals of changing a checkout.
        """
        return await self._carried_out(
            principal, checkout_id, command, key, lambda meant: self._pricing.enter_coupon(meant, code)
        )

    async def remove(
        self, principal: Principal, checkout_id: uuid.UUID, code: str, command: Command, key: Key | None
    ) -> CheckoutAnswer:
        """Take a code off it. Raises CouponRejectedError when it is not on it."""
        return await self._carried_out(
            principal, checkout_id, command, key, lambda meant: self._pricing.remove_coupon(meant, code)
        )

    async def _carried_out(
        self,
        principal: Principal,
        checkout_id: uuid.UUID,
        command: Command,
        key: Key | None,
        change: Callable[[Command], Awaitable[Outcome]],
    ) -> CheckoutAnswer:
        try:
            meant = await self._meant(principal, checkout_id, command)
        except (CheckoutClosedError, CheckoutExpiredError, CompletionInProgressError):
            if key is None:
                raise
            # A repeated request gets its first answer, whatever became of the session since; a new one is refused.
        else:
            await change(meant)
        return await self._checkouts.update(principal, checkout_id, event="checkout.calculated", key=key)

    async def _meant(self, principal: Principal, checkout_id: uuid.UUID, command: Command) -> Command:
        """The command about the cart of an open session."""
        session, basket = await self._checkouts.open_session(principal, checkout_id)
        if session.status in PAYING:
            # What is being paid is what was agreed to.
            raise in_progress()
        command = replace(command, channel=basket.channel)
        if basket.is_aside:
            return replace(command, beside_id=basket.id)
        return replace(command, cart_id=basket.id)
