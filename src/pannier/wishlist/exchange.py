"""From a request to a command on a wishlist, and from its answer to a response: what all routes share."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Header, Request, Response

from pannier.platform.hot import RequestContext
from pannier.platform.idempotency import Answer, Key, key_of, replay_headers
from pannier.platform.principal import Principal, cart_cookie
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.wishlist.models import By, Owner
from pannier.wishlist.schemas import ListId
from pannier.wishlist.service import WishlistService

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag of the list that the change is meant for; 412 when it has changed.",
        json_schema_extra={"pattern": r'^[ \t]*(\*|(W/)?"[0-9]{1,18}")[ \t]*$'},
    ),
]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who changes a list, and the cookie that goes with a guest's token that was made for it."""

    owner: Owner
    by: By
    principal: Principal
    cookie: str | None = None


async def reading(request: Request) -> Owner:
    """Whose lists a request looks at. Raises LoginRequiredError."""
    context: RequestContext = request.scope["pannier"]
    return context.service(WishlistService).owner_of(context.principal)


async def writing(request: Request) -> Asker:
    """Who changes a list; a guest has a token afterwards. Raises LoginRequiredError."""
    context: RequestContext = request.scope["pannier"]
    return await asker_of(context)


async def asker_of(context: RequestContext) -> Asker:
    """The same, for a request of any kind."""
    principal = context.principal
    wishlists = context.service(WishlistService)
    owner = wishlists.owner_of(principal)
    by = By(principal.user_id or principal.kind, principal.device, context.request_id)
    if owner.user_id is not None:
        return Asker(owner, by, principal)
    token = await wishlists.guest_token(principal)
    if token == principal.cart_token:
        return Asker(owner, by, principal)
    known = msgspec.structs.replace(principal, kind="guest", cart_token=token)
    return Asker(Owner(token=token), By("guest", by.device, by.correlation_id), known, _cookie(context, token))


Reader = Annotated[Owner, Depends(reading)]
Writer = Annotated[Asker, Depends(writing)]


def list_of(wishlist_id: ListId) -> uuid.UUID | None:
    """A list by its id, None for the default one."""
    return None if wishlist_id == "default" else uuid.UUID(wishlist_id)


async def request_key(request: Request, asker: Asker, key: str | None) -> Key | None:
    """The idempotency key of a request, under who asks."""
    target, body = request.scope["path"], await request.body()
    return key_of(asker.principal, key, method=request.method, target=target, body=body)


def if_match_of(header: str | None) -> int | None:
    """The version an If-Match header names; None without one, or for any."""
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise ValidationFailedError.of([("If-Match", 'The ETag of the list, such as "7"')])
    return int(match[1])


def told(answer: Answer, asker: Asker) -> Response:
    """The response to a command: the list with its version as ETag, 204 without a body."""
    headers = replay_headers(answer)
    if answer.status == 204:
        response = Response(status_code=204, headers=headers)
    else:
        version = _version(answer.body)
        etag = {} if version is None else {"ETag": f'"{version}"'}
        response = Response(answer.body, answer.status, {**headers, **etag}, "application/json")
    if asker.cookie is not None:
        response.headers.append("set-cookie", asker.cookie)
    return response


class _Versioned(msgspec.Struct):
    version: int | None = None


def _version(body: bytes) -> int | None:
    return msgspec.json.decode(body, type=_Versioned).version


def _cookie(context: RequestContext, token: str) -> str:
    settings: Any = context.service(Settings)
    days = settings.cart_session_ttl_days
    return cart_cookie(
        settings.cart_cookie_name,
        token,
        max_age_s=int(days * 86_400) if days else 400 * 86_400,
        secure=settings.cart_cookie_secure,
        root_path=context.root_path,
    )
