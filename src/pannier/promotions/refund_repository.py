"""Giving back what gift cards, store credit and points paid of an order, whole or in part.

An order is told by its id, and its figures by who keeps it. Everything here runs in the caller's transaction:

    paid = await purse_payments(connection, order_id)                 # what could be given back, and how much is left
    given = await refund_to_purses(connection, PartialRefund(order_id, refund_id, 500, 500, 2000), cause, now)
    by_money = 500 - given.returned_minor                             # what is left for the payment provider

What was used last is given back first: points, then store credit, then gift cards. Whoever wants money given back
before them asks for less here.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from pannier.platform.records import Cause

if TYPE_CHECKING:
    from pannier.platform.database import Connection

PurseKind = Literal["gift_card", "store_credit", "points"]


@dataclass(frozen=True, slots=True)
class PartialRefund:
    """A refund of an order, by an id under which it counts once. Amounts are minor units of the order's currency.

    At most `at_most_minor` goes to purses, None being all they paid. With this refund `refunded_minor` of the order's
    `total_minor` are refunded, by whatever means: the same part of the points that it earned is taken back, rounded
    down, as far as they are still there.
    """

    order_id: uuid.UUID
    refund_id: uuid.UUID
    at_most_minor: int | None
    refunded_minor: int
    total_minor: int
    reason: str = "refund"


@dataclass(frozen=True, slots=True)
class PursePayment:
    """What a purse paid: `units` of minor units or points, each worth `unit_minor`, of which some were given back."""

    purse_id: uuid.UUID
    kind: PurseKind
    code_end: str | None
    units: int
    unit_minor: int
    units_returned: int

    @property
    def amount_minor(self) -> int:
        """What it paid."""
        return self.units * self.unit_minor

    @property
    def left_minor(self) -> int:
        """What can still be given back."""
        return (self.units - self.units_returned) * self.unit_minor


class ReturnedPart(msgspec.Struct, frozen=True):
    """What one purse was given back."""

    purse_id: uuid.UUID
    kind: PurseKind
    code_end: str | None
    units: int
    amount_minor: int


class PurseRefund(msgspec.Struct, frozen=True):
    """What a refund gave back to purses, in the order in which it did, and the earned points it took."""

    returned_minor: int
    points_taken: int
    parts: Sequence[ReturnedPart]


async def purse_payments(connection: Connection, order_id: uuid.UUID) -> list[PursePayment]:
    """What purses paid of an order, in the order in which they would be given it back."""
    rows = await connection.fetch(
        "select q.purse_id, p.kind::text as kind, p.code_end, q.units, q.unit_minor, q.units_returned"
        " from purse_payment q join purse p on p.id = q.purse_id where q.order_id = $1 order by q.place desc",
        order_id,
    )
    return [PursePayment(**row) for row in rows]


async def refund_to_purses(connection: Connection, refund: PartialRefund, cause: Cause, now: datetime) -> PurseRefund:
    """Give back what the refund says, as far as it was taken; a second time answers what the first did.

    Points are given back whole: where one is worth more than is left of the amount, that rest stays with the caller.
    """
    told: str = await connection.fetchval(
        "select purse_refund_part($1, $2, $3, $4, $5, $6, $7, $8, $9)::text",
        refund.order_id,
        refund.refund_id,
        refund.at_most_minor,
        refund.refunded_minor,
        refund.total_minor,
        refund.reason,
        cause.actor,
        cause.correlation_id,
        now,
    )
    return msgspec.json.decode(told, type=PurseRefund)
