"""What payments need of others.

Each call goes over the network or behaves as if it did: it is made outside of any transaction, may be repeated, and
answers what is so by now. An adapter that does not know raises ProviderTroubleError: then it is looked up.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Protocol

from pannier.payments.models import Attempt, Notice, Report, Wish


class ProviderTroubleError(Exception):
    """There is no answer that can be used, and what was asked may have been done or not; the text says why."""


class ProviderRefusedError(Exception):
    """The provider will not do it, now or later; the text says why."""


class PaymentProvider(Protocol):
    """Who moves the money. `is_promise`: nobody is asked, and the money comes after the order."""

    @property
    def code(self) -> str: ...

    @property
    def is_promise(self) -> bool: ...

    async def authorize(self, payment: Attempt, wish: Wish) -> Report:
        """Be paid, once for `payment.id` however often it is asked."""
        ...

    async def capture(self, payment: Attempt) -> Report:
        """Take the money that is authorised."""
        ...

    async def void(self, payment: Attempt) -> Report:
        """Let go of what is authorised, or was never paid; what is captured stays so, and is reported. What can be
        stopped no more and is not decided yet is reported as `challenged`."""
        ...

    async def refund(self, payment: Attempt, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Report:
        """Give money back, once for `refund_id`; `payment.tries` is how often that was asked before.

        Raises ProviderRefusedError, and ProviderTroubleError as long as it is made and not decided.
        """
        ...

    async def look_up(self, payment: Attempt) -> Report | None:
        """What became of it; None when the provider has never heard of it."""
        ...

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """The event of a webhook. Raises WebhookRefusedError for a signature that is not good."""
        ...

    async def close(self) -> None: ...
