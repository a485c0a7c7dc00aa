"""Routes between wishlists and the cart."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from pannier.cart import (
    CartClosedError,
    CartNotFoundError,
    CartOwner,
    Command,
    CurrencyMismatchError,
    InvalidQuantityError,
    ItemNotFoundError,
    LimitExceededError,
    headers_of,
)
from pannier.catalog import ProductNotFoundError, ProductUnavailableError
from pannier.checkout.wishing import Wished, WishingService
from pannier.inventory import InsufficientStockError
from pannier.platform.fields import Request as Body
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.idempotency import KeyHeader
from pannier.wishlist import Asker as Wisher
from pannier.wishlist import (
    Identities,
    Identity,
    ListId,
    Quantity,
    WishlistDocument,
    WishlistItemNotFoundError,
    WishlistLimitError,
    WishlistNotFoundError,
    list_of,
    request_key,
    told,
    wishlist_refusals,
)
from pannier.wishlist import Writer as Wishes

_CART = (
    InvalidQuantityError,
    ProductNotFoundError,
    ProductUnavailableError,
    CurrencyMismatchError,
    LimitExceededError,
    InsufficientStockError,
)
_TO_CART = wishlist_refusals(WishlistNotFoundError, WishlistItemNotFoundError, *_CART)
_FROM_CART = wishlist_refusals(
    WishlistNotFoundError,
    WishlistLimitError,
    ProductNotFoundError,
    ItemNotFoundError,
    CartNotFoundError,
    CartClosedError,
)
Wishing = Annotated[WishingService, Depends(service_of(WishingService))]
Channel = Annotated[str | None, Query(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
wishing_router = APIRouter(prefix="/wishlists/{wishlist_id}", tags=["wishlists"])


class WishToCart(Body):
    """How many units, those of the item where nothing is said; `keep` leaves it on the list as well."""

    quantity: Quantity | None = None
    keep: bool = False


class WishesToCart(Body):
    """Which items, all of the list where nothing is said; `keep` leaves them there as well, `atomic` is all or none."""

    item_ids: Identities | None = None
    keep: bool = False
    atomic: bool = False


class WishFromCart(Body):
    """A line of the cart, or one saved for later; `keep` leaves it in the cart as well."""

    item_id: Identity
    keep: bool = False


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WishResult(_Closed):
    """What became of one item: in the cart, or still on the list with the reason."""

    item_id: uuid.UUID
    variant_id: uuid.UUID
    ok: bool
    cart_item_id: uuid.UUID | None
    quantity: int = Field(description="Units that came into the cart.")
    error: str | None
    message: str | None
    details: dict[str, Any] | None


class WishesMoved(_Closed):
    """A result for each item in the list's order, and cart and list afterwards; `cart` is as GET /cart has it."""

    results: list[WishResult]
    cart: dict[str, Any]
    wishlist: WishlistDocument


class WishMoved(_Closed):
    """Cart and list afterwards; `cart` is as GET /cart has it."""

    cart: dict[str, Any]
    wishlist: WishlistDocument


@wishing_router.post("/items/{item_id}/cart", response_model=WishesMoved, responses=_TO_CART)
async def wish_to_cart(
    wishlist_id: ListId,
    item_id: uuid.UUID,
    request: Request,
    wisher: Wishes,
    wishing: Wishing,
    body: WishToCart | None = None,
    channel: Channel = None,
    key: KeyHeader = None,
) -> Response:
    """Move an item into the cart, or copy it. What stock or limits refuse stays on the list."""
    asked = body or WishToCart()
    wished = await wishing.to_cart(
        wisher,
        list_of(wishlist_id),
        command_of(request, wisher, channel, "cart.wish_added"),
        item_ids=[item_id],
        quantity=asked.quantity,
        is_copy=asked.keep,
        key=await request_key(request, wisher, key),
    )
    return _told(request, wisher, wished)


@wishing_router.post("/cart", response_model=WishesMoved, responses=_TO_CART)
async def wishes_to_cart(
    wishlist_id: ListId,
    request: Request,
    wisher: Wishes,
    wishing: Wishing,
    body: WishesToCart | None = None,
    channel: Channel = None,
    key: KeyHeader = None,
) -> Response:
    """Move all of a list into the cart, with a result for each: what cannot be added stays, and says why."""
    asked = body or WishesToCart()
    wished = await wishing.to_cart(
        wisher,
        list_of(wishlist_id),
        command_of(request, wisher, channel, "cart.wishes_added", is_atomic=asked.atomic),
        item_ids=asked.item_ids,
        is_copy=asked.keep,
        key=await request_key(request, wisher, key),
    )
    return _told(request, wisher, wished)


@wishing_router.post("/from-cart", response_model=WishMoved, responses=_FROM_CART)
async def wish_from_cart(
    wishlist_id: ListId,
    body: WishFromCart,
    request: Request,
    wisher: Wishes,
    wishing: Wishing,
    channel: Channel = None,
    key: KeyHeader = None,
) -> Response:
    """Move a line of the cart, or one saved for later, onto a list, with its note and attributes."""
    wished = await wishing.from_cart(
        wisher,
        list_of(wishlist_id),
        body.item_id,
        command_of(request, wisher, channel, "cart.item_wished"),
        is_copy=body.keep,
        key=await request_key(request, wisher, key),
    )
    return _told(request, wisher, wished)


def command_of(request: Request, wisher: Wisher, channel: str | None, event: str, *, is_atomic: bool = True) -> Command:
    """What is asked of the cart of whose list it is."""
    context: RequestContext = request.scope["pannier"]
    return Command(
        CartOwner(user_id=wisher.owner.user_id, token=wisher.owner.token),
        event,
        is_atomic=is_atomic,
        channel=channel,
        actor=wisher.by.actor,
        device=wisher.by.device,
        correlation_id=context.request_id,
    )


def _told(request: Request, wisher: Wisher, wished: Wished) -> Response:
    response = told(wished.answer, wisher)
    if wished.outcome is not None and wisher.cookie is None:
        for name, value in headers_of(request.scope["pannier"], wished.outcome):
            if name == b"set-cookie":
                response.raw_headers.append((name, value))
    return response
