"""What the shop believes of payments."""

from __future__ import annotations

from typing import Final

from pannier.payments.models import Attempt, PaymentState

#: Ways to pay that ask nobody.
PROMISES: Final = frozenset({"invoice", "cash_on_delivery", "bank_transfer", "pay_at_pickup"})
#: The provider has not said yet whether it is paid: the shopper, or a bank that takes its time, has to do something.
UNDECIDED: Final[frozenset[PaymentState]] = frozenset({"created", "challenged"})


def is_decided(attempt: Attempt) -> bool:
    """Whether the provider has said what there is to say: paid, or not."""
    return attempt.state not in UNDECIDED


def decline_of(attempt: Attempt) -> str:
    """The provider's word for why it did not work."""
    failure = attempt.failure or {}
    return str(failure.get("reason") or "declined")
