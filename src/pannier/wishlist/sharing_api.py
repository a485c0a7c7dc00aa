"""Routes of shared wishlists. A link is `/shared-wishlists/{token}`; the token is all it takes."""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from pannier.platform.hot import service_of
from pannier.platform.idempotency import KeyHeader
from pannier.platform.problems import problem_responses
from pannier.wishlist import errors, schemas
from pannier.wishlist.api import refusals
from pannier.wishlist.exchange import Reader, Writer, list_of, request_key, told
from pannier.wishlist.sharing_service import WishlistSharing

Sharing = Annotated[WishlistSharing, Depends(service_of(WishlistSharing))]
_TOKEN = re.compile(r"wl_[A-Za-z0-9_-]{43}")
sharing_router = APIRouter(tags=["wishlists"])


@sharing_router.post(
    "/wishlists/{wishlist_id}/share",
    status_code=201,
    response_model=schemas.WishlistShare,
    responses=refusals(errors.WishlistNotFoundError, errors.WishlistLimitError),
)
async def share_wishlist(
    wishlist_id: schemas.ListId, request: Request, asker: Writer, sharing: Sharing, key: KeyHeader = None
) -> Response:
    """Make a link to a list, to look at and to copy from. Its token is told now and never again: when the answer was
    lost, revoke the link that its replay names and make another."""
    wanted = await request_key(request, asker, key)
    return told(await sharing.share(asker.owner, list_of(wishlist_id), asker.by, key=wanted), asker)


@sharing_router.get(
    "/wishlists/{wishlist_id}/share",
    response_model=schemas.WishlistShares,
    responses=refusals(errors.WishlistNotFoundError),
)
async def list_wishlist_shares(wishlist_id: schemas.ListId, owner: Reader, sharing: Sharing) -> Response:
    """The links to a list that are good, without their tokens."""
    return _json({"shares": await sharing.shares(owner, list_of(wishlist_id))})


@sharing_router.delete(
    "/wishlists/{wishlist_id}/share/{share_id}",
    response_model=schemas.WishlistDocument,
    responses=refusals(errors.WishlistNotFoundError, errors.WishlistShareNotFoundError),
)
async def revoke_wishlist_share(
    wishlist_id: schemas.ListId,
    share_id: uuid.UUID,
    request: Request,
    asker: Writer,
    sharing: Sharing,
    key: KeyHeader = None,
) -> Response:
    """Make a link to a list worthless at once."""
    wanted = await request_key(request, asker, key)
    return told(await sharing.revoke(asker.owner, list_of(wishlist_id), share_id, asker.by, key=wanted), asker)


def _good_token(token: Annotated[str, Path()]) -> str:
    if not _TOKEN.fullmatch(token):
        raise errors.WishlistShareNotFoundError("This link is not, or no longer, good. Ask whoever shared the list.")
    return token


Token = Annotated[str, Depends(_good_token)]


@sharing_router.get(
    "/shared-wishlists/{token}",
    response_model=schemas.SharedWishlist,
    responses=problem_responses(errors.WishlistShareNotFoundError),
)
async def get_shared_wishlist(token: Token, sharing: Sharing) -> Response:
    """A list that somebody shared with you."""
    return _json(await sharing.view(token))


@sharing_router.post(
    "/shared-wishlists/{token}/copy",
    response_model=schemas.WishlistDocument,
    responses=refusals(errors.WishlistShareNotFoundError, errors.WishlistNotFoundError, errors.WishlistLimitError),
)
async def copy_shared_wishlist(
    token: Token,
    request: Request,
    asker: Writer,
    sharing: Sharing,
    body: schemas.CopyWishes | None = None,
    key: KeyHeader = None,
) -> Response:
    """Put what is on a shared list on one of yours."""
    asked = body or schemas.CopyWishes()
    answer = await sharing.copy(
        token,
        asker.owner,
        asker.by,
        wishlist_id=asked.wishlist_id,
        item_ids=asked.item_ids,
        key=await request_key(request, asker, key),
    )
    return told(answer, asker)


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
