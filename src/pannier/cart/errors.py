"""What the cart refuses.

PannierError
├── InvalidQuantityError        not a number of units one can put into a cart
├── LimitExceededError          more than the shop lets one line or one cart hold
├── CartVersionMismatchError    the cart is no longer what If-Match named
├── CartNotFoundError           there is no cart yet
├── CartClosedError             the cart has become an order
├── ItemNotFoundError           the line is not in the cart
├── CurrencyMismatchError       it has no price in the cart's currency
├── CartMergeDisabledError      this shop does not merge carts
├── MergeNotFoundError          there is no merge of yours to undo
├── MergeClosedError            the merge can no longer be undone
├── HistoryNotKeptError         what the cart was then is not known
├── CouponRejectedError         the code cannot be put on the cart, or is not on it
├── StatementNotGenuineError    a statement of prices that the shop never made
├── ExchangeRateMissingError    figures cannot be shown in that currency
├── PriceChangedError           something costs something else than was shown, and nobody has agreed to it
├── ChangesNotShownError        what was agreed to is not what is
├── FeatureDisabledError        the shop has switched this off
├── ShareNotFoundError          the link to a shared cart is not good
├── ShareReadOnlyError          the link shows the cart and changes nothing
├── IdempotencyConflictError    the key was used for another request
└── IdempotencyInFlightError    the first request with this key is still under way

ProductNotFoundError and ProductUnavailableError are the catalogue's, InsufficientStockError is the stock's,
ShippingNotAvailableError is pricing's.
"""

from __future__ import annotations

from pannier.catalog import ProductNotFoundError, ProductUnavailableError
from pannier.inventory import InsufficientStockError
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError
from pannier.pricing import COUPON_TEXTS, ShippingNotAvailableError


class InvalidQuantityError(PannierError):
    """A quantity is a whole number from 1 to 1,000,000; setting a line to 0 removes it."""

    kind = ErrorKind.invalid
    error = "INVALID_QUANTITY"
    code = "CART_001"
    title = "The quantity is not valid"


class LimitExceededError(PannierError):
    """More than the shop allows. `details` has `{limit, maximum, requested, allowed}`; set at most `allowed`."""

    kind = ErrorKind.conflict
    error = "LIMIT_EXCEEDED"
    code = "CART_002"
    title = "That is more than one cart may hold"


class CartVersionMismatchError(PannierError):
    """The cart has changed since the version in If-Match. The answer has the current cart; look, then repeat."""

    kind = ErrorKind.precondition_failed
    error = "CART_VERSION_MISMATCH"
    code = "CART_003"
    title = "The cart has changed meanwhile"


class CartNotFoundError(PannierError):
    """There is no open cart. One is made by the first item that is added."""

    kind = ErrorKind.not_found
    error = "CART_NOT_FOUND"
    code = "CART_004"
    title = "There is no cart"


class CartClosedError(PannierError):
    """This cart has become an order and no longer changes. Add an item to begin a new one."""

    kind = ErrorKind.gone
    error = "CART_CLOSED"
    code = "CART_005"
    title = "The cart is closed"


class ItemNotFoundError(PannierError):
    """The cart has no such line; it may have been removed on another device. The answer has the current cart."""

    kind = ErrorKind.not_found
    error = "ITEM_NOT_FOUND"
    code = "CART_006"
    title = "That item is not in the cart"


class CouponRejectedError(PannierError):
    """The code cannot be put on this cart, or is not there to be taken off; the cart is as it was.

    `details.reason`: `unknown`, `already_applied`, `inactive`, `not_started`, `expired`, `usage_limit`,
    `customer_limit`, `not_applicable` (its conditions do not hold) or `not_present`; the first that fits is told.
    """

    kind = ErrorKind.conflict
    error = "COUPON_REJECTED"
    code = "CART_030"
    title = "The code was not accepted"


class StatementNotGenuineError(PannierError):
    """The shop never made this statement of prices, or it was changed since."""

    kind = ErrorKind.unprocessable
    error = "STATEMENT_NOT_GENUINE"
    code = "CART_031"
    title = "That statement is not the shop's"


class PriceChangedError(PannierError):
    """A unit costs something else than when it was added, and the shopper has not agreed to it yet.

    `details` has `{consent_token, findings}`. Show them, then accept them at `/cart/accept-changes`, or repeat the
    request with the token as `consent_token`.
    """

    kind = ErrorKind.conflict
    error = "PRICE_CHANGED"
    code = "CART_008"
    title = "A price has changed"


class ChangesNotShownError(PannierError):
    """What was agreed to is not what there is now. `details.validation` has it as `/cart/validate` shows it."""

    kind = ErrorKind.conflict
    error = "CHANGES_NOT_SHOWN"
    code = "CART_009"
    title = "That is not what was shown"


class FeatureDisabledError(PannierError):
    """The shop has switched this off; `details.setting` names the setting."""

    kind = ErrorKind.not_found
    error = "FEATURE_DISABLED"
    code = "CART_010"
    title = "This shop does not offer that"


class CurrencyMismatchError(PannierError):
    """It has no price in the cart's currency (`details.currency`), or the cart is in another than `requested`."""

    kind = ErrorKind.conflict
    error = "CURRENCY_MISMATCH"
    code = "CART_007"
    title = "No price in the cart's currency"


class CartMergeDisabledError(PannierError):
    """This shop leaves the carts of guests and users apart: PANNIER_ENABLE_CART_MERGE is false. Nothing changed."""

    kind = ErrorKind.forbidden
    error = "CART_MERGE_DISABLED"
    code = "CART_020"
    title = "Carts are not merged here"


class MergeNotFoundError(PannierError):
    """There is no merge of yours that could be undone."""

    kind = ErrorKind.not_found
    error = "MERGE_NOT_FOUND"
    code = "CART_021"
    title = "There is no such merge"


class MergeClosedError(PannierError):
    """The merge can no longer be undone. `details.reason` is `undone`, `too_old` or `cart_closed`."""

    kind = ErrorKind.conflict
    error = "MERGE_CLOSED"
    code = "CART_022"
    title = "The merge can no longer be undone"


class ExchangeRateMissingError(PannierError):
    """There is no exchange rate to that currency that is new enough. Show the figures as they are."""

    kind = ErrorKind.conflict
    error = "EXCHANGE_RATE_MISSING"
    code = "CART_032"
    title = "No exchange rate"


class HistoryNotKeptError(PannierError):
    """The cart had no such version, or its history begins later. `GET /cart/history` lists what there is."""

    kind = ErrorKind.not_found
    error = "HISTORY_NOT_KEPT"
    code = "CART_023"
    title = "That version of the cart is not known"


class ShareNotFoundError(PannierError):
    """The link was never good, was revoked, ran out, or the cart is closed. Ask whoever shared it for a new one."""

    kind = ErrorKind.not_found
    error = "SHARE_NOT_FOUND"
    code = "CART_024"
    title = "There is no such shared cart"


class ShareReadOnlyError(PannierError):
    """This link shows the cart but does not let you change it. Copy it into a cart of your own."""

    kind = ErrorKind.forbidden
    error = "SHARE_READ_ONLY"
    code = "CART_025"
    title = "This shared cart can only be looked at"


REFUSALS: dict[str, tuple[type[PannierError], str, str | None]] = {
    # Outcome of the SQL functions: its class, what the shopper is told, the field at fault.
    "COUPON_REJECTED": (CouponRejectedError, "The code was not accepted.", "code"),
    "SHIPPING_NOT_AVAILABLE": (
        ShippingNotAvailableError,
        "This cart cannot be shipped by {method}; see /cart/shipping-options.",
        "method",
    ),
    "INSUFFICIENT_STOCK": (
        InsufficientStockError,
        "There are not that many. The cart is unchanged.",
        "quantity",
    ),
    "INVALID_QUANTITY": (
        InvalidQuantityError,
        "A quantity is a whole number from {minimum} to {maximum}, not {requested}.",
        "quantity",
    ),
    "LIMIT_EXCEEDED": (
        LimitExceededError,
        "At most {allowed} possible here ({limit} is limited to {maximum}): the cart is unchanged.",
        "quantity",
    ),
    "CART_VERSION_MISMATCH": (
        CartVersionMismatchError,
        "The cart is at version {actual}, not {expected}. Look at it and repeat the change.",
        "If-Match",
    ),
    "CART_NOT_FOUND": (CartNotFoundError, "There is no cart yet. Add an item to begin one.", None),
    "CART_CLOSED": (CartClosedError, "This cart has become an order. Add an item to begin a new cart.", None),
    "ITEM_NOT_FOUND": (ItemNotFoundError, "That item is not, or no longer, in the cart.", "id"),
    "PRODUCT_NOT_FOUND": (ProductNotFoundError, "There is no product variant with this id.", "variant_id"),
    "PRODUCT_UNAVAILABLE": (
        ProductUnavailableError,
        "This product is not for sale at the moment.",
        "variant_id",
    ),
    "CURRENCY_MISMATCH": (
        CurrencyMismatchError,
        "This product has no price in {currency}, the currency of the cart.",
        "variant_id",
    ),
    "CHANGES_NOT_SHOWN": (
        ChangesNotShownError,
        "Something has changed again since it was shown. Look at it, and accept what there is now.",
        "consent_token",
    ),
    "IDEMPOTENCY_CONFLICT": (
        IdempotencyConflictError,
        "This Idempotency-Key was used for a different request. Use a new key for every new request.",
        "Idempotency-Key",
    ),
    "IDEMPOTENCY_IN_FLIGHT": (
        IdempotencyInFlightError,
        "The first request with this Idempotency-Key is still under way. Repeat it in a second.",
        "Idempotency-Key",
    ),
}


def shortage(available: int, more: int) -> str:
    """What can still be had of a variant: `available` units in the whole cart, `more` beside those that are in it."""
    if available <= 0:
        return "Sold out."
    if more <= 0:
        have = "The last one is" if available == 1 else f"All {available} available are"
        return f"{have} in the cart already."
    if more < available:
        return f"Only {available} available, {available - more} of them in the cart already: add at most {more} more."
    return f"Only {available} available: take {available}{' or fewer' if available > 1 else ''}."


def refusal(outcome: str, details: dict[str, object] | None, cart: object = None) -> PannierError:
    """The error that an outcome of `cart_apply` stands for."""
    cls, message, field = REFUSALS[outcome]
    if cls is CouponRejectedError and details:
        message = COUPON_TEXTS[str(details["reason"])]
    if outcome == "INSUFFICIENT_STOCK" and details:
        available = int(str(details["available"]))
        message = f"{shortage(available, int(str(details.get('more', available))))} The cart is unchanged."
    text = message.format_map(details or {}) if details else message.split("{")[0]
    headers = {"Retry-After": "1"} if cls is IdempotencyInFlightError else None
    return cls(text, field=field, details=details, cart=cart, headers=headers)
