"""Every refusal as `application/problem+json` (RFC 9457), in one shape.

    {"type": "urn:pannier:problem:insufficient-stock", "title": "...", "status": 409, "detail": "...",
     "instance": "/api/v1/cart/items", "error": "INSUFFICIENT_STOCK", "code": "STOCK_001",
     "field": "quantity" | null, "details": {...}, "request_id": "...", "cart": {...} where that helps}

`details` is always an object; `cart` is there only when the refusal came with one. The table below
is the only place where a kind of refusal becomes a status; refusals that only HTTP knows (405, 415,
431) carry their status themselves, see `HttpError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.database import unavailable
from pannier.platform.validation import words_of

CONTENT_TYPE = "application/problem+json"

STATUS_BY_KIND: Mapping[ErrorKind, int] = {
    ErrorKind.invalid: 400,
    ErrorKind.unauthenticated: 401,
    ErrorKind.payment_required: 402,
    ErrorKind.forbidden: 403,
    ErrorKind.not_found: 404,
    ErrorKind.conflict: 409,
    ErrorKind.gone: 410,
    ErrorKind.precondition_failed: 412,
    ErrorKind.too_large: 413,
    ErrorKind.unprocessable: 422,
    ErrorKind.rate_limited: 429,
    ErrorKind.internal: 500,
    ErrorKind.unavailable: 503,
}


class HttpError(PannierError):
    """The request was refused before it meant anything to the shop; `detail` says what to send instead."""

    error = "REQUEST_REFUSED"
    code = "HTTP_000"
    title = "The request was refused"
    status: int = 400


class MalformedJsonError(HttpError):
    """The body is not JSON. `detail` says where it stops being so."""

    error = "MALFORMED_JSON"
    code = "HTTP_001"
    title = "The body is not valid JSON"


class RouteNotFoundError(HttpError):
    """Nothing answers at this path. `/api/v1/openapi.json` lists all that does."""

    kind = ErrorKind.not_found
    error = "ROUTE_NOT_FOUND"
    code = "HTTP_404"
    title = "There is nothing at this address"
    status = 404


class MethodNotAllowedError(HttpError):
    """The path exists, but not with this method; the `Allow` header lists those that do."""

    error = "METHOD_NOT_ALLOWED"
    code = "HTTP_405"
    title = "This address does not take that method"
    status = 405


class BodyTooLargeError(HttpError):
    """The body has more bytes than `PANNIER_MAX_BODY_BYTES`; `details.limit_bytes` is the bound."""

    kind = ErrorKind.too_large
    error = "BODY_TOO_LARGE"
    code = "HTTP_413"
    title = "The body is too large"
    status = 413


class UnsupportedMediaTypeError(HttpError):
    """The body is not of a type this address takes. Send `Content-Type: application/json`."""

    error = "UNSUPPORTED_MEDIA_TYPE"
    code = "HTTP_415"
    title = "The body's content type is not taken here"
    status = 415


class HeadersTooLargeError(HttpError):
    """Too many header fields, or too many bytes of them. Clear the cookies of this site and try again."""

    kind = ErrorKind.too_large
    error = "HEADERS_TOO_LARGE"
    code = "HTTP_431"
    title = "The header fields are too large"
    status = 431


class ValidationFailedError(PannierError):
    """The input has the wrong shape. `details.errors` has one `{field, message}` for every fault."""

    kind = ErrorKind.unprocessable
    error = "VALIDATION_FAILED"
    code = "INPUT_001"
    title = "The input is not valid"

    @classmethod
    def of(cls, faults: Sequence[tuple[str, str]]) -> ValidationFailedError:
        """From `(field, message)` pairs, in the order of the input; there is at least one."""
        field, message = faults[0]
        more = f" ({len(faults) - 1} more in details.errors)" if len(faults) > 1 else ""
        return cls(
            f"{field or 'body'}: {message}{more}",
            field=field or None,
            details={"errors": [{"field": name, "message": text} for name, text in faults]},
        )


class InternalError(PannierError):
    """A fault of the server; the log has the rest under `request_id`."""

    kind = ErrorKind.internal
    error = "INTERNAL"
    code = "SERVER_001"
    title = "Something went wrong on our side"


class ShuttingDownError(PannierError):
    """This process is stopping and takes nothing new. Try again; another one will answer."""

    kind = ErrorKind.unavailable
    error = "SHUTTING_DOWN"
    code = "SERVER_002"
    title = "The server is shutting down"


# A NUL or half a surrogate pair is valid JSON and no PostgreSQL text.
_UNSTORABLE_TEXT: tuple[type[BaseException], ...] = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    UnicodeEncodeError,
)
_DATABASE_DOWN: tuple[type[BaseException], ...] = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalClientError,
    # It answers, but not in the time a statement or a lock may take.
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
)


def as_refusal(error: BaseException, scope: Mapping[str, Any]) -> PannierError:
    """The refusal that a client may see for any exception; the text of an unexpected one stays inside.

    `scope` is the request's, which tells where a text came from that cannot be stored.
    """
    if isinstance(error, PannierError):
        return error
    if isinstance(error, _DATABASE_DOWN):
        return unavailable(error)
    if isinstance(error, _UNSTORABLE_TEXT):
        place = "path" if "\0" in scope["path"] else "query" if b"%00" in scope["query_string"] else ""
        return ValidationFailedError.of([(place, "A text holds what cannot be stored: NUL or a lone surrogate")])
    return InternalError("The server could not answer. Quote the request id when you report it.")


def status_of(error: PannierError | type[PannierError]) -> int:
    """The HTTP status of a refusal."""
    status: int | None = getattr(error, "status", None)
    return status if status is not None else STATUS_BY_KIND[error.kind]


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as an answer: status, headers without content type and length, and the body, JSON by default."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    content_type: str = CONTENT_TYPE


#: Makes a page of a refusal: of (scope, refusal, request id). None where problem details are the right answer.
ProblemPage = Callable[[Mapping[str, Any], PannierError, str | None], Problem | None]


def problem_type(error: PannierError | type[PannierError]) -> str:
    """The `type` member: a name that outlives hosts and prefixes, so a URN and no address."""
    return "urn:pannier:problem:" + error.error.lower().replace("_", "-")


def render(error: PannierError, *, instance: str, request_id: str | None) -> Problem:
    """The answer to a refusal. `instance` is the path that was asked for, prefix of a mount included."""
    status = status_of(error)
    document: dict[str, Any] = {
        "type": problem_type(error),
        "title": error.title,
        "status": status,
        "detail": error.message,
        "instance": instance,
        "error": error.error,
        "code": error.code,
        "field": error.field,
        "details": error.details,
        "request_id": request_id,
    }
    if error.cart is not None:
        document["cart"] = msgspec.Raw(error.cart) if isinstance(error.cart, bytes) else error.cart
    headers = dict(error.headers)
    if error.kind is ErrorKind.unavailable and not any(name.lower() == "retry-after" for name in headers):
        headers["Retry-After"] = "1"
    return Problem(status, headers, msgspec.json.encode(document, enc_hook=str))


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One refusal as the reference lists it."""

    error: str
    code: str
    status: int
    title: str
    description: str


def all_errors() -> list[type[PannierError]]:
    """Every refusal of the packages that are imported, by code; `pannier.app` imports all of them."""
    found: set[type[PannierError]] = set()
    pending = [PannierError]
    while pending:
        for child in pending.pop().__subclasses__():
            pending.append(child)
            # An application that embeds the shop may have subclasses of its own; they are not ours to list.
            if child.__module__.split(".")[0] == "pannier" and "error" in vars(child):
                found.add(child)
    return sorted(found, key=lambda cls: (cls.code, cls.error))


def error_entries() -> list[ErrorEntry]:
    """`all_errors` as plain values, for the reference page and the test that keeps it true."""
    return [
        ErrorEntry(cls.error, cls.code, status_of(cls), cls.title, inspect.cleandoc(cls.__doc__ or ""))
        for cls in all_errors()
    ]


_PLACES = frozenset({"body", "query", "path", "header", "cookie"})


def faults_of_pydantic(errors: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """`(field, message)` of FastAPI's validation errors; the input is not echoed, it may be a secret."""
    faults = []
    for error in errors:
        place, *path = (str(part) for part in error["loc"])
        field = ".".join(path) if place in _PLACES else ".".join([place, *path])
        faults.append((field, words_of(error)))
    return faults


PROBLEM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457).",
    "required": [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "error",
        "code",
        "field",
        "details",
        "request_id",
    ],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "error": {"type": "string", "examples": ["INSUFFICIENT_STOCK"]},
        "code": {"type": "string", "examples": ["STOCK_001"]},
        "field": {"type": ["string", "null"]},
        "details": {"type": "object"},
        "request_id": {"type": ["string", "null"]},
        "cart": {"type": "object", "description": "The current cart, where that helps."},
    },
}


def problem_responses(*errors: type[PannierError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI response objects by status for the refusals an operation may answer with.

    For a FastAPI route: `@router.post(..., responses=problem_responses(ItemNotFoundError, EmptyCartError))`.
    """
    grouped: dict[int, list[type[PannierError]]] = {}
    for cls in errors:
        grouped.setdefault(status_of(cls), []).append(cls)
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{cls.error}`" for cls in classes),
            "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, classes in sorted(grouped.items())
    }
