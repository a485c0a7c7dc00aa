"""The cart's routes. They are hot: answered before FastAPI is asked, encoded once."""

from __future__ import annotations

import msgspec

from pannier.cart.described import ADD_ERRORS, CART_CURRENCY, EXPLAIN, LINE_ERRORS, read, write
from pannier.cart.exchange import (
    ENCODER,
    added,
    answer,
    apply_changes,
    asks,
    bulk_answer,
    carried,
    channel_of,
    checked_note,
    etag,
    item_id_of,
    reader_of,
)
from pannier.cart.history_api import HISTORY_ROUTES
from pannier.cart.line_api import LINE_ROUTES
from pannier.cart.merge_api import MERGE_ROUTES
from pannier.cart.models import Change
from pannier.cart.operations_api import OPERATIONS_ROUTES
from pannier.cart.pricing_api import PRICING_ROUTES
from pannier.cart.read_model import Cart, Summary
from pannier.cart.schemas import (
    AddItem,
    BulkAdd,
    BulkAnswer,
    BulkRemove,
    BulkSet,
    PatchItem,
    PutItem,
    SomePatchItem,
)
from pannier.cart.service import CartService
from pannier.cart.sharing_api import SHARING_ROUTES
from pannier.cart.validation_api import VALIDATION_ROUTES
from pannier.cart.view import summarise
from pannier.cart.whole_api import WHOLE_ROUTES
from pannier.platform.hot import HotRequest, HotResponse, HotRoute
from pannier.platform.problems import ValidationFailedError

_ADD = msgspec.json.Decoder(AddItem)
_PATCH = msgspec.json.Decoder(PatchItem)
_PUT = msgspec.json.Decoder(PutItem)
_BULK_ADD = msgspec.json.Decoder(BulkAdd)
_BULK_SET = msgspec.json.Decoder(BulkSet)
_BULK_REMOVE = msgspec.json.Decoder(BulkRemove)


async def get_cart(request: HotRequest) -> HotResponse:
    """The shopper's cart; an empty one of version 0 for a shopper who has none.

    With `explain=1` it says step by step how each figure came about, why a promotion does not apply, and what is
    missing for it.
    """
    explains = asks(request, "explain")
    cart = await request.service(CartService).get(reader_of(request.principal), channel_of(request), explains=explains)
    return HotResponse(ENCODER.encode(cart), headers=[etag(cart.version)])


async def get_summary(request: HotRequest) -> HotResponse:
    """Counts and totals for a badge."""
    cart = await request.service(CartService).get(reader_of(request.principal), channel_of(request))
    return HotResponse(ENCODER.encode(summarise(cart)), headers=[etag(cart.version)])


async def add_item(request: HotRequest) -> HotResponse:
    """Add units of a variant; makes the cart when there is none."""
    change = added(request, request.decode(_ADD))
    return answer(request, await apply_changes(request, "cart.item_added", [change], makes_cart=True))


async def patch_item(request: HotRequest) -> HotResponse:
    """Change quantity, note, attributes, customisation or selection of a line."""
    body = request.decode(_PATCH)
    told = carried(request, body)
    if body.quantity is msgspec.UNSET and body.selected is msgspec.UNSET and not told:
        names = "quantity, note, attributes, customisation, selected"
        raise ValidationFailedError.of([("", f"Name at least one of {names}")])
    change = Change(
        op="set",
        line_id=item_id_of(request),
        quantity=None if body.quantity is msgspec.UNSET else body.quantity,
        extra=told or None,
        is_selected=None if body.selected is msgspec.UNSET else body.selected,
    )
    return answer(request, await apply_changes(request, "cart.item_changed", [change]))


async def put_item(request: HotRequest) -> HotResponse:
    """Set quantity, note and selection of a line."""
    body = request.decode(_PUT)
    change = Change(
        op="set",
        line_id=item_id_of(request),
        quantity=body.quantity,
        extra={"note": checked_note(request, body.note) or None},
        is_selected=body.selected,
    )
    return answer(request, await apply_changes(request, "cart.item_changed", [change]))


async def remove_item(request: HotRequest) -> HotResponse:
    """Take a line out of the cart and give its units back."""
    change = Change(op="remove", line_id=item_id_of(request))
    return answer(request, await apply_changes(request, "cart.item_removed", [change]))


async def clear_cart(request: HotRequest) -> HotResponse:
    """Take every line out of the cart."""
    return answer(request, await apply_changes(request, "cart.cleared", [], is_clear=True))


async def bulk_add(request: HotRequest) -> HotResponse:
    """Add up to 1,000 items in one transaction."""
    body = request.decode(_BULK_ADD)
    changes = [added(request, item) for item in body.items]
    outcome = await apply_changes(request, "cart.items_added", changes, is_atomic=body.atomic, makes_cart=True)
    return bulk_answer(request, outcome)


async def bulk_set(request: HotRequest) -> HotResponse:
    """Set up to 1,000 quantities in one transaction."""
    body = request.decode(_BULK_SET)
    changes = [Change(op="set", line_id=item.id, quantity=item.quantity) for item in body.items]
    return bulk_answer(request, await apply_changes(request, "cart.items_changed", changes, is_atomic=body.atomic))


async def bulk_remove(request: HotRequest) -> HotResponse:
    """Remove up to 1,000 lines in one transaction."""
    body = request.decode(_BULK_REMOVE)
    changes = [Change(op="remove", line_id=line_id) for line_id in body.ids]
    return bulk_answer(request, await apply_changes(request, "cart.items_removed", changes, is_atomic=body.atomic))


HOT_ROUTES = (
    *LINE_ROUTES,
    *MERGE_ROUTES,
    *HISTORY_ROUTES,
    *WHOLE_ROUTES,
    *VALIDATION_ROUTES,
    *OPERATIONS_ROUTES,
    *SHARING_ROUTES,
    *PRICING_ROUTES,
    HotRoute("GET", "/api/v1/cart", get_cart, read("The cart", get_cart.__doc__, Cart, EXPLAIN)),
    HotRoute("GET", "/api/v1/cart/summary", get_summary, read("Its summary", get_summary.__doc__, Summary)),
    HotRoute(
        "DELETE",
        "/api/v1/cart",
        clear_cart,
        write("Clear the cart", clear_cart.__doc__, None, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/items",
        add_item,
        write("Add an item", add_item.__doc__, AddItem, Cart, ADD_ERRORS, CART_CURRENCY),
    ),
    HotRoute(
        "PATCH",
        "/api/v1/cart/items/{item_id}",
        patch_item,
        write("Change an item", patch_item.__doc__, SomePatchItem, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "PUT",
        "/api/v1/cart/items/{item_id}",
        put_item,
        write("Set an item", put_item.__doc__, PutItem, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "DELETE",
        "/api/v1/cart/items/{item_id}",
        remove_item,
        write("Remove an item", remove_item.__doc__, None, Cart, LINE_ERRORS),
    ),
    HotRoute(
        "POST",
        "/api/v1/cart/bulk/items",
        bulk_add,
        write("Add several items", bulk_add.__doc__, BulkAdd, BulkAnswer, ADD_ERRORS, CART_CURRENCY),
    ),
    HotRoute(
        "PUT",
        "/api/v1/cart/bulk/items",
        bulk_set,
        write("Set several items", bulk_set.__doc__, BulkSet, BulkAnswer, LINE_ERRORS),
    ),
    HotRoute(
        "DELETE",
        "/api/v1/cart/bulk/items",
        bulk_remove,
        write("Remove several items", bulk_remove.__doc__, BulkRemove, BulkAnswer, LINE_ERRORS),
    ),
)
