"""What the shop believes of payments."""

from __future__ import annotations

from typing import Final

from pannier.kernel.errors import PannierError
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


def with_money_back(refusal: PannierError, attempt: Attempt) -> PannierError:
    """The refusal, with what becomes of the money."""
    how = "is given back" if attempt.captured_minor else "was not taken"
    details = {**refusal.details, "payment": "refunded" if attempt.captured_minor else "voided"}
    return type(refusal)(f"{refusal.message} Your payment {how}.", field=refusal.field, details=details)
