"""Invoice and cash on delivery: nobody is asked, and staff note when the money is there."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from pannier.payments.errors import WebhookRefusedError
from pannier.payments.models import Attempt, Notice, Report, Wish


class PromiseProvider:
    """Money that comes later. What is so by now is what the attempt says: there is nobody else to know."""

    is_promise = True

    def __init__(self, code: str) -> None:
        self.code = code

    async def authorize(self, payment: Attempt, wish: Wish) -> Report:  # noqa: ARG002 # a port says what is asked of all
        return _as_it_is(payment) if payment.authorized_minor else Report(state="promised")

    async def capture(self, payment: Attempt) -> Report:
        refunded, amount = payment.refunded_minor, payment.amount_minor
        return Report(state="captured", authorized_minor=amount, captured_minor=amount, refunded_minor=refunded)

    async def void(self, payment: Attempt) -> Report:
        return _as_it_is(payment) if payment.captured_minor else Report(state="voided")

    async def refund(
        self,
        payment: Attempt,
        refund_id: uuid.UUID,  # noqa: ARG002 # the refund itself is what is repeated or not
        amount_minor: int,  # noqa: ARG002 # the same
        reason: str,  # noqa: ARG002 # the same
    ) -> Report:
        captured = payment.captured_minor
        return Report(state="captured", authorized_minor=captured, captured_minor=captured, refunded_minor=None)

    async def look_up(self, payment: Attempt) -> Report | None:
        return _as_it_is(payment)

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:  # noqa: ARG002 # it has none
        raise WebhookRefusedError(f"{self.code} sends no webhooks.")

    async def close(self) -> None:
        """There is nothing to close."""


def _as_it_is(payment: Attempt) -> Report:
    return Report(
        state=payment.state,
        authorized_minor=payment.authorized_minor,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
    )
