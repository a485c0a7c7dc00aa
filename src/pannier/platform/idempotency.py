"""Requests that may be sent again: the first answer is kept under the owner and the key the client chose.

The record is written in the transaction of the change itself, business refusals included, so after a lost
connection it tells what became of the request. Failures of the server (5xx) are never recorded.

    key = key_of(principal, header, method="POST", target="/api/v1/orders/7K3M/cancel", body=b"{}")
    answer = await once(db, key, command)          # command(connection) -> Answer, or raises a refusal
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from fastapi import Header

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.kernel.ids import hash_token
from pannier.platform.database import SETTLE_S, Database, DatabaseUnavailableError
from pannier.platform.principal import Principal
from pannier.platform.problems import ValidationFailedError, all_errors

if TYPE_CHECKING:
    from pannier.platform.database import Connection

T = TypeVar("T")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEY_SCHEMA = {"type": "string", "pattern": "^[!-~]{1,255}$"}
KEY_DESCRIPTION = "Carried out once, however often it is sent within 24 hours; a replay gets the first answer."
#: The header of a FastAPI route; `key_of` judges it.
KeyHeader = Annotated[
    str | None, Header(alias="Idempotency-Key", description=KEY_DESCRIPTION, json_schema_extra={**KEY_SCHEMA})
]
_REPLAYED = "Idempotent-Replayed"
_SETTLE_ATTEMPTS = 6
_BEGIN = "select outcome, answer from idempotency_begin($1, $2, $3)"
_KEEP = "select idempotency_keep($1, $2, $3, $4, $5)"


class IdempotencyConflictError(PannierError):
    """This Idempotency-Key belongs to another request. Use a new key for every new request."""

    kind = ErrorKind.unprocessable
    error = "IDEMPOTENCY_CONFLICT"
    code = "IDEMPOTENCY_001"
    title = "The idempotency key was used for another request"


class IdempotencyInFlightError(PannierError):
    """The first request with this Idempotency-Key is still being carried out. Wait a moment and repeat it."""

    kind = ErrorKind.conflict
    error = "IDEMPOTENCY_IN_FLIGHT"
    code = "IDEMPOTENCY_002"
    title = "The same request is still under way"


@dataclass(frozen=True, slots=True)
class Key:
    """A client's key: whose, which, and the SHA-256 of the request it stands for."""

    owner: bytes
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request came to: a status and a JSON body, ready to be sent and to be kept."""

    body: bytes
    status: int = 200
    is_replay: bool = False


class _Kept(msgspec.Struct, omit_defaults=True):
    """An answer or a refusal, as it stands in `idempotency_record.answer`."""

    status: int = 0
    body: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    message: str = ""
    field: str | None = None
    details: dict[str, Any] = {}
    headers: dict[str, str] = {}


def owner_digest(principal: Principal) -> bytes:
    """Whose keys these are: 32 bytes. A user's and a guest's are those of their cart."""
    if principal.user_id is not None:
        return owner_of_user(principal.user_id)
    if principal.cart_token is not None:
        return hash_token(principal.cart_token)
    return hashlib.sha256(b"kind:" + principal.kind.encode()).digest()


def owner_of_user(user_id: str) -> bytes:
    """Whose keys a user's are."""
    return hashlib.sha256(b"user:" + user_id.encode()).digest()


def key_of(principal: Principal, key: str | None, *, method: str, target: str, body: bytes = b"") -> Key | None:
    """The key a request came with, None without one. Raises ValidationFailedError for one that is malformed."""
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ValidationFailedError.of([("Idempotency-Key", "1 to 255 printable ASCII characters, no blanks")])
    request_hash = hashlib.sha256(f"{method} {target}\n".encode() + body).digest()
    return Key(owner_digest(principal), key, request_hash)


def kept_answer(answer: Answer) -> str:
    """The text that an answer is kept as."""
    return msgspec.json.encode(_Kept(status=answer.status, body=msgspec.Raw(answer.body))).decode()


def kept_refusal(refusal: PannierError) -> str:
    """The text that a refusal is kept as."""
    kept = _Kept(
        error=refusal.error,
        message=refusal.message,
        field=refusal.field,
        details=refusal.details,
        headers=refusal.headers,
    )
    return msgspec.json.encode(kept, enc_hook=str).decode()


def replayed(outcome: str, text: str | None) -> Answer:
    """The first answer again; raises the first refusal again, or says why there is neither."""
    if outcome == "IDEMPOTENCY_CONFLICT":
        raise IdempotencyConflictError(
            "This Idempotency-Key was used for a different request. Use a new key for every new request.",
            field="Idempotency-Key",
        )
    if outcome == "IDEMPOTENCY_IN_FLIGHT" or text is None:
        raise IdempotencyInFlightError(
            "The first request with this Idempotency-Key is still under way. Repeat it in a second.",
            field="Idempotency-Key",
            headers={"Retry-After": "1"},
        )
    kept = msgspec.json.decode(text, type=_Kept)
    if kept.error is None:
        return Answer(bytes(kept.body), kept.status, is_replay=True)
    cls = next((found for found in all_errors() if found.error == kept.error), PannierError)
    headers = {**kept.headers, _REPLAYED: "true"}
    raise cls(kept.message, field=kept.field, details=kept.details, headers=headers)


def replay_headers(answer: Answer) -> dict[str, str]:
    """What an answer says of its being a repetition."""
    return {_REPLAYED: "true"} if answer.is_replay else {}


async def begin(connection: Connection, key: Key | None) -> Answer | None:
    """The answer this key already has; None when it is new, and reserved for this transaction."""
    if key is None:
        return None
    outcome, text = await connection.fetchrow(_BEGIN, key.owner, key.key, key.request_hash)  # type: ignore[misc]  # one row, always
    return None if outcome is None else replayed(outcome, text)


async def keep(connection: Connection, key: Key | None, text: str, now: datetime) -> None:
    """Write the record; `text` is of `kept_answer` or `kept_refusal`."""
    if key is not None:
        await connection.execute(_KEEP, key.owner, key.key, key.request_hash, text, now)


async def correct(connection: Connection, key: Key | None, text: str) -> None:
    """Keep another text under a key that has one: what was answered first is no longer what the request came to."""
    if key is not None:
        await connection.execute(
            "update idempotency_record set answer = $4 where owner = $1 and key = $2 and request_hash = $3",
            key.owner,
            key.key,
            key.request_hash,
            text,
        )


def is_recorded(refusal: PannierError) -> bool:
    """Whether a refusal is a matter of business, which stays what it is when asked again."""
    return refusal.kind not in {ErrorKind.unavailable, ErrorKind.internal, ErrorKind.rate_limited}


async def once(
    db: Database,
    key: Key | None,
    command: Callable[[Connection], Awaitable[Answer]],
    patience_s: float | None = None,
) -> Answer:
    """Carry out a command in one transaction; with a key, exactly once, whatever happens to the connection.

    A refusal takes back what the command did before it, and is recorded like an answer.
    """

    async def run(connection: Connection) -> Answer | PannierError:
        known = await begin(connection, key)
        if known is not None:
            return known
        try:
            async with connection.transaction():
                answer = await command(connection)
        except PannierError as refusal:
            if key is None or not is_recorded(refusal):
                raise
            await keep(connection, key, kept_refusal(refusal), db.clock.now())
            return refusal
        await keep(connection, key, kept_answer(answer), db.clock.now())
        return answer

    outcome = await settled(lambda: db.write(run, patience_s), is_repeatable=key is not None)
    if isinstance(outcome, PannierError):
        raise outcome
    return outcome


async def settled(attempt: Callable[[], Awaitable[T]], *, is_repeatable: bool) -> T:
    """The outcome of an attempt, also when its connection is lost while it commits.

    A repeatable attempt finds under its own lock what became of the first one, so it is made again; nothing is
    guessed. An answer found that way is not told as a replay: to the client it is the first.
    """
    try:
        return await attempt()
    except DatabaseUnavailableError as lost:
        if not is_repeatable:
            raise
        error: PannierError = lost
    give_up_at = asyncio.get_running_loop().time() + SETTLE_S
    for number in range(_SETTLE_ATTEMPTS):
        await asyncio.sleep(0.02 * 2**number)
        if asyncio.get_running_loop().time() > give_up_at:
            break
        try:
            outcome = await attempt()
        except DatabaseUnavailableError as lost:
            error = lost
        except IdempotencyInFlightError:
            # The server has not noticed yet that nobody listens; it will commit, or not.
            continue
        else:
            if isinstance(outcome, Answer):
                return replace(outcome, is_replay=False)
            return outcome
    raise error
