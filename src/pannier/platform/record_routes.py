"""What the routes of records share: who changes, under which key, of which version; pages; the shape of a document."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel

from pannier.platform.database import Database
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    Key,
    KeyHeader,
    key_of,
    once,
    replay_headers,
)
from pannier.platform.principal import ForbiddenError, LoginRequiredError, Principal, require_role, require_user
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import Cause, Record, RecordArchivedError, RecordChangedError, as_json

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
_DEPTH_MAX = 20

Staff = Annotated[Principal, Depends(require_role("staff"))]
User = Annotated[Principal, Depends(require_user)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[uuid.UUID | None, Query(description="`next_cursor` of the page before.")]
IsArchived = Annotated[bool, Query(description="Those that were archived, too.")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The ETag of the record that the change is meant for; 412 when it has changed.",
        json_schema_extra={"pattern": r'^[ \t]*(\*|(W/)?"[0-9]{1,18}")[ \t]*$'},
    ),
]
READ_ERRORS = (LoginRequiredError, ForbiddenError, ValidationFailedError)
WRITE_ERRORS = (*READ_ERRORS, IdempotencyConflictError, IdempotencyInFlightError)
CHANGE_ERRORS = (*WRITE_ERRORS, RecordChangedError, RecordArchivedError)


class RecordDocument(BaseModel):
    """What every record has."""

    id: uuid.UUID
    version: int
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


class StaffCommand:
    """A dependency: carries a command of this request out once, however often it is sent under one key."""

    def __init__(self, db: Database, key: Key | None, cause: Cause, if_match: int | None) -> None:
        self._db = db
        self._key = key
        self.cause = cause
        self.if_match = if_match
        self.now = db.clock.now()

    async def answer(
        self, command: Callable[[Connection], Awaitable[object]], status: int = 200, *, is_long: bool = False
    ) -> Response:
        """The answer to the command, which runs in one transaction with the record of it.

        `is_long`: it may take as long as a job may.
        """

        async def run(connection: Connection) -> Answer:
            return Answer(as_json(await command(connection)).encode(), status)

        answer = await once(self._db, self._key, run, self._db.job_patience_s if is_long else None)
        return Response(answer.body, answer.status, replay_headers(answer) | _etag(answer.body), "application/json")


async def staff_command(
    request: Request,
    principal: Staff,
    db: Annotated[Database, Depends(service_of(Database))],
    key: KeyHeader = None,
    if_match: IfMatch = None,
) -> StaffCommand:
    """What a change by staff runs under."""
    context: RequestContext = request.scope["pannier"]
    cause = Cause(principal.user_id or principal.kind, principal.device, context.request_id)
    target, body = request.scope["path"], await request.body()
    found = key_of(principal, key, method=request.method, target=target, body=body)
    return StaffCommand(db, found, cause, version_of(if_match))


async def user_command(
    request: Request,
    principal: User,
    db: Annotated[Database, Depends(service_of(Database))],
    key: KeyHeader = None,
) -> StaffCommand:
    """What a change by a customer of what is theirs runs under."""
    context: RequestContext = request.scope["pannier"]
    cause = Cause(principal.user_id or principal.kind, principal.device, context.request_id)
    target, body = request.scope["path"], await request.body()
    found = key_of(principal, key, method=request.method, target=target, body=body)
    return StaffCommand(db, found, cause, None)


Command = Annotated[StaffCommand, Depends(staff_command)]
UserCommand = Annotated[StaffCommand, Depends(user_command)]


def version_of(header: str | None) -> int | None:
    """The version an If-Match header names; None without one, or for any. Raises ValidationFailedError."""
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise ValidationFailedError.of([("If-Match", 'The ETag of the record, such as "7"')])
    return int(match[1])


def show(record: Record) -> Response:
    """One record, with its ETag."""
    body = as_json(record).encode()
    return Response(body, 200, _etag(body), "application/json")


def show_page(name: str, records: Iterable[Record], limit: int) -> Response:
    """A page of at most `limit`; one more was asked for, to know whether there is another page."""
    found = list(records)
    cursor = found[limit - 1]["id"] if len(found) > limit else None
    return Response(as_json({name: found[:limit], "next_cursor": cursor}), media_type="application/json")


def decimals_of(value: Any, field: str, depth: int = 0) -> Any:
    """JSON as it was read, its fractions as the decimals that were written. Raises ValidationFailedError."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValidationFailedError.of([(field, "A number that is neither infinite nor none")])
        return Decimal(str(value))
    if depth > _DEPTH_MAX:
        raise ValidationFailedError.of([(field, f"Nothing that is nested deeper than {_DEPTH_MAX}")])
    if isinstance(value, Mapping):
        return {name: decimals_of(inner, f"{field}.{name}", depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [decimals_of(inner, f"{field}.{place}", depth + 1) for place, inner in enumerate(value)]
    return value


class _Versioned(msgspec.Struct):
    version: int | None = None


def _etag(body: bytes) -> dict[str, str]:
    version = msgspec.json.decode(body, type=_Versioned).version
    return {} if version is None else {"ETag": f'"{version}"'}
