"""Routes of one line of the cart: saved for later and back, and a second one like it."""

from __future__ import annotations

import msgspec

from pannier.cart.described import ADD_ERRORS, LINE_ERRORS, write
from pannier.cart.errors import CartClosedError, CartNotFoundError, ItemNotFoundError
from pannier.cart.exchange import answer, apply_changes, carried, item_id_of
from pannier.cart.models import Change
from pannier.cart.read_model import Cart
from pannier.cart.schemas import DuplicateItem, RestoreItem
from pannier.kernel.ids import uuid7
from pannier.platform.hot import HotRequest, HotResponse, HotRoute

_RESTORE = msgspec.json.Decoder(RestoreItem)
_DUPLICATE = msgspec.json.Decoder(DuplicateItem)
_ERRORS = (*ADD_ERRORS, CartNotFoundError, CartClosedError, ItemNotFoundError)


async def save_item(request: HotRequest) -> HotResponse:
    """Take a line out of the cart and keep it in `saved_items`; its units are for sale again."""
    change = Change(op="save", line_id=item_id_of(request))
    return answer(request, await apply_changes(request, "cart.item_saved", [change]))


async def restore_item(request: HotRequest) -> HotResponse:
    """Bring a saved line back into the cart. What stock or limits refuse stays saved."""
    body = request.decode(_RESTORE) if request.body else RestoreItem()
    change = Change(op="restore", line_id=item_id_of(request), quantity=body.quantity)
    return answer(request, await apply_changes(request, "cart.item_restored", [change]))


async def duplicate_item(request: HotRequest) -> HotResponse:
    """Add a second line like this one, to be customised otherwise. It stays a line of its own until it is changed."""
    body = request.decode(_DUPLICATE) if request.body else DuplicateItem()
    change = Change(
        op="duplicate",
        line_id=item_id_of(request),
        copy_id=uuid7(),
        quantity=body.quantity,
        extra=carried(request, body) or None,
    )
    return answer(request, await apply_changes(request, "cart.item_duplicated", [change]))


LINE_ROUTES = (
    HotRoute(
        "POST",
        "/api/v1/cart/items/{item_id}/save",
        save_item,
        write("Save an item for later", save_item.__doc__, None, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/items/{item_id}/restore",
        restore_item,
        write("Bring a saved item back", restore_item.__doc__, RestoreItem, Cart, _ERRORS, is_body_required=False),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/items/{item_id}/duplicate",
        duplicate_item,
        write("Duplicate an item", duplicate_item.__doc__, DuplicateItem, Cart, _ERRORS, is_body_required=False),
    ),
)
