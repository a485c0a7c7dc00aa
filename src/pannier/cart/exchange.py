"""From a request to a command of the cart's service, and from its outcome to an answer: what all its routes share."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import uuid
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from pannier.cart.errors import ItemNotFoundError
from pannier.cart.models import CartOwner, Change, Command, add
from pannier.cart.schemas import AddItem, BulkAnswer, DuplicateItem, ItemResult, PatchItem
from pannier.cart.service import CartService, Outcome
from pannier.kernel.currencies import MINOR_DIGITS
from pannier.kernel.ids import new_cart_token
from pannier.platform.hot import HotRequest, HotResponse, RequestContext
from pannier.platform.principal import Principal, cart_cookie
from pannier.platform.problems import MalformedJsonError, ValidationFailedError
from pannier.platform.settings import Settings

ENCODER = msgspec.json.Encoder()
CHANNEL_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def reader_of(principal: Principal) -> CartOwner:
    """The owner a request speaks for when it only looks: nobody needs a fresh token then."""
    return CartOwner(user_id=principal.user_id, token=principal.cart_token)


def owner_of(principal: Principal) -> CartOwner:
    """The owner a request speaks for."""
    if principal.user_id is not None:
        return CartOwner(user_id=principal.user_id)
    if principal.token_source == "bearer":  # noqa: S105 # says where the token came from, is none
        return CartOwner(token=principal.cart_token)
    return CartOwner(token=principal.cart_token, fresh_token=new_cart_token())


def channel_of(request: HotRequest) -> str | None:
    name = request.query("channel")
    if name is not None and not CHANNEL_NAME.fullmatch(name):
        raise ValidationFailedError.of([("channel", "A sales channel's short name: a-z, 0-9, - and _")])
    return name


def currency_of(request: HotRequest) -> str | None:
    """The currency that a cart to be made is asked for in."""
    name = request.query("currency")
    if name is not None and name not in MINOR_DIGITS:
        raise ValidationFailedError.of([("currency", "A currency's three letters by ISO 4217, such as EUR")])
    return name


def asks(request: HotRequest, name: str) -> bool:
    """Whether a query parameter that is a switch is on."""
    told = request.query(name)
    if told not in {None, "0", "1", "true", "false"}:
        raise ValidationFailedError.of([(name, "1 or 0")])
    return told in {"1", "true"}


def item_id_of(request: HotRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.param)
    except ValueError:
        raise ItemNotFoundError("An item's id is a UUID, as the cart's items[].id gives it.", field="id") from None


def added(request: HotRequest, item: AddItem) -> Change:
    """The change that an item to be added stands for; raises ValidationFailedError for what is too long."""
    return add(
        item.variant_id,
        item.quantity,
        attributes=checked_object(request, "attributes", item.attributes),
        note=checked_note(request, item.note),
        customisation=checked_object(request, "customisation", item.customisation),
    )


def carried(request: HotRequest, item: PatchItem | DuplicateItem) -> dict[str, Any]:
    """What a change says of note, attributes and customisation; null takes away, as `cart_merge_extra` does."""
    told: dict[str, Any] = {}
    if item.note is not msgspec.UNSET:
        told["note"] = checked_note(request, item.note) or None
    if item.attributes is not msgspec.UNSET:
        told["attributes"] = checked_object(request, "attributes", item.attributes) or None
    if item.customisation is not msgspec.UNSET:
        told["customisation"] = checked_object(request, "customisation", item.customisation) or None
    return told


def checked_object(request: RequestContext, name: str, value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Attributes or customisation, of a size that the shop keeps."""
    limit = request.service(Settings).cart_customisation_max_bytes
    try:
        encoded = ENCODER.encode(value or {})
    except RecursionError:
        raise MalformedJsonError("The body is nested too deeply") from None
    if len(encoded) > limit:
        raise ValidationFailedError.of([(name, f"At most {limit} bytes of JSON, not {len(encoded)}")])
    if b"\\u0000" in encoded:
        raise ValidationFailedError.of([(name, "A text must not contain NUL")])
    return value


def checked_note(request: RequestContext, note: str | None) -> str | None:
    limit = request.service(Settings).cart_note_max_chars
    if note is not None and len(note) > limit:
        raise ValidationFailedError.of([("note", f"At most {limit} characters, not {len(note)}")])
    if note is not None and "\0" in note:
        raise ValidationFailedError.of([("note", "A text must not contain NUL")])
    return note


async def apply_changes(
    request: HotRequest,
    event: str,
    changes: Sequence[Change],
    *,
    is_clear: bool = False,
    clear_scope: Literal["all", "selected"] = "all",
    is_atomic: bool = True,
    makes_cart: bool = False,
) -> Outcome:
    """`makes_cart`: the request may say in which currency."""
    command = command_of(request, event, changes, is_clear=is_clear, clear_scope=clear_scope, is_atomic=is_atomic)
    if makes_cart:
        command = dataclasses.replace(command, currency=currency_of(request))
    return await request.service(CartService).apply(command)


def command_of(
    request: HotRequest,
    event: str,
    changes: Sequence[Change] = (),
    *,
    is_clear: bool = False,
    clear_scope: Literal["all", "selected"] = "all",
    is_atomic: bool = True,
) -> Command:
    """What a request asks of its own cart, with its headers."""
    principal = request.principal
    key = request.header("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise ValidationFailedError.of([("Idempotency-Key", "1 to 255 printable ASCII characters, no blanks")])
    return Command(
        owner=owner_of(principal),
        event=event,
        changes=changes,
        is_clear=is_clear,
        clear_scope=clear_scope,
        is_minimal=wants_minimal(request),
        is_atomic=is_atomic,
        if_match=if_match_of(request.header("if-match")),
        idempotency_key=key,
        request_hash=_request_hash(request) if key is not None else b"",
        channel=channel_of(request),
        actor=principal.user_id or principal.kind,
        device=principal.device,
        correlation_id=request.request_id,
    )


def wants_minimal(request: HotRequest) -> bool:
    """Whether the client asks for no more than the changes: `Prefer: return=minimal` (RFC 7240)."""
    header = request.header("prefer")
    return header is not None and "return=minimal" in {part.strip().lower() for part in re.split("[,;]", header)}


def _request_hash(request: HotRequest) -> bytes:
    scope = request.scope
    head = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return hashlib.sha256(head.encode() + request.body).digest()


def if_match_of(header: str | None) -> int | None:
    """The version an If-Match header names; None without one, or for any."""
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise ValidationFailedError.of([("If-Match", 'The ETag of the cart, such as "7"')])
    return int(match[1])


def etag(version: int) -> tuple[bytes, bytes]:
    return (b"etag", b'"%d"' % version)


def headers_of(request: RequestContext, outcome: Outcome) -> list[tuple[bytes, bytes]]:
    headers = [etag(outcome.cart.version)]
    if outcome.delta is not None:
        headers.append((b"preference-applied", b"return=minimal"))
    if outcome.is_replay:
        headers.append((b"idempotent-replayed", b"true"))
    principal = request.principal
    token = outcome.token or (principal.cart_token if principal.token_source == "cookie" else None)  # noqa: S105 - where from
    if token is not None and outcome.cart.id is not None:
        settings = request.service(Settings)
        days = settings.cart_session_ttl_days
        cookie = cart_cookie(
            settings.cart_cookie_name,
            token,
            max_age_s=int(days * 86_400) if days else 400 * 86_400,
            secure=settings.cart_cookie_secure,
            root_path=request.root_path,
        )
        headers.append((b"set-cookie", cookie.encode()))
    return headers


def answer(request: HotRequest, outcome: Outcome) -> HotResponse:
    return HotResponse(ENCODER.encode(outcome.delta or outcome.cart), headers=headers_of(request, outcome))


def bulk_answer(request: HotRequest, outcome: Outcome) -> HotResponse:
    results = [
        ItemResult(
            index=index,
            ok=result.outcome == "OK",
            item_id=result.line_id if result.outcome == "OK" else None,
            quantity=result.after,
            error=None if result.outcome == "OK" else result.outcome,
            details=result.details,
        )
        for index, result in enumerate(outcome.answer.results)
    ]
    return HotResponse(
        ENCODER.encode(BulkAnswer(results, outcome.delta or outcome.cart)), headers=headers_of(request, outcome)
    )
