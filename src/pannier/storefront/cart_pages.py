"""The cart, and the forms that change it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
from starlette.responses import Response

from pannier.cart import (
    Cart,
    CartPricingService,
    CartService,
    Change,
    Command,
    IdempotencyInFlightError,
    Outcome,
    add,
)
from pannier.kernel.country_names import COUNTRY_NAMES
from pannier.kernel.errors import PannierError
from pannier.platform.idempotency import is_recorded
from pannier.pricebook import PriceHouse
from pannier.storefront import delivery
from pannier.storefront.forms import Form, local_path
from pannier.storefront.visit import Flash, Visit

T = TypeVar("T")

# What a button does with a line: the event, the change, and what the shopper is told.
_MOVES: dict[str, tuple[str, Literal["save", "restore"], str]] = {
    "save": ("cart.item_saved", "save", "Saved for later. It is no longer reserved for you."),
    "restore": ("cart.item_restored", "restore", "Back in your cart."),
}
#: What is near enough to be told, and how much of it.
_NEAR = frozenset({"FREE_DELIVERY_NEAR", "PROMOTION_NEAR"})
_HINTS_MAX = 2
_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, slots=True)
class CartFault:
    """What is wrong with a form of the cart page, beside which field, and what was written into it."""

    field: str
    message: str
    values: Mapping[str, str]


async def show_cart(visit: Visit) -> Response:
    """What is in the cart, with what stands against ordering it."""
    return await cart_page(visit)


async def cart_page(visit: Visit, fault: CartFault | None = None, *, status: int = 200) -> Response:
    """The page of the cart; with a fault of one of its forms as that was sent."""
    carts = visit.service(CartService)
    cart = await carts.get(visit.owner(), explains=not visit.service(PriceHouse).newest.is_plain)
    found = await carts.validate(visit.owner()) if cart.items and visit.settings.enable_cart_validation else None
    blocked = any(
        {"unavailable", "insufficient_stock"} & set(item.availability.flags) for item in cart.items if item.selected
    )
    return await visit.page(
        "cart.html",
        status=status,
        cart=cart,
        cart_count=cart.total_quantity,
        is_blocked=blocked,
        consent=found.consent_token if found is not None else None,
        asks_for_prices=found is not None and any(finding.code == "PRICE_CHANGED" for finding in found.findings),
        note_max=visit.settings.cart_note_max_chars,
        quantity_max=visit.settings.cart_max_quantity_per_item or 999_999,
        fault=fault,
        **await _figures(visit, cart, fault),
    )


async def _figures(visit: Visit, cart: Cart, fault: CartFault | None) -> dict[str, Any]:
    """What the page shows of promotions, codes and shipping."""
    has_methods = delivery.has_methods(visit)
    options = []
    if has_methods and cart.items:
        options = (await visit.service(CartPricingService).shipping_options(visit.owner(), None)).options
    methods = delivery.of_cart(visit, options)
    hints = [] if cart.explanation is msgspec.UNSET else [h.text for h in cart.explanation.hints if h.code in _NEAR]
    destination = cart.destination or {}
    written = {} if fault is None else fault.values
    return {
        "names": {promotion.id: promotion.name for promotion in cart.promotions},
        "hints": hints[:_HINTS_MAX],
        "idle_codes": {(m.details or {}).get("code") for m in cart.messages if m.code == "COUPON_GIVES_NOTHING"},
        "takes_codes": bool(cart.coupons) or delivery.takes_codes(visit),
        "has_methods": bool(options),
        "methods": methods,
        # Where there is one to be chosen it is no answer to say that it costs nothing.
        "shipping_text": None if not options or any(one.is_selected for one in methods) else "Chosen at checkout",
        "countries": COUNTRY_NAMES,
        "country": written.get("country", destination.get("country", "")),
        "postal_code": written.get("postal_code", destination.get("postal_code", "")),
    }


async def add_item(visit: Visit) -> Response:
    """Add units of a variant, then back to the page it was asked for on."""
    form = await visit.form()
    back = local_path(form.text("back"))
    variant_id = form.identity("variant_id")
    quantity = form.number("quantity") if form.text("quantity") else 1
    if variant_id is None:
        return visit.redirect(back, Flash("bad", "Choose one of the options first."))
    if not quantity:
        return visit.redirect(back, Flash("bad", "Say how many: a whole number from 1."))
    try:
        outcome = await apply(visit, form, "cart.item_added", [add(variant_id, quantity)])
    except PannierError as refusal:
        return visit.redirect(back, refused(refusal))
    name = next((item.name for item in outcome.cart.items if item.variant_id == str(variant_id)), "It")
    text = f"{name} is in your cart." if quantity == 1 else f"{quantity} × {name} are in your cart."
    return visit.redirect(back, Flash("ok", text), token=outcome.token or visit.owner(form).token)


async def change_line(visit: Visit) -> Response:
    """Set quantity and note of a line, or remove it."""
    form = await visit.form()
    line_id = visit.request.path_params["line_id"]
    line = Form({"id": line_id}, "").identity("id")
    if line is None:
        return visit.redirect("/cart", Flash("bad", "That item is not in the cart."))
    place, is_removal = f"/cart#line-{line}", False
    quantity, note = form.number("quantity"), form.text("note")
    if form.text("do") in _MOVES:
        event, op, done = _MOVES[form.text("do")]
        change = Change(op=op, line_id=line)
        place = "/cart"
    elif form.text("do") == "remove" or quantity == 0:
        event, change = "cart.item_removed", Change(op="remove", line_id=line)
        place, done, is_removal = "/cart", "Removed from your cart.", True
    elif quantity is None:
        return visit.redirect(place, Flash("bad", "Say how many: a whole number.", str(line)))
    elif len(note) > visit.settings.cart_note_max_chars:
        text = f"The note may have {visit.settings.cart_note_max_chars} characters at most."
        return visit.redirect(place, Flash("bad", text, str(line)))
    else:
        extra = {"note": note or None}
        event, change = "cart.item_changed", Change(op="set", line_id=line, quantity=quantity, extra=extra)
        done = "Your cart is up to date."
    try:
        outcome = await apply(visit, form, event, [change])
    except PannierError as refusal:
        return visit.redirect(place, refused(refusal, str(line)))
    undo = f"cart:{line}:{outcome.cart.version}" if is_removal else ""
    return visit.redirect(place, Flash("ok", done, undo=undo), token=outcome.token or visit.owner(form).token)


async def select_lines(visit: Visit) -> Response:
    """Order only the lines that are ticked; the others stay in the cart."""
    form = await visit.form()
    boxes = [name.removeprefix("line-") for name in form.fields if name.startswith("line-")]
    named = [Form({"id": box}, "").identity("id") for box in boxes]
    lines = [line for line in named if line is not None]
    change = Change(op="select", select="only", line_ids=lines)
    try:
        await apply(visit, form, "cart.selection_changed", [change])
    except PannierError as refusal:
        return visit.redirect("/cart", refused(refusal))
    return visit.redirect("/cart", Flash("ok", f"{len(lines)} selected to be ordered."))


async def accept_changes(visit: Visit) -> Response:
    """Agree to what the cart page showed; what has changed again since is shown first."""
    form = await visit.form()
    principal = visit.principal
    command = Command(
        visit.owner(form),
        "cart.changes_accepted",
        actor=principal.user_id or principal.kind,
        device=principal.device,
        correlation_id=visit.request_id,
    )
    try:
        await visit.service(CartService).accept_changes(command, form.text("consent_token"))
    except PannierError as refusal:
        return visit.redirect("/cart", refused(refusal))
    return visit.redirect("/cart", Flash("ok", "Your cart is up to date."))


async def once_settled(attempt: Callable[[], Awaitable[T]]) -> T:
    """The outcome of a request whose twin is still under way: the second click of a double click waits for the first.

    Raises IdempotencyInFlightError when the first one takes longer than a shopper would wait.
    """
    for wait_s in _WAITS_S:
        try:
            return await attempt()
        except IdempotencyInFlightError:
            await asyncio.sleep(wait_s)
    return await attempt()


async def apply(visit: Visit, form: Form, event: str, changes: Sequence[Change]) -> Outcome:
    key, principal = form.key("cart"), visit.principal
    command = Command(
        owner=visit.owner(form),
        event=event,
        changes=changes,
        idempotency_key=key,
        request_hash=bytes.fromhex(form.digest) if key is not None else b"",
        actor=principal.user_id or principal.kind,
        device=principal.device,
        correlation_id=visit.request_id,
    )
    return await once_settled(lambda: visit.service(CartService).apply(command))


def refused(refusal: PannierError, line: str = "") -> Flash:
    """What the shopper is told; what is wrong with the shop itself goes on, and becomes a page of its own."""
    if not is_recorded(refusal):
        raise refusal
    return Flash("bad", refusal.message, line)
