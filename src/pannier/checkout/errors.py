"""What a checkout refuses.

PannierError
├── EmptyCartError                  nothing is selected to be ordered
├── CheckoutNotFoundError           no such session, or somebody else's
├── CheckoutExpiredError            its time is up
├── CheckoutNotReadyError           something is missing
├── StepMissingError                a step before it is missing
├── CompletionInProgressError       somebody is completing it right now
├── TotalChangedError               the total is not the one that was shown
├── PromotionChangedError           the promotions are not those that were shown
├── CustomerRequiredError           it is not known who orders
├── PaymentMethodUnavailableError   not a way to pay here
├── GiftCardRejectedError           a gift card that cannot pay
└── CheckoutClosedError             it was completed or canceled

ShippingNotAvailableError is pricing's.
"""

from __future__ import annotations

from collections.abc import Sequence

from pannier.cart import CouponRejectedError
from pannier.catalog import ProductUnavailableError
from pannier.checkout.models import Requirement
from pannier.inventory import InsufficientStockError
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.principal import LoginRequiredError
from pannier.pricing import ShippingNotAvailableError

__all__ = [
    "CheckoutClosedError",
    "CheckoutExpiredError",
    "CheckoutNotFoundError",
    "CheckoutNotReadyError",
    "CompletionInProgressError",
    "CustomerRequiredError",
    "EmptyCartError",
    "GiftCardRejectedError",
    "PaymentMethodUnavailableError",
    "PromotionChangedError",
    "ShippingNotAvailableError",
    "StepMissingError",
    "TotalChangedError",
    "in_progress",
    "refusal_of",
]


class EmptyCartError(PannierError):
    """The cart is empty, or no line of it is selected. Put something into it first."""

    kind = ErrorKind.conflict
    error = "EMPTY_CART"
    code = "CHK_001"
    title = "There is nothing to order"


class CheckoutNotFoundError(PannierError):
    """There is no checkout with this id among yours."""

    kind = ErrorKind.not_found
    error = "CHECKOUT_NOT_FOUND"
    code = "CHK_002"
    title = "There is no such checkout"


class CheckoutExpiredError(PannierError):
    """The checkout's time is up (`details.expired_at`). The cart is still there: begin a new checkout."""

    kind = ErrorKind.gone
    error = "CHECKOUT_EXPIRED"
    code = "CHK_003"
    title = "The checkout has expired"


class CheckoutNotReadyError(PannierError):
    """Something is missing: `details.requirements` has a `{field, error, message}` for each."""

    kind = ErrorKind.conflict
    error = "CHECKOUT_NOT_READY"
    code = "CHK_004"
    title = "The checkout is not complete yet"


class StepMissingError(PannierError):
    """The shop goes step by step, and `details.step_name` (address, shipping, payment) comes first."""

    kind = ErrorKind.conflict
    error = "STEP_MISSING"
    code = "CHK_012"
    title = "Another step comes first"


class CompletionInProgressError(PannierError):
    """Another request is completing this checkout, or paying this order. Ask what became of it in a second."""

    kind = ErrorKind.conflict
    error = "COMPLETION_IN_PROGRESS"
    code = "CHK_013"
    title = "Another request is at it"


class TotalChangedError(PannierError):
    """The total is not the one that was expected. `details` has `{expected, total, totals}`; show it and repeat."""

    kind = ErrorKind.conflict
    error = "TOTAL_CHANGED"
    code = "CHK_005"
    title = "The total has changed"


class PromotionChangedError(PannierError):
    """The promotions that apply are not those that were shown, though the total may be.

    `details` has `{before, promotions, total, totals, line_items}`; show them and repeat.
    """

    kind = ErrorKind.conflict
    error = "PROMOTION_CHANGED"
    code = "CHK_010"
    title = "The promotions have changed"


class CustomerRequiredError(PannierError):
    """It is not known who orders: give an e-mail address."""

    kind = ErrorKind.conflict
    error = "CUSTOMER_REQUIRED"
    code = "CHK_006"
    title = "Say who you are"


class PaymentMethodUnavailableError(PannierError):
    """The shop does not take this way of paying; `details.available` lists those it does."""

    kind = ErrorKind.conflict
    error = "PAYMENT_METHOD_UNAVAILABLE"
    code = "CHK_007"
    title = "That payment method is not offered"


class GiftCardRejectedError(PannierError):
    """A gift card that cannot pay. `details.reason`: `unknown`, `inactive`, `expired`, `empty`, `other_currency`."""

    kind = ErrorKind.conflict
    error = "GIFT_CARD_REJECTED"
    code = "CHK_011"
    title = "That gift card cannot be used"


class CheckoutClosedError(PannierError):
    """The checkout was completed or canceled (`details.status`) and no longer changes."""

    kind = ErrorKind.conflict
    error = "CHECKOUT_CLOSED"
    code = "CHK_009"
    title = "The checkout is closed"


_BY_ERROR: dict[str, type[PannierError]] = {
    "LOGIN_REQUIRED": LoginRequiredError,
    "EMPTY_CART": EmptyCartError,
    "PRODUCT_UNAVAILABLE": ProductUnavailableError,
    "INSUFFICIENT_STOCK": InsufficientStockError,
    "SHIPPING_NOT_AVAILABLE": ShippingNotAvailableError,
    "COUPON_REJECTED": CouponRejectedError,
    "PAYMENT_METHOD_UNAVAILABLE": PaymentMethodUnavailableError,
}


def in_progress() -> CompletionInProgressError:
    """Somebody else is completing the checkout."""
    return CompletionInProgressError(
        "Another request is completing this checkout. Ask for its status in a second.", headers={"Retry-After": "1"}
    )


def refusal_of(found: Sequence[Requirement]) -> PannierError:
    """The error for the first requirement; `details` has the first one's figures, and all requirements."""
    first = found[0]
    cls = _BY_ERROR.get(first.error)
    if cls is None:
        cls = CustomerRequiredError if len(found) == 1 and first.error == "CUSTOMER_REQUIRED" else CheckoutNotReadyError
    details = {
        **first.details,
        "requirements": [
            {"field": entry.field, "error": entry.error, "message": entry.message, **entry.details} for entry in found
        ],
    }
    return cls(first.message, field=first.field or None, details=details)
