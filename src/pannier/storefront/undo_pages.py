"""The Undo button of a notice: what was taken off a list or out of the cart comes back as it was."""

from __future__ import annotations

import uuid

from starlette.responses import Response

from pannier.cart import CartService, Change, HistoryService
from pannier.kernel.errors import PannierError
from pannier.storefront import wishlist_pages
from pannier.storefront.cart_pages import apply, refused
from pannier.storefront.forms import Form
from pannier.storefront.visit import Flash, Visit

_NOTHING = Flash("bad", "There is nothing to put back, or it is back already.")


async def undo(visit: Visit) -> Response:
    """Carry out what the button of a notice says: `cart:line:version`, or `wish:list:version`."""
    form = await visit.form()
    kind, _, place = form.text("undo").partition(":")
    if kind == "wish":
        return await wishlist_pages.undo_removal(visit, form, place)
    name, _, version = place.partition(":")
    line_id = Form({"id": name}, "").identity("id")
    if kind != "cart" or line_id is None or not version.isdecimal() or len(version) > 15:
        return visit.redirect("/cart", _NOTHING)
    try:
        changes = await _changes(visit, line_id, int(version))
        if not changes:
            return visit.redirect("/cart", _NOTHING)
        await apply(visit, form, "cart.removal_undone", changes)
    except PannierError as refusal:
        return visit.redirect("/cart", refused(refusal))
    return visit.redirect("/cart", Flash("ok", "It is back as it was."))


async def _changes(visit: Visit, line_id: uuid.UUID, version: int) -> list[Change]:
    """What puts a line back that the change to this version took out; none when it is there, or never was.

    It comes with its note, attributes, quantity and id, at today's price, and is held again, else refused. A line that
    was saved for later is saved again.
    """
    cart = await visit.service(CartService).get(visit.owner())
    if any(item.id == line_id for item in (*cart.items, *cart.saved_items)):
        return []
    past = await visit.service(HistoryService).past(visit.owner(), version - 1)
    saved = {line.id: line for line in past.saved_items}
    line = saved.get(line_id) or next((line for line in past.items if line.id == line_id), None)
    if line is None:
        return []
    extra = {
        name: value
        for name, value in (
            ("attributes", line.attributes),
            ("note", line.note),
            ("customisation", line.customisation),
        )
        if value
    }
    accepted = line.added_price.amount if line_id in saved else None
    back = Change(
        op="add" if accepted is None else "keep",
        line_id=line_id,
        variant_id=line.variant_id,
        quantity=line.quantity,
        extra=extra or None,
        accepted_minor=accepted,
    )
    if line.selected or accepted is not None:
        return [back]
    return [back, Change(op="set", line_id=line_id, is_selected=False)]
