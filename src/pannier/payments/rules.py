"""What the shop believes of payments."""

from __future__ import annotations

from typing import Final

from pannier.payments.models import Attempt

#: Ways to pay that ask nobody.
PROMISES: Final = frozenset({"invoice", "cash_on_delivery", "bank_transfer", "pay_at_pickup"})


def is_decided(attempt: Attempt) -> bool:
    """Whether the provider has said what there is to say: paid, or not."""
    return attempt.state not in {"created", "challenged"}


def decline_of(attempt: Attempt) -> str:
    """The provider's word for why it did not work."""
    failure = attempt.failure or {}
    return str(failure.get("reason") or "declined")
