"""Payments as plain values. Amounts are minor units of the payment's currency."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

#: `promised`: money that comes later; `challenged`: the shopper has to do something at the provider's.
PaymentState = Literal["created", "challenged", "promised", "authorized", "captured", "declined", "voided", "refunded"]
RefundState = Literal["pending", "succeeded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt to be paid so much in one way. `id` is the key under which its provider does it once."""

    id: uuid.UUID
    checkout_id: uuid.UUID | None = None
    order_id: uuid.UUID | None = None
    #: The order that it is for, where that was there before it; `order_id` is set when it is booked.
    pays_order: uuid.UUID | None = None
    provider: str
    method: str
    amount_minor: int
    currency: str
    state: PaymentState = "created"
    reference: str | None = None
    #: Where the shopper has to go, while that is so.
    action_url: str | None = None
    version: int = 1
    entries: int = 0
    authorized_minor: int = 0
    captured_minor: int = 0
    refunding_minor: int = 0
    refunded_minor: int = 0
    #: Whether the completion of its checkout, or the paying of its order, stands on it.
    is_open: bool = False
    failure: Mapping[str, Any] | None = None
    held: list[tuple[uuid.UUID, int]] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    #: The key of the request that began it: digests in hex.
    idem_owner: str | None = None
    idem_key: str | None = None
    idem_hash: str | None = None
    due_at: datetime | None = None
    tries: int = 0
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @property
    def is_good(self) -> bool:
        """Whether all of it is authorised or captured, and nothing given back."""
        return self.state in {"authorized", "captured"} and self.authorized_minor == self.amount_minor

    @property
    def is_owed_back(self) -> bool:
        """Whether the provider holds money, or a promise of it, that no order stands for."""
        if self.is_open or self.order_id is not None:
            return False
        return self.state == "authorized" or self.captured_minor > self.refunding_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a provider says of a payment by now. Sums only grow, so a late or repeated report moves nothing twice.

    `refunded_minor` None: it keeps no sum, and gives back what it is told to.
    """

    state: PaymentState
    reference: str | None = None
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int | None = 0
    action_url: str | None = None
    #: Why it was declined, in the provider's word.
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a payment is to be made. `token` stands for a card or an account that the provider knows; None: its own page.

    `is_captured`: the money is taken at once, and not when there is an order.
    """

    token: str | None = None
    return_url: str | None = None
    is_captured: bool = False
    description: str = ""
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money to be given back. `id` is the key under which the provider does it once."""

    id: uuid.UUID
    attempt_id: uuid.UUID
    order_id: uuid.UUID | None
    amount_minor: int
    currency: str
    state: RefundState
    reason: str
    failure: str | None
    actor: str
    due_at: datetime | None
    tries: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that a provider told of, its signature checked. What it says of money is looked up, not believed.

    `refund_failure`: why a refund that it is about came to nothing, in the provider's word.
    """

    event_id: str
    type: str
    reference: str | None
    attempt_id: uuid.UUID | None
    refund_id: uuid.UUID | None = None
    refund_failure: str | None = None
