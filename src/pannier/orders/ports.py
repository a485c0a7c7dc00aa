"""What orders need of others: somebody who gives money back, and an order service that takes them over."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pannier.orders.models import Handover, Refund

if TYPE_CHECKING:
    from pannier.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a refund: given, refused for good (`reason` says why), or not known yet."""

    state: Literal["succeeded", "failed", "pending"]
    reason: str = ""


class Repayments(Protocol):
    """Gives money back. `refund.id` is the key under which it is given once, however often it is asked."""

    async def ask(self, connection: Connection, refund: Refund) -> Sequence[uuid.UUID]:
        """Note it in the transaction that asks for it, without the network; the ids of the payments' refunds."""
        ...

    async def give(self, refund: Refund) -> Given:
        """Give it, outside of any transaction, and say what became of it."""
        ...


class ByHand:
    """Somebody of the shop pays it out: what is asked for counts as given. For orders on invoice and cash."""

    async def ask(self, connection: Connection, refund: Refund) -> Sequence[uuid.UUID]:  # noqa: ARG002 # all are alike
        """There is nobody to be asked."""
        return ()

    async def give(self, refund: Refund) -> Given:  # noqa: ARG002 # all are alike
        """It is given when it is noted."""
        return Given("succeeded")


class HandoverTroubleError(Exception):
    """The order service gave no answer that can be used; it is told again. The text says why."""


class HandoverRefusedError(Exception):
    """The order service does not take it, now or later; the text says why."""


class OrderTaker(Protocol):
    """An outside order service. `handover.id` is the key under which it takes an event once, if told it often."""

    async def take(self, handover: Handover, order: Mapping[str, Any]) -> str | None:
        """Tell it of an event, with the order as it is by now; what it calls the order, where it says so.

        Outside of any transaction. Raises HandoverTroubleError, HandoverRefusedError.
        """
        ...

    async def close(self) -> None: ...
