"""Whoever stands behind a way to pay that the shop cannot reach any more: its keys are gone from the settings.

Payments made in that way may be anything by now. Nothing is booked of them until somebody can be asked again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import NoReturn

from pannier.payments.errors import WebhookRefusedError
from pannier.payments.models import Attempt, Notice, Report, Wish
from pannier.payments.ports import ProviderTroubleError


class AbsentProvider:
    """The `PaymentProvider` of a shop that has lost the keys to it: it knows nothing, and does nothing."""

    is_promise = False

    def __init__(self, code: str) -> None:
        self.code = code

    async def authorize(self, payment: Attempt, wish: Wish) -> Report:  # noqa: ARG002 # a port says what is asked of all
        self._say_nothing()

    async def capture(self, payment: Attempt) -> Report:  # noqa: ARG002 # the same
        self._say_nothing()

    async def void(self, payment: Attempt) -> Report:  # noqa: ARG002 # the same
        self._say_nothing()

    async def refund(self, payment: Attempt, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Report:  # noqa: ARG002 # the same
        self._say_nothing()

    async def look_up(self, payment: Attempt) -> Report | None:  # noqa: ARG002 # the same
        self._say_nothing()

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:  # noqa: ARG002 # nobody could sign it
        raise WebhookRefusedError(f"This shop knows no payment provider {self.code}.")

    async def close(self) -> None:
        """There is nothing to close."""

    def _say_nothing(self) -> NoReturn:
        raise ProviderTroubleError(f"there are no keys for {self.code}: set them again, also where it is not offered")
