"""What a customer does with an order on its page: cancel it, send goods back, buy them again, take the invoice."""

from __future__ import annotations

from starlette.responses import Response

from pannier.cart import Command
from pannier.checkout import ReorderService
from pannier.kernel.errors import PannierError
from pannier.orders import Asked, OrderService, ReturnService, invoice_page
from pannier.platform.idempotency import is_recorded, key_of
from pannier.storefront.forms import Form
from pannier.storefront.visit import Flash, Visit

_REASON_CHARS_MAX = 500


async def change_order(visit: Visit) -> Response:
    """Carry out one of the order page's forms: `do` is cancel, return or reorder."""
    form, number = await visit.form(), _number(visit)
    try:
        if form.text("do") == "reorder":
            return await _reorder(visit, form, number)
        if form.text("do") == "return":
            text = await _send_back(visit, form, number)
        elif form.text("do") != "cancel":
            return visit.redirect(f"/orders/{number}", Flash("bad", "Say what is to become of the order."))
        else:
            reason = form.text("reason")[:_REASON_CHARS_MAX]
            await visit.service(OrderService).cancel(visit.principal, number, reason=reason)
            text = "The order is canceled. What was paid is given back."
    except PannierError as refusal:
        if not is_recorded(refusal) or refusal.error == "ORDER_NOT_FOUND":
            raise
        return visit.redirect(f"/orders/{number}", Flash("bad", refusal.message))
    return visit.redirect(f"/orders/{number}", Flash("ok", text))


async def show_invoice(visit: Visit) -> Response:
    """The invoice, to be printed."""
    order = await visit.service(OrderService).get(visit.principal, _number(visit))
    return invoice_page(order, visit.settings)


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
