"""What the services refuse, in the words of the cases."""

from __future__ import annotations

from typing import Any

from pannier.kernel.errors import PannierError
from tests.acceptance.world import World

_KINDS = {
    "BELOW_HELD": "below_held",
    "CART_CLOSED": "cart_closed",
    "CART_MERGE_DISABLED": "forbidden",
    "CART_NOT_FOUND": "forbidden",
    "CHECKOUT_CLOSED": "cart_closed",
    "COUPON_REJECTED": "coupon_rejected",
    "CURRENCY_MISMATCH": "currency_mismatch",
    "COMPLETION_IN_PROGRESS": "completion_in_progress",
    "CUSTOMER_REQUIRED": "validation_failed",
    "EMPTY_CART": "empty_cart",
    "FORBIDDEN": "forbidden",
    "INSUFFICIENT_ON_HAND": "insufficient_on_hand",
    "INSUFFICIENT_STOCK": "insufficient_stock",
    "INVALID_QUANTITY": "invalid_quantity",
    "INVALID_STOCK_QUANTITY": "invalid_quantity",
    "ITEM_NOT_FOUND": "line_not_found",
    "LIMIT_EXCEEDED": "quantity_limit",
    "LOGIN_REQUIRED": "login_required",
    "ORDER_CLOSED": "order_closed",
    "ORDER_QUANTITY": "invalid_quantity",
    "PAYMENT_FAILED": "payment_failed",
    "PAYMENT_METHOD_UNAVAILABLE": "payment_unavailable",
    "PRICE_CHANGED": "totals_changed",
    "PROMOTION_CHANGED": "promotion_changed",
    "PRODUCT_NOT_FOUND": "unknown_product",
    "PRODUCT_UNAVAILABLE": "product_unavailable",
    "SHIPPING_NOT_AVAILABLE": "shipping_not_available",
    "STEP_MISSING": "step_missing",
    "TOTAL_CHANGED": "totals_changed",
}


def entry_of(
    world: World, step: int, operation: str, refused: PannierError, *, is_foreign: bool = False
) -> dict[str, Any]:
    """An entry of `errors`. `is_foreign`: somebody else's cart was asked for.

    Raises LookupError for a refusal that cases have no word for.
    """
    error = refused.error
    if error == "CHECKOUT_NOT_READY":
        # Several things are missing: it is refused for the first.
        error = refused.details["requirements"][0]["error"]
    if error not in _KINDS:
        raise LookupError(f"step {step}: no kind for {error}: {refused.message}") from refused
    kind = _KINDS[error]
    if error == "CART_NOT_FOUND" and not is_foreign:
        # There is no cart, so there is no such line in it.
        kind = "line_not_found"
    if refused.error == "PRODUCT_UNAVAILABLE" and operation in ("add", "set_qty"):
        # A product that cannot be added does not exist for whoever asks.
        reason = refused.details.get("reason")
        kind = "no_price" if reason == "no_price" else "unknown_product"
    entry: dict[str, Any] = {"step": step, "kind": kind, "message": refused.message}
    details = dict(refused.details)
    items = details.get("items")
    if items:
        details |= items[0]
    if "variant_id" in details and world.names_of.name("product", details["variant_id"]) is not None:
        entry["product"] = world.name_of(details["variant_id"])
    for name in ("reason", "step_name"):
        if name in details and kind in ("coupon_rejected", "step_missing"):
            entry[name] = details[name]
    available = _available(operation, details)
    if kind in ("insufficient_stock", "insufficient_on_hand") and available is not None:
        entry["available"] = available
    return entry


def _available(operation: str, details: dict[str, Any]) -> Any:
    """`add` tells how many more fit, `set_qty` the largest quantity that fits, all others what there is."""
    return details.get({"add": "more", "set_qty": "fits"}.get(operation, "available"))
