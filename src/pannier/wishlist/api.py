"""The routes of wishlists: lists, what is on them, hearts."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from pannier.catalog import ProductNotFoundError
from pannier.kernel.errors import PannierError
from pannier.platform.hot import service_of
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError, KeyHeader
from pannier.platform.principal import LoginRequiredError, Principal, require_user
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.wishlist import errors, schemas, view
from pannier.wishlist.exchange import IfMatch, Reader, Writer, if_match_of, list_of, request_key, told
from pannier.wishlist.models import ItemChange, NewItem
from pannier.wishlist.service import WishlistService

Wishlists = Annotated[WishlistService, Depends(service_of(WishlistService))]
VARIANTS_MAX = 200

_KEYED = (IdempotencyConflictError, IdempotencyInFlightError, ValidationFailedError)


def refusals(*found: type[PannierError]) -> dict[int | str, dict[str, Any]]:
    """What a command may be refused with beside what is its own."""
    return problem_responses(LoginRequiredError, *found, *_KEYED)


_READ = problem_responses(LoginRequiredError, errors.WishlistNotFoundError, ValidationFailedError)
_LIST = refusals(errors.WishlistNotFoundError, errors.WishlistVersionMismatchError)
_NAMED = refusals(errors.WishlistNotFoundError, errors.WishlistVersionMismatchError, errors.WishlistNameTakenError)
_ADD = refusals(
    errors.WishlistNotFoundError,
    errors.WishlistVersionMismatchError,
    errors.WishlistLimitError,
    errors.WishlistLoginRequiredError,
    ProductNotFoundError,
)
_ITEM = refusals(
    errors.WishlistNotFoundError,
    errors.WishlistItemNotFoundError,
    errors.WishlistVersionMismatchError,
    errors.WishlistLimitError,
    errors.WishlistLoginRequiredError,
)
router = APIRouter(prefix="/wishlists", tags=["wishlists"])


@router.get("", response_model=schemas.WishlistPage, responses=problem_responses(LoginRequiredError))
async def list_wishlists(owner: Reader, wishlists: Wishlists) -> Response:
    """Your lists, the default one first; none before the first thing was wished for."""
    found = await wishlists.lists(owner)
    return _json({"wishlists": [view.show_list(each) for each in found]})


@router.post(
    "",
    status_code=201,
    response_model=schemas.WishlistDocument,
    responses=refusals(errors.WishlistLimitError, errors.WishlistNameTakenError),
)
async def create_wishlist(
    body: schemas.CreateWishlist, request: Request, asker: Writer, wishlists: Wishlists, key: KeyHeader = None
) -> Response:
    """Begin another list."""
    wanted = await request_key(request, asker, key)
    answer = await wishlists.create(asker.owner, body.name, asker.by, is_default=body.is_default, key=wanted)
    return told(answer, asker)


@router.get(
    "/hearts/marks",
    response_model=schemas.Marks,
    responses=problem_responses(LoginRequiredError, ValidationFailedError),
)
async def get_marks(
    owner: Reader,
    wishlists: Wishlists,
    variant_id: Annotated[list[uuid.UUID], Query(max_length=VARIANTS_MAX, description="As often as you like.")],
) -> Response:
    """Which of some variants are on a list of yours: what hearts show."""
    marked = await wishlists.marks(owner, variant_id)
    return _json({"variant_ids": [each for each in dict.fromkeys(variant_id) if each in marked]})


@router.post(
    "/hearts/toggle",
    response_model=schemas.Toggled,
    responses=refusals(errors.WishlistNotFoundError, errors.WishlistLimitError, ProductNotFoundError),
)
async def toggle_wish(
    body: schemas.ToggleWish, request: Request, asker: Writer, wishlists: Wishlists, key: KeyHeader = None
) -> Response:
    """Put a variant on the default list, or take it off every list of yours."""
    answer = await wishlists.toggle(
        asker.owner,
        body.variant_id,
        asker.by,
        wishlist_id=body.wishlist_id,
        is_wanted=body.on,
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


@router.post("/guests/merge", response_model=schemas.MergedWishlists, responses=refusals())
async def merge_wishlists(
    request: Request,
    user: Annotated[Principal, Depends(require_user)],
    asker: Writer,
    wishlists: Wishlists,
    body: schemas.MergeWishlists | None = None,
    key: KeyHeader = None,
) -> Response:
    """Make a guest's lists yours, for who signs in elsewhere; at the shop's own login it is done without this."""
    token = (body.cart_token if body is not None else None) or user.guest_token
    answer = await wishlists.merge(asker.owner, token, asker.by, key=await request_key(request, asker, key))
    return told(answer, asker)


@router.get("/{wishlist_id}", response_model=schemas.WishlistDocument, responses=_READ)
async def get_wishlist(wishlist_id: schemas.ListId, owner: Reader, wishlists: Wishlists) -> Response:
    """A list with what is on it, at live prices and stock, and what costs less than when it was added."""
    found, items = await wishlists.open(owner, list_of(wishlist_id))
    response = _json(view.show(found, items))
    response.headers["ETag"] = f'"{found.version}"'
    return response


@router.patch("/{wishlist_id}", response_model=schemas.WishlistDocument, responses=_NAMED)
async def change_wishlist(
    wishlist_id: schemas.ListId,
    body: schemas.ChangeWishlist,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> Response:
    """Rename a list, or make it the default."""
    answer = await wishlists.change_list(
        asker.owner,
        list_of(wishlist_id),
        asker.by,
        name=body.name,
        is_default=body.is_default,
        if_match=if_match_of(if_match),
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


@router.delete("/{wishlist_id}", status_code=204, responses=_LIST)
async def delete_wishlist(
    wishlist_id: schemas.ListId,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> Response:
    """Take a list away with all that is on it."""
    wanted = await request_key(request, asker, key)
    answer = await wishlists.delete(
        asker.owner, list_of(wishlist_id), asker.by, if_match=if_match_of(if_match), key=wanted
    )
    return told(answer, asker)


@router.post("/{wishlist_id}/items", response_model=schemas.WishlistDocument, responses=_ADD)
async def add_wish(
    wishlist_id: schemas.ListId,
    body: schemas.AddWish,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> Response:
    """Put a variant on a list."""
    notify = body.notify or schemas.Notify()
    new = NewItem(
        variant_id=body.variant_id,
        quantity=body.quantity,
        note=body.note,
        attributes=body.attributes,
        customisation=body.customisation,
        wants_stock=bool(notify.back_in_stock),
        wants_price=bool(notify.price_drop),
    )
    answer = await wishlists.add(
        asker.owner,
        list_of(wishlist_id),
        new,
        asker.by,
        if_match=if_match_of(if_match),
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


@router.patch("/{wishlist_id}/items/{item_id}", response_model=schemas.WishlistDocument, responses=_ITEM)
async def change_wish(
    wishlist_id: schemas.ListId,
    item_id: uuid.UUID,
    body: schemas.ChangeWish,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> Response:
    """Change quantity, note or switches of an item, or move it to another list."""
    notify = body.notify or schemas.Notify()
    wanted = ItemChange(
        quantity=body.quantity,
        note=body.note,
        wants_stock=notify.back_in_stock,
        wants_price=notify.price_drop,
        wishlist_id=body.wishlist_id,
    )
    answer = await wishlists.change_item(
        asker.owner,
        list_of(wishlist_id),
        item_id,
        wanted,
        asker.by,
        if_match=if_match_of(if_match),
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


@router.delete("/{wishlist_id}/items/{item_id}", response_model=schemas.WishlistDocument, responses=_ITEM)
async def remove_wish(
    wishlist_id: schemas.ListId,
    item_id: uuid.UUID,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> Response:
    """Take an item off a list. The version of the answer is what an undo names."""
    answer = await wishlists.remove(
        asker.owner,
        list_of(wishlist_id),
        [item_id],
        asker.by,
        if_match=if_match_of(if_match),
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


@router.put("/{wishlist_id}/order", response_model=schemas.WishlistDocument, responses=_LIST)
async def order_wishes(
    wishlist_id: schemas.ListId,
    body: schemas.OrderWishes,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> Response:
    """Give a list's items an order."""
    answer = await wishlists.reorder(
        asker.owner,
        list_of(wishlist_id),
        body.item_ids,
        asker.by,
        if_match=if_match_of(if_match),
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


@router.post(
    "/{wishlist_id}/undo",
    response_model=schemas.WishlistDocument,
    responses=refusals(errors.WishlistNotFoundError, errors.WishlistUndoError),
)
async def undo_wish(
    wishlist_id: uuid.UUID,
    body: schemas.UndoWish,
    request: Request,
    asker: Writer,
    wishlists: Wishlists,
    key: KeyHeader = None,
) -> Response:
    """Put back what was taken off, with its note, quantity, place and switches."""
    wanted = await request_key(request, asker, key)
    return told(await wishlists.undo(asker.owner, wishlist_id, body.version, asker.by, key=wanted), asker)


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
