"""What a customer does with an order on its page: pay what is due, cancel it, send goods back, buy them again."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from pannier.cart import Command
from pannier.checkout import DueService, ReorderService
from pannier.kernel.errors import PannierError
from pannier.orders import Asked, OrderService, ReturnService, invoice_page
from pannier.payments import ProviderUnavailableError
from pannier.platform.idempotency import is_recorded, key_of
from pannier.storefront.forms import Form
from pannier.storefront.payment_pages import lead_on
from pannier.storefront.visit import Flash, Visit

_REASON_CHARS_MAX = 500
_ASKING = "We are still asking whether your payment arrived. Look again in a moment: you pay once at most."
_PAID = "Your payment is there. Thank you."


async def change_order(visit: Visit) -> Response:
    """Carry out one of the order page's forms: `do` is pay, cancel, return or reorder."""
    form, number = await visit.form(), _number(visit)
    try:
        if form.text("do") == "reorder":
            return await _reorder(visit, form, number)
        if form.text("do") == "pay":
            return await _pay(visit, form, number)
        if form.text("do") == "return":
            text = await _send_back(visit, form, number)
        elif form.text("do") != "cancel":
            return visit.redirect(f"/orders/{number}", Flash("bad", "Say what is to become of the order."))
        else:
            reason = form.text("reason")[:_REASON_CHARS_MAX]
            await visit.service(OrderService).cancel(visit.principal, number, reason=reason)
            text = "The order is canceled. What was paid is given back."
    except ProviderUnavailableError:
        return visit.redirect(f"/orders/{number}", Flash("bad", _ASKING))
    except PannierError as refusal:
        if not is_recorded(refusal) or refusal.error == "ORDER_NOT_FOUND":
            raise
        return visit.redirect(f"/orders/{number}", Flash("bad", refusal.message))
    return visit.redirect(f"/orders/{number}", Flash("ok", text, to="order"))


async def come_back(visit: Visit) -> Response:
    """Back from the provider's page, where what is due was to be paid: to the order, which says how it is."""
    number = _number(visit)
    try:
        payment = await visit.service(DueService).come_back(visit.principal, number)
    except ProviderUnavailableError:
        return visit.redirect(f"/orders/{number}", Flash("bad", _ASKING))
    said = None
    if payment is not None and payment.order_id is not None:
        said = Flash("ok", _PAID, to="order")
    elif payment is not None and not payment.is_open:
        said = Flash("bad", str((payment.failure or {}).get("message") or "The payment was not made."))
    return visit.redirect(f"/orders/{number}", said)


async def show_invoice(visit: Visit) -> Response:
    """The invoice, to be printed."""
    order = await visit.service(OrderService).get(visit.principal, _number(visit))
    return invoice_page(order, visit.settings)


async def _pay(visit: Visit, form: Form, number: str) -> Response:
    """Pay what is due, the sum that the page showed and no other, on the provider's page."""
    key = form.key("pay")
    bound = None if key is None else key_of(visit.principal, key, method="POST", target=visit.path, body=b"pay")
    answer = await visit.service(DueService).pay(
        visit.principal,
        number,
        payment_method=form.text("payment_method")[:100] or None,
        expected_amount=form.number("expected_amount"),
        key=bound,
    )
    payment = msgspec.json.decode(answer.body)["payment"]
    if payment["status"] == "paid":
        return visit.redirect(f"/orders/{number}", Flash("ok", _PAID, to="order"))
    return await lead_on(visit, payment["links"], payment["amount"], f"/orders/{number}")


async def _send_back(visit: Visit, form: Form, number: str) -> str:
    order = await visit.service(OrderService).get(visit.principal, number)
    asked = [Asked(line.id, units) for line in order.lines if (units := form.number(f"units-{line.id}"))]
    if not asked:
        return "Say how many units of what you send back."
    key = form.key("return")
    bound = None if key is None else key_of(visit.principal, key, method="POST", target=visit.path, body=b"")
    reason = form.text("reason")[:_REASON_CHARS_MAX]
    await visit.service(ReturnService).request(visit.principal, number, asked, reason=reason, key=bound)
    return "We have your request, and will tell you how to send it."


async def _reorder(visit: Visit, form: Form, number: str) -> Response:
    key = form.key("reorder")
    command = Command(
        visit.owner(form),
        "cart.reordered",
        idempotency_key=key,
        request_hash=b"" if key is None else bytes.fromhex(form.digest),
        actor=visit.principal.user_id or visit.principal.kind,
        device=visit.principal.device,
        correlation_id=visit.request_id,
    )
    done = await visit.service(ReorderService).reorder(visit.principal, number, command)
    missing = [str(one["message"]) for one in done.results if one["message"]]
    said = Flash("bad", " ".join(missing)) if missing else Flash("ok", "It is all in your cart again.")
    return visit.redirect("/cart", said, token=done.outcome.token)


def _number(visit: Visit) -> str:
    return str(visit.request.path_params["number"]).replace("\0", "")
