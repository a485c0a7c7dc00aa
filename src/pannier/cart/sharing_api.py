"""Routes of shared carts. A link is `/shared-carts/{token}`; the token is all it takes, so it is never shown again."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec

from pannier.cart.described import ADD_ERRORS, LINE_ERRORS, WRITE_PARAMETERS
from pannier.cart.errors import CartNotFoundError, LimitExceededError, ShareNotFoundError, ShareReadOnlyError
from pannier.cart.exchange import (
    bulk_answer,
    channel_of,
    checked_note,
    checked_object,
    command_of,
    etag,
    if_match_of,
    reader_of,
)
from pannier.cart.merge_api import request_key, told
from pannier.cart.models import Change
from pannier.cart.schemas import BulkAnswer, BulkRemove
from pannier.cart.sharing_schemas import AddShared, SetShared, Share, ShareCart, SharedCart, Shares
from pannier.cart.sharing_service import By, SharingService, Written
from pannier.platform.hot import HotRequest, HotResponse, HotRoute, Operation
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError
from pannier.platform.problems import ValidationFailedError

_SHARE = msgspec.json.Decoder(ShareCart)
_ADD = msgspec.json.Decoder(AddShared)
_SET = msgspec.json.Decoder(SetShared)
_REMOVE = msgspec.json.Decoder(BulkRemove)
_ENCODER = msgspec.json.Encoder()
_TOKEN = re.compile(r"sh_[A-Za-z0-9_-]{43}")


async def share_cart(request: HotRequest) -> HotResponse:
    """Make a link to your cart, to look at it or to fill it together. Its token is told now and never again: when the
    answer was lost, revoke the link that its replay names and make another."""
    body = request.decode(_SHARE) if request.body else ShareCart()
    return told(
        await request.service(SharingService).share(
            reader_of(request.principal),
            body.mode,
            shows_notes=body.show_notes,
            hours=body.expires_in_hours,
            channel=channel_of(request),
            key=request_key(request),
        )
    )


async def list_shares(request: HotRequest) -> HotResponse:
    """The links to your cart that are good, without their tokens."""
    found = await request.service(SharingService).shares(reader_of(request.principal), channel=channel_of(request))
    return HotResponse(_ENCODER.encode(Shares(found)))


async def revoke_share(request: HotRequest) -> HotResponse:
    """Make a link to your cart worthless at once."""
    try:
        share_id = uuid.UUID(request.param)
    except ValueError:
        raise ShareNotFoundError("A link's id is a UUID, as the list of links gives it.", field="id") from None
    key = request_key(request)
    answer = await request.service(SharingService).revoke(reader_of(request.principal), share_id, key=key)
    return HotResponse(status=204, headers=told(answer).headers)


async def get_shared(request: HotRequest) -> HotResponse:
    """A cart somebody shared with you, and who added which line."""
    cart = await request.service(SharingService).view(_token(request))
    return HotResponse(_ENCODER.encode(cart), headers=[etag(cart.version)])


async def add_shared(request: HotRequest) -> HotResponse:
    """Add to a cart that is filled together. It is a line of its own that tells who added it."""
    body = request.decode(_ADD)
    checked_note(request, body.note)
    checked_object(request, "attributes", body.attributes)
    if "\0" in body.name:
        raise ValidationFailedError.of([("name", "A text must not contain NUL")])
    return _shown(await request.service(SharingService).add(_token(request), body, _by(request)))


async def set_shared(request: HotRequest) -> HotResponse:
    """Set quantities in a cart that is filled together, all or none."""
    body = request.decode(_SET)
    changes = [Change(op="set", line_id=item.id, quantity=item.quantity) for item in body.items]
    return _shown(await request.service(SharingService).change(_token(request), changes, _by(request)))


async def remove_shared(request: HotRequest) -> HotResponse:
    """Remove lines from a cart that is filled together, all or none."""
    changes = [Change(op="remove", line_id=line_id) for line_id in request.decode(_REMOVE).ids]
    return _shown(await request.service(SharingService).change(_token(request), changes, _by(request)))


async def copy_shared(request: HotRequest) -> HotResponse:
    """Add what is in a shared cart to your own, as far as stock and limits allow, with a result per line."""
    command = command_of(request, "cart.shared_copied")
    return bulk_answer(request, await request.service(SharingService).copy(_token(request), command))


def _token(request: HotRequest) -> str:
    if not _TOKEN.fullmatch(request.param):
        raise ShareNotFoundError("This link is not, or no longer, good. Ask whoever shared the cart.")
    return request.param


def _by(request: HotRequest) -> By:
    return By(
        request.principal.user_id,
        request.principal.device,
        request.request_id,
        request_key(request),
        if_match_of(request.header("if-match")),
    )


def _shown(written: Written) -> HotResponse:
    headers = [etag(written.cart.version)]
    if written.is_replay:
        headers.append((b"idempotent-replayed", b"true"))
    return HotResponse(_ENCODER.encode(written.cart), headers=headers)


def _operation(
    handler: Any, summary: str, answer: Any, errors: tuple[Any, ...], body: Any = None, **options: Any
) -> Operation:
    return Operation(
        summary,
        " ".join((handler.__doc__ or "").split()),
        ("cart",),
        request=body,
        responses={options.pop("status", 200): (answer, summary)},
        errors=errors,
        **options,
    )


_KEY, _IF_MATCH = WRITE_PARAMETERS[:2]
_CHANNEL = WRITE_PARAMETERS[-1]
_WRITING = (ShareNotFoundError, ShareReadOnlyError)
_KEYED = (IdempotencyConflictError, IdempotencyInFlightError)


def _write(handler: Any, summary: str, errors: tuple[Any, ...], body: Any) -> Operation:
    return _operation(handler, summary, SharedCart, (*_WRITING, *errors), body, parameters=(_KEY, _IF_MATCH))


SHARING_ROUTES = (
    HotRoute(
        "POST",
        "/api/v1/cart/share",
        share_cart,
        _operation(
            share_cart,
            "Share the cart",
            Share,
            (CartNotFoundError, LimitExceededError, ValidationFailedError, *_KEYED),
            ShareCart,
            status=201,
            is_body_required=False,
            parameters=(_KEY, _CHANNEL),
        ),
    ),
    HotRoute(
        "GET",
        "/api/v1/cart/share",
        list_shares,
        _operation(list_shares, "Links to the cart", Shares, (ValidationFailedError,), parameters=(_CHANNEL,)),
    ),
    HotRoute(
        "DELETE",
        "/api/v1/cart/share/{share_id}",
        revoke_share,
        _operation(
            revoke_share,
            "Revoke a link",
            None,
            (ShareNotFoundError, ValidationFailedError, *_KEYED),
            status=204,
            parameters=(_KEY,),
        ),
    ),
    HotRoute(
        "GET",
        "/api/v1/shared-carts/{token}",
        get_shared,
        _operation(get_shared, "A shared cart", SharedCart, (ShareNotFoundError,)),
    ),
    HotRoute(
        "POST",
        "/api/v1/shared-carts/{token}/items",
        add_shared,
        _write(add_shared, "Add to a shared cart", ADD_ERRORS, AddShared),
    ),
    HotRoute(
        "PUT",
        "/api/v1/shared-carts/{token}/items",
        set_shared,
        _write(set_shared, "Set items of a shared cart", LINE_ERRORS, SetShared),
    ),
    HotRoute(
        "DELETE",
        "/api/v1/shared-carts/{token}/items",
        remove_shared,
        _write(remove_shared, "Remove items of a shared cart", LINE_ERRORS, BulkRemove),
    ),
    HotRoute(
        "POST",
        "/api/v1/shared-carts/{token}/copy",
        copy_shared,
        _operation(
            copy_shared,
            "Copy a shared cart into yours",
            BulkAnswer,
            (ShareNotFoundError, *ADD_ERRORS, ValidationFailedError),
            parameters=WRITE_PARAMETERS,
        ),
    ),
)
