"""What changes a cart's figures from its page: codes, where it goes, how it is shipped."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from pannier.cart import CartPricingService, Command, Outcome
from pannier.kernel.country_names import COUNTRY_NAMES
from pannier.kernel.errors import PannierError
from pannier.platform.idempotency import is_recorded
from pannier.storefront.cart_pages import CartFault, cart_page, once_settled
from pannier.storefront.forms import Form
from pannier.storefront.visit import Flash, Visit

CODE_LENGTH_MAX = 64
POSTAL_CODE_LENGTH_MAX = 20
_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_COUNTRIES = frozenset(code for code, _ in COUNTRY_NAMES)


async def back_to_cart(visit: Visit) -> Response:
    """Whoever reloads a page that a refused form made."""
    return visit.redirect("/cart")


async def enter_code(visit: Visit) -> Response:
    """Put a code on the cart; a refusal stands beside the field, with what was typed."""
    form = await visit.form()
    code = form.text("code")
    if not code:
        return await cart_page(visit, CartFault("code", "Enter a code.", form.fields), status=422)
    if len(code) > CODE_LENGTH_MAX or not _PLAIN.fullmatch(code):
        return await cart_page(visit, CartFault("code", "That is no code of ours.", form.fields), status=422)
    pricing = visit.service(CartPricingService)
    return await _changed(
        visit, form, "code", lambda: pricing.enter_coupon(_command(visit, form, "cart.coupon_entered"), code),
        f"The code {code} is on your cart.", "/cart#codes",
    )  # fmt: skip


async def remove_code(visit: Visit) -> Response:
    """Take a code off the cart."""
    form = await visit.form()
    code = form.text("code")[:CODE_LENGTH_MAX]
    pricing = visit.service(CartPricingService)
    return await _changed(
        visit, form, "code", lambda: pricing.remove_coupon(_command(visit, form, "cart.coupon_removed"), code),
        f"The code {code} is off your cart.", "/cart#codes",
    )  # fmt: skip


async def set_destination(visit: Visit) -> Response:
    """Say where the cart is to go, for an estimate."""
    form = await visit.form()
    country, postal_code = form.text("country"), form.text("postal_code")
    if country not in _COUNTRIES:
        return await cart_page(visit, CartFault("country", "Choose the country.", form.fields), status=422)
    if len(postal_code) > POSTAL_CODE_LENGTH_MAX or (postal_code and not _PLAIN.fullmatch(postal_code)):
        return await cart_page(visit, CartFault("postal_code", "Enter a postal code.", form.fields), status=422)
    destination = {"country": country} | ({"postal_code": postal_code} if postal_code else {})
    pricing = visit.service(CartPricingService)
    return await _changed(
        visit, form, "country", lambda: pricing.send_to(_command(visit, form, "cart.destination_set"), destination),
        "Shipping and tax are worked out for there.", "/cart#delivery",
    )  # fmt: skip


async def choose_method(visit: Visit) -> Response:
    """Choose how the cart is shipped."""
    form = await visit.form()
    method = form.text("shipping_method")[:100]
    if not method:
        fault = CartFault("shipping_method", "Choose how it is shipped.", form.fields)
        return await cart_page(visit, fault, status=422)
    pricing = visit.service(CartPricingService)
    return await _changed(
        visit, form, "shipping_method",
        lambda: pricing.ship_by(_command(visit, form, "cart.shipping_chosen"), method),
        "Your cart is up to date.", "/cart#delivery",
    )  # fmt: skip


async def _changed(
    visit: Visit, form: Form, field: str, change: Callable[[], Awaitable[Outcome]], done: str, place: str
) -> Response:
    """What is said beside the field: `done`, or why not."""
    try:
        outcome = await once_settled(change)
    except PannierError as refusal:
        if not is_recorded(refusal):
            raise
        text = refusal.message
        if field == "shipping_method":
            text = "It cannot be shipped that way any more. Choose another one."
        return await cart_page(visit, CartFault(field, text, form.fields), status=409)
    line = place.partition("#")[2]
    return visit.redirect(place, Flash("ok", done, line), token=outcome.token or visit.owner(form).token)


def _command(visit: Visit, form: Form, event: str) -> Command:
    key, principal = form.key("cart"), visit.principal
    return Command(
        owner=visit.owner(form),
        event=event,
        idempotency_key=key,
        request_hash=bytes.fromhex(form.digest) if key is not None else b"",
        actor=principal.user_id or principal.kind,
        device=principal.device,
        correlation_id=visit.request_id,
    )
