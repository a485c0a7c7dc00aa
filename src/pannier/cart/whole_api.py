"""Routes of the cart as a whole: which of its lines are selected, and what others keep with it."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from pannier.cart.described import LINE_ERRORS, WRITE_ERRORS, write
from pannier.cart.errors import FeatureDisabledError
from pannier.cart.exchange import answer, apply_changes, command_of
from pannier.cart.models import Change
from pannier.cart.read_model import Cart
from pannier.cart.schemas import ChangeMetadata, ReserveCart, SelectItems
from pannier.cart.service import CartService
from pannier.platform.hot import HotRequest, HotResponse, HotRoute

_SELECT = msgspec.json.Decoder(SelectItems)
_METADATA = msgspec.json.Decoder(ChangeMetadata)
_RESERVE = msgspec.json.Decoder(ReserveCart)


async def select_items(request: HotRequest) -> HotResponse:
    """Say which lines a checkout is about."""
    selected = request.decode(_SELECT).selected
    if isinstance(selected, str):
        change = Change(op="select", select="all" if selected == "all" else "none")
    else:
        change = Change(op="select", select="only", line_ids=list(dict.fromkeys(selected)))
    return answer(request, await apply_changes(request, "cart.selection_changed", [change]))


async def remove_selected(request: HotRequest) -> HotResponse:
    """Take the selected lines out of the cart; the others stay."""
    outcome = await apply_changes(request, "cart.items_removed", [], is_clear=True, clear_scope="selected")
    return answer(request, outcome)


async def change_metadata(request: HotRequest) -> HotResponse:
    """Keep texts with the cart, for whoever builds on it; the shop gives them no meaning."""
    change = Change(op="metadata", values=request.decode(_METADATA).metadata)
    return answer(request, await apply_changes(request, "cart.metadata_changed", [change]))


async def reserve_cart(request: HotRequest) -> HotResponse:
    """Have everything in the cart held for a while, all or nothing, in place of what was held before."""
    ttl_s = request.decode(_RESERVE).ttl_s if request.body else None
    ttl = None if ttl_s is None else timedelta(seconds=ttl_s)
    command = command_of(request, "cart.reserved")
    return answer(request, await request.service(CartService).reserve(command, ttl))


async def refresh_cart(request: HotRequest) -> HotResponse:
    """Save for later every line that can no longer be had in full."""
    command = command_of(request, "cart.refreshed")
    return answer(request, await request.service(CartService).refresh(command))


WHOLE_ROUTES = (
    HotRoute(
        "POST",
        "/api/v1/cart/reserve",
        reserve_cart,
        write(
            "Reserve the cart",
            reserve_cart.__doc__,
            ReserveCart,
            Cart,
            (*LINE_ERRORS, FeatureDisabledError),
            is_body_required=False,
        ),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/refresh",
        refresh_cart,
        write("Refresh the cart", refresh_cart.__doc__, None, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "PUT",
        "/api/v1/cart/selection",
        select_items,
        write("Select items", select_items.__doc__, SelectItems, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "DELETE",
        "/api/v1/cart/selection",
        remove_selected,
        write("Remove the selected items", remove_selected.__doc__, None, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "PATCH",
        "/api/v1/cart/metadata",
        change_metadata,
        write("Change the cart's metadata", change_metadata.__doc__, ChangeMetadata, Cart, WRITE_ERRORS),
    ),
)
