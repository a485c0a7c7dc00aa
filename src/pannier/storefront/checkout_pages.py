"""From cart to order: one form, sent as often as it takes, that places one order."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from pannier.cart import CartPricingService, CartService, Command
from pannier.checkout import CheckoutPatch, CheckoutService, DueService
from pannier.kernel.country_names import COUNTRY_NAMES
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.orders import OrderService, is_cancelable, show, show_aftermath
from pannier.payments import ProviderUnavailableError
from pannier.platform.idempotency import is_recorded, key_of
from pannier.storefront import delivery
from pannier.storefront.cart_pages import once_settled
from pannier.storefront.checkout_form import ADDRESS_FIELDS, Fault, faults_of, has_address, patch_of, values_of
from pannier.storefront.delivery import Method
from pannier.storefront.forms import Form
from pannier.storefront.payment_pages import lead_to_payment
from pannier.storefront.texts import money
from pannier.storefront.visit import Flash, Visit


@dataclass
class _Shown:
    """What a checkout page shows of a form that was sent: its values again, and what is wrong with them."""

    values: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    #: Nothing is wrong with it, and only the total is not the one he saw.
    is_asked_again: bool = False


async def enter(visit: Visit) -> Response:
    """A checkout begins from the cart."""
    return visit.redirect("/cart")


async def begin(visit: Visit) -> Response:
    """Begin a checkout over the cart, or take up the one that is open."""
    form = await visit.form()
    key = key_of(visit.principal, form.key("begin"), method="POST", target="/checkout")
    checkouts = visit.service(CheckoutService)
    try:
        session = await once_settled(lambda: checkouts.create_checkout(visit.principal, key=key))
    except PannierError as refusal:
        if not is_recorded(refusal):
            raise
        return visit.redirect("/cart", Flash("bad", refusal.message))
    if session.order_number is None:
        await delivery.settle(visit, form, session.id, session.document["shipping_method"], again=False)
    return visit.redirect(f"/checkout/{session.id}")


async def show_checkout(visit: Visit) -> Response:
    """Contact, address, payment and the summary of what is ordered."""
    return await _checkout_page(visit, visit.request.path_params["checkout_id"])


async def send_checkout(visit: Visit) -> Response:
    """Take the form and place the order; or show it again with what is missing, and everything that was written.

    Its other buttons keep what was written and show the page with the figures of that.
    """
    form = await visit.form()
    checkout_id: uuid.UUID = visit.request.path_params["checkout_id"]
    document = await _document(visit, checkout_id)
    if document is None or document["order"] is not None:
        return await _checkout_page(visit, checkout_id)
    shown, is_order = _Shown(values_of(form)), form.text("do") in {"", "order"}
    needs_address = _needs_address(visit, document) and (is_order or has_address(form))
    patch, shown.faults = patch_of(form, needs_email=is_order and _needs_email(visit), needs_address=needs_address)
    if patch is None:
        return await _checkout_page(visit, checkout_id, shown, status=422)
    settled = None
    try:
        await _tell(visit, form, document, patch)
        settled = await _settle(visit, form, document)
        if not is_order:
            place = f"/checkout/{checkout_id}{await _done(visit, form, document)}"
            return visit.redirect(place, _replaced(settled, document["shipping_method"]))
        total = form.number("expected_total")
        checkouts = visit.service(CheckoutService)
        done = await once_settled(
            lambda: checkouts.complete(
                visit.principal, checkout_id, expected_total=total, idempotency_key=form.key("order")
            )
        )
    except ProviderUnavailableError as trouble:
        return visit.redirect(f"/checkout/{checkout_id}", Flash("bad", trouble.message))
    except PannierError as refusal:
        if not is_recorded(refusal):
            raise
        shown.is_asked_again = refusal.error in {"TOTAL_CHANGED", "PROMOTION_CHANGED"}
        shown.faults = _with_delivery(refusal, settled) if settled is not None else faults_of(refusal)
        if settled is not None:
            shown.values["shipping_method"] = settled.id
        return await _checkout_page(visit, checkout_id, shown, status=409)
    if done.order_number is None:
        return await lead_to_payment(visit, done.document)
    return visit.redirect(f"/orders/{done.order_number}")


async def _tell(visit: Visit, form: Form, document: dict[str, Any], patch: CheckoutPatch) -> None:
    """Keep what was written: the address before the way of shipping, which may be there only for it."""
    checkouts, principal, checkout_id = visit.service(CheckoutService), visit.principal, uuid.UUID(document["id"])
    steps = [("tell", patch, False)]
    method, code = form.text("shipping_method")[:100], form.text("gift_card")[:200]
    if method and method != document["shipping_method"]:
        steps.append(("ship", CheckoutPatch(shipping_method=method), False))
    if code:
        steps.append(("card", CheckoutPatch(gift_cards=[code]), True))
    for step, told, adds in steps:
        key = key_of(principal, form.key(step), method="POST", target=visit.path, body=form.digest.encode())
        await once_settled(
            functools.partial(checkouts.update, principal, checkout_id, told, key=key, adds_gift_cards=adds)
        )


async def _settle(visit: Visit, form: Form, document: dict[str, Any]) -> Method | None:
    """What is chosen for the shopper, once the address is told: where the way he knew does not lead there, or where
    nobody knew where to when it was chosen, and he left it at that."""
    before, wanted = document["shipping_method"], form.text("shipping_method")[:100]
    is_left = form.text("is_estimate") == "1" and wanted == (before or "")
    return await delivery.settle(visit, form, uuid.UUID(document["id"]), wanted or before, again=is_left)


def _replaced(settled: Method | None, before: str | None) -> Flash | None:
    """What is said when something was chosen in place of what the shopper had chosen himself."""
    if settled is None or before is None:
        return None
    return Flash("bad", f"For that address delivery is {settled.name} now.")


def _with_delivery(refusal: PannierError, settled: Method) -> list[Fault]:
    """What is said when an order has to be looked at once more, because only now it is known how it is shipped."""
    if refusal.error != "TOTAL_CHANGED":
        return faults_of(refusal)
    total = refusal.details["total"]
    price = money(settled.amount_minor, settled.currency) if settled.amount_minor else "free"
    text = f"Delivery is {settled.name}, {price}: the total is {money(total['amount'], total['currency'])}."
    return [Fault("shipping_method", f"{text} Look at it, then place the order.")]


async def _done(visit: Visit, form: Form, document: dict[str, Any]) -> str:
    """Carry out what the button is for beside keeping; where on the page its place is."""
    wanted, _, name = form.text("do").partition(":")
    if wanted == "drop":
        card = Form({"id": name}, "").identity("id")
        if card is not None:
            await visit.service(CheckoutService).take_off_gift_card(visit.principal, uuid.UUID(document["id"]), card)
        return "#gift_cards"
    if wanted == "uncode":
        principal = visit.principal
        command = Command(
            visit.owner(form),
            "cart.coupon_removed",
            actor=principal.user_id or principal.kind,
            device=principal.device,
            correlation_id=visit.request_id,
        )
        await visit.service(CartPricingService).remove_coupon(command, name[:64])
        return "#coupons"
    return "#gift_cards" if wanted == "gift_card" else "#shipping_method"


async def show_order(visit: Visit) -> Response:
    """The confirmation: what was ordered, where it goes, and what happens next."""
    number = visit.request.path_params["number"].replace("\0", "")
    placed, after = await visit.service(OrderService).aftermath(visit.principal, number)
    order = show(placed)
    return await visit.page(
        "order.html",
        order=_plain(order),
        names={promotion["id"]: promotion["name"] for promotion in order["promotions"]},
        countries=dict(COUNTRY_NAMES),
        shipped_by=delivery.of_order(visit, placed.shipping_method, placed.placed_at),
        after=_plain(show_aftermath(placed, after)),
        returnable={str(line.id): line.quantity_returnable for line in placed.lines if line.quantity_returnable},
        due=_plain(await visit.service(DueService).offer(visit.principal, number)),
        is_cancelable=is_cancelable(placed, visit.settings.hold_at, visit.settings.commit_at),
    )


async def _document(visit: Visit, checkout_id: uuid.UUID) -> dict[str, Any] | None:
    """The checkout as it is now; None when its time is up."""
    try:
        return _plain(await visit.service(CheckoutService).get(visit.principal, checkout_id))
    except PannierError as refusal:
        if refusal.kind is not ErrorKind.gone:
            raise
        return None


async def _checkout_page(
    visit: Visit, checkout_id: uuid.UUID, shown: _Shown | None = None, *, status: int = 200
) -> Response:
    document = await _document(visit, checkout_id)
    if document is None:
        text = "That checkout took too long and was closed. Your cart is still here: check out again."
        return visit.redirect("/cart", Flash("bad", text))
    if document["order"] is not None:
        return visit.redirect(f"/orders/{document['order']['number']}")
    if document["status"] == "canceled" or not document["line_items"]:
        return visit.redirect("/cart")
    cart = await visit.service(CartService).get(visit.owner())
    shown = shown or _Shown(_stored(document, visit.settings.payment_methods, cart.destination or {}))
    return await visit.page(
        "checkout.html",
        status=status,
        cart_count=cart.total_quantity,
        checkout=document,
        needs_email=_needs_email(visit),
        needs_address=_needs_address(visit, document),
        values=shown.values,
        faults=shown.faults,
        is_asked_again=shown.is_asked_again,
        fault_of={fault.field: fault.message for fault in reversed(shown.faults)},
        address_fields=ADDRESS_FIELDS,
        countries=COUNTRY_NAMES,
        payments=visit.settings.payment_methods,
        payment_needed=document["amount_due"]["amount"] > 0,
        payment_link=next((link["href"] for link in document["links"] if link["rel"] == "payment"), None),
        failed=_failed(document),
        is_changed=any(message["code"] == "TOTAL_CHANGED" for message in document["messages"]),
        names={promotion["id"]: promotion["name"] for promotion in document["promotions"]},
        purses=await visit.service(CheckoutService).purses(visit.principal),
        **await _shipping(visit, document, is_known=bool(document["shipping_address"] or cart.destination)),
    )


async def _shipping(visit: Visit, document: dict[str, Any], *, is_known: bool) -> dict[str, Any]:
    """The ways of shipping, once it is known where to."""
    methods = await delivery.methods_of(visit, uuid.UUID(document["id"]))
    is_open = "shipping_method" in {entry["field"] for entry in document["requirements"]}
    needs_method = bool(methods) or is_open
    return {
        "needs_method": needs_method,
        "is_destination_known": is_known,
        "methods": methods,
        "shipping_text": "Not chosen yet" if needs_method and document["shipping_method"] is None else None,
    }


def _failed(document: dict[str, Any]) -> str | None:
    """Why the last payment came to nothing."""
    told = [entry["text"] for entry in document["messages"] if entry["type"] == "error" and entry["item_id"] is None]
    return told[0] if told else None


def _needs_email(visit: Visit) -> bool:
    return "email" in visit.settings.checkout_requires


def _needs_address(visit: Visit, document: dict[str, Any]) -> bool:
    missing = {entry["field"] for entry in document["requirements"]}
    is_shipped = document["shipping_method"] is not None or bool(missing & {"shipping_address", "shipping_method"})
    return "shipping_address" in visit.settings.checkout_requires and is_shipped


def _stored(document: dict[str, Any], methods: tuple[str, ...], destination: Mapping[str, Any]) -> dict[str, str]:
    """What the shopper has told before, here or in the cart, and was typing since, for the form's fields."""
    draft = document["draft"] or {}
    address = {**(document["shipping_address"] or destination), **(draft.get("shipping_address") or {})}
    values = {name: str(value) for name, value in address.items() if value}
    values["email"] = draft.get("email") or document["email"] or ""
    values["payment_method"] = document["payment_method"] or next(iter(methods), "")
    values["note"] = draft.get("note") or document["note"] or ""
    values["shipping_method"] = document["shipping_method"] or ""
    kinds = {tender["kind"] for tender in document["tenders"]}
    values |= {kind: "1" for kind in ("store_credit", "points") if kind in kinds}
    return values


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """As it is on the wire: text and figures only."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document, enc_hook=str))
    return plain
