"""The two statements of the cart: one reads, one writes. Each serves every request that waits for it."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart.document import Answer, CartDocument, CouponDocument
from pannier.cart.models import CartOwner, Change, Command
from pannier.kernel.ids import hash_token
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_DOCUMENT = msgspec.json.Decoder(CartDocument)
_ANSWER = msgspec.json.Decoder(Answer)
_COUPONS = msgspec.json.Decoder(list[CouponDocument])
_ENCODER = msgspec.json.Encoder()

_OPTIONAL = (
    "variant_id",
    "quantity",
    "merge_key",
    "extra",
    "is_selected",
    "unit_price_minor",
    "copy_id",
    "reason",
    "select",
    "line_ids",
    "values",
    "accepted_minor",
    "listed_minor",
    "shelf_minor",
    "shown_minor",
    "ttl",
    "invalid",
)
_PLAIN = frozenset({"add", "set", "remove"})
_COUNTED = frozenset({"variant_id", "quantity"})
_OF_PLAIN_ADD = _COUNTED | {"listed_minor", "shelf_minor", "shown_minor"}
_READ = "select ord, document from cart_read($1, $2, $3, $4)"
# Changes whose stock is not found through a line of the cart.
_OF_WHOLE = frozenset({"metadata", "coupon", "delivery"})
_OF_OTHERS = frozenset({"add", "restore", "keep", "select", "reserve"}) | _OF_WHOLE
_MAKE_A_CART = frozenset({"add", "keep"}) | _OF_WHOLE
_APPLY = "select ord, outcome, answer from cart_apply($1, $2, $3, $4, $5, $6)"


class Applied(msgspec.Struct, frozen=True):
    """The answer to a command; `answer` is null when the key was refused before anything was looked at."""

    outcome: str
    answer: Answer | None
    is_replay: bool


async def read_carts(
    connection: Connection, owners: Sequence[tuple[CartOwner, str]], offset: timedelta
) -> list[CartDocument | None]:
    """The open carts of (owner, channel) pairs, by position; None where there is none."""
    rows = await connection.fetch(
        _READ,
        [hash_token(owner.token) if owner.token else owner.token_digest for owner, _ in owners],
        [owner.user_id for owner, _ in owners],
        [channel for _, channel in owners],
        offset,
    )
    documents: list[CartDocument | None] = [None] * len(owners)
    for ord_, document in rows:
        documents[ord_] = _DOCUMENT.decode(document)
    return documents


async def read_beside(
    connection: Connection, owner: CartOwner, cart_id: uuid.UUID, offset: timedelta
) -> CartDocument | None:
    """A cart of the owner's beside the open one; None when there is no such cart that is open."""
    digest = hash_token(owner.token) if owner.token else owner.token_digest
    text = await connection.fetchval("select cart_beside($1, $2, $3, $4)", cart_id, digest, owner.user_id, offset)
    return None if text is None else _DOCUMENT.decode(text)


async def apply_commands(
    connection: Connection,
    commands: Sequence[Command],
    settings: Settings,
    policy: msgspec.Raw,
    offset: timedelta,
) -> list[Applied | Exception]:
    """Carry out commands of different carts in one transaction; the answers come by position.

    What cannot be read of an answer is that command's error alone: by then all are committed, and must not run again.
    """
    changes = [change for command in commands for change in command.changes]
    rows = await connection.fetch(
        _APPLY,
        msgspec.Raw(_ENCODER.encode([_request(command, settings) for command in commands])),
        list({change.variant_id for change in changes if change.variant_id is not None}),
        [change.line_id for change in changes if change.op not in _OF_OTHERS],
        [change.line_id for change in changes if change.op == "restore"],
        policy,
        offset,
    )
    return [_applied(outcome, answer) for _, outcome, answer in rows]


def _applied(outcome: str, answer: str | None) -> Applied | Exception:
    try:
        decoded = None if answer is None else _ANSWER.decode(answer)
    except (msgspec.MsgspecError, RecursionError) as error:
        return error
    return Applied("OK" if outcome == "REPLAY" else outcome, decoded, outcome == "REPLAY")


async def document_of(
    connection: Connection,
    lines: Sequence[Mapping[str, Any]],
    currency: str,
    channel: str,
    user_id: str | None,
    destination: Mapping[str, Any] | None,
    shipping_method: str | None,
    now: datetime,
) -> CartDocument:
    """A cart's document of goods that are in no cart: `{id, variant_id, quantity}` each."""
    return _DOCUMENT.decode(
        await connection.fetchval(
            "select cart_document_of($1, $2, $3, $4, '{}', $5, $6, $7)",
            lines, currency, channel, user_id, destination, shipping_method, now,
        )
    )  # fmt: skip


async def offered(
    connection: Connection, commands: Sequence[tuple[int, Command]], settings: Settings, offset: timedelta
) -> list[tuple[int, CartDocument]]:
    """What commands add, each as a cart's document of its own for the shopper whose cart it is, by their numbers."""
    asked = [
        {
            "number": number,
            "channel": command.channel or settings.channel,
            "currency": command.currency or settings.currency,
            "lines": [
                {"id": change.line_id, "variant_id": change.variant_id, "quantity": change.quantity}
                for change in command.changes
                if change.is_offered
            ],
            **_whose(command.owner),
        }
        for number, command in commands
    ]
    rows = await connection.fetch(
        "select number, document from cart_offered($1, $2)", msgspec.Raw(_ENCODER.encode(asked)), offset
    )
    return [(number, _DOCUMENT.decode(document)) for number, document in rows]


async def find_coupons(
    connection: Connection, text: str, user_id: str | None, *, is_exact: bool
) -> list[CouponDocument]:
    """The coupon that a shopper means by a text, if there is one; not `is_exact`: however it is written."""
    codes = [text] if is_exact else await connection.fetchval("select coupon_codes($1)", [text.casefold()])
    return _COUPONS.decode(await connection.fetchval("select coupon_documents($1, $2, null)", codes, user_id))


async def expire_due(connection: Connection, limit: int, offset: timedelta) -> int:
    """Close up to `limit` carts whose time is up; answers how many."""
    closed: int = await connection.fetchval("select cart_expire_due($1, $2)", limit, offset)
    return closed


async def idle_due(connection: Connection, limit: int, after: timedelta, offset: timedelta) -> tuple[int, int]:
    """Look at up to `limit` carts that may be abandoned; answers how many were looked at, and how many are."""
    row = await connection.fetchrow("select looked_at, abandoned from cart_idle_due($1, $2, $3)", limit, after, offset)
    assert row is not None
    return row["looked_at"], row["abandoned"]


async def warn_due(connection: Connection, limit: int, ahead: timedelta, offset: timedelta) -> int:
    """Tell of up to `limit` carts that expire within `ahead`; answers of how many."""
    warned: int = await connection.fetchval("select cart_warn_due($1, $2, $3)", limit, ahead, offset)
    return warned


async def touch(connection: Connection, cart_ids: Collection[str], settings: Settings, offset: timedelta) -> None:
    """Give carts that were read their whole time again."""
    guest, user = settings.cart_session_ttl_days, settings.cart_user_ttl_days
    await connection.execute(
        "select cart_touch($1, $2, $3, $4)",
        list(cart_ids),
        timedelta(days=guest or 36_500),
        timedelta(days=user or 36_500),
        offset,
    )


def policy_of(settings: Settings, price_revision: int | None = None) -> msgspec.Raw:
    """The `cart_policy` of these settings, as JSON; with the revision of the prices by which what is added is shown."""
    seconds = "{:.3f} seconds".format
    days = "{:.6f} days".format
    policy = msgspec.json.encode(
        {
            "line_quantity_max": settings.cart_max_quantity_per_item,
            "cart_quantity_max": settings.cart_max_items,
            "line_count_max": settings.cart_max_lines,
            "saved_count_max": settings.cart_max_saved_lines,
            "metadata_bytes_max": settings.cart_metadata_max_bytes,
            "take_when_set": settings.short_set == "clamp"
            or (settings.short_set == "as_add" and settings.short_stock == "partial"),
            "lower_when_set": settings.short_set == "clamp",
            "save_expired": settings.hold_expired == "save",
            "aside_ttl": seconds(settings.checkout_ttl_s),
            "idle_after": f"{settings.cart_abandoned_after_hours:.6f} hours"
            if settings.cart_abandoned_after_hours
            else None,
            "clamp_over_limit": settings.over_limit == "clamp",
            "clamp_added": settings.over_limit == "clamp_added",
            "take_what_is_there": settings.short_stock == "partial",
            "stock": {"add": "hold", "immediate": "take"}.get(settings.hold_at, "none"),
            "hold_ttl": seconds(settings.hold_ttl_s),
            "hold_cap": seconds(settings.hold_cap_s),
            "guest_ttl": days(settings.cart_session_ttl_days) if settings.cart_session_ttl_days else None,
            "user_ttl": days(settings.cart_user_ttl_days) if settings.cart_user_ttl_days else None,
            "price_revision": price_revision,
        }
    )
    return msgspec.Raw(policy)


def _request(command: Command, settings: Settings) -> dict[str, object]:
    owner = command.owner
    request: dict[str, object] = {
        "op_id": command.op_id,
        "event": command.event,
        "channel": command.channel or settings.channel,
        "currency": command.currency or settings.currency,
        "atomic": command.is_atomic,
        "changes": [_change(change) for change in command.changes],
        "actor": command.actor,
        "device": command.device,
        "correlation_id": command.correlation_id,
    }
    request.update(_kinds(command))
    request.update(_whose(owner))
    if command.beside_id is not None:
        request["beside"] = command.beside_id
    elif command.cart_id is not None:
        request["cart_id"] = command.cart_id
    elif any(change.op in _MAKE_A_CART for change in command.changes):
        request["new_cart_id"] = command.new_cart_id
    if command.is_clear:
        request["clear"] = command.clear_scope
    if command.is_aside:
        request["aside"] = True
    if command.is_minimal:
        request["minimal"] = True
    if command.if_match is not None:
        request["if_match"] = command.if_match
    if command.idempotency_key is not None and owner.is_known:
        request["idem_key"] = command.idempotency_key
        request["idem_owner"] = (command.key_owner or owner.digest).hex()
        request["idem_hash"] = command.request_hash.hex()
    return request


def _whose(owner: CartOwner) -> dict[str, object]:
    """How a cart is found by its owner."""
    if owner.user_id is not None:
        return {"user_id": owner.user_id}
    if owner.token_digest is not None:
        return {"token": owner.token_digest.hex()}
    if owner.token is None:
        return {"token": hash_token(owner.fresh_token or "").hex()}
    whose: dict[str, object] = {"token": hash_token(owner.token).hex()}
    if owner.fresh_token is not None:
        whose["fresh_token"] = hash_token(owner.fresh_token).hex()
    return whose


def _is_plain(change: Change) -> bool:
    """Whether it moves a quantity and nothing else, so that its result tells history all: see `cart_touched`."""
    return change.op in _PLAIN and all(getattr(change, name) is None for name in _OPTIONAL if name not in _COUNTED)


def _kinds(command: Command) -> dict[str, object]:
    """What the statement may know of a request without a look at its changes."""
    changes = command.changes
    kinds: dict[str, object] = {}
    if all(map(_is_plain, changes)):
        kinds["plain"] = True
    if not command.is_clear and all(change.op == "add" for change in changes):
        kinds["adds"] = True
        if len(changes) == 1 and _is_plain_add(command):
            kinds["plain_add"] = True
    if any(change.op in _OF_WHOLE for change in changes):
        kinds["tells_whole"] = True
    if any(change.op == "reserve" for change in changes):
        kinds["reserves"] = True
    return kinds


def _is_plain_add(command: Command) -> bool:
    """Whether it may be carried out with others of its kind: see sql/plain.sql."""
    (change,) = command.changes
    is_bare = all(getattr(change, name) is None for name in _OPTIONAL if name not in _OF_PLAIN_ADD)
    is_of_the_open = not command.is_aside and command.beside_id is None and command.if_match is None
    return is_bare and is_of_the_open and change.quantity is not None and change.quantity > 0


def _change(change: Change) -> dict[str, object]:
    known: dict[str, object] = {"op": change.op, "line_id": change.line_id}
    for name in _OPTIONAL:
        value = getattr(change, name)
        if value is not None:
            known[name] = value
    return known
