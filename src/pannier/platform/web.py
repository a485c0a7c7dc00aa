"""The edge: what happens to every request before and after its route.

In this order: request id, principal, rate limit (429), limits of size (431, 413), start of the application if
nobody started it, the hot routes, else FastAPI; then metrics, access log, and a problem document for whatever was
raised. It is one function and no stack of middleware, since each layer of one costs more than all this does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pannier.kernel.ids import new_request_id
from pannier.platform import problems
from pannier.platform.admission import admit, identify
from pannier.platform.answering import Answer
from pannier.platform.cors import Cors
from pannier.platform.hot import HotRequest, HotRoute, HotRoutes, Provide, RequestContext
from pannier.platform.observability.context import correlation_id, trace_id, trace_id_of
from pannier.platform.observability.metrics import UNMATCHED, Metrics
from pannier.platform.principal import Principal, PrincipalResolver
from pannier.platform.rate_limits import RateLimiter

AccessLog = Literal["off", "errors", "all"]
Headers = list[tuple[bytes, bytes]]

REQUEST_ID_LENGTH_MAX = 128
_DISCARDED_TIMES = 8  # a body of so many times the limit is read to its end, so that its refusal arrives
_DISCARDING_S = 5.0
CLIENT_GONE = 499  # booked when the client hung up before it could be answered; nobody receives it

# What an answer says unless it says otherwise: a page of the documentation brings its own policy.
DEFAULT_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
#: Said besides where cookies are sent over HTTPS only: the shop is not to be had without it.
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")

_NOBODY = Principal()
# What opens a door by itself stands in no log.
_SECRET = re.compile(r"(?<=/shared-carts/)[^/]+")

_access = logging.getLogger("pannier.access")
_errors = logging.getLogger("pannier.errors")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what is read of a request."""

    body_bytes: int = 1024 * 1024
    header_count: int = 100
    header_bytes: int = 32 * 1024


class Gate:
    """Counts the requests inside; `is_open` once the application runs, until then each awaits `opener`."""

    def __init__(self, opener: Callable[[], Awaitable[None]]) -> None:
        self.is_open = False
        self.in_flight = 0
        self.open = opener
        self._idle: asyncio.Event | None = None

    def leave(self) -> None:
        """One request less."""
        self.in_flight -= 1
        if self._idle is not None and self.in_flight == 0:
            self._idle.set()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nobody is inside, at most so long; whether that came about."""
        if self.in_flight == 0:
            return True
        self._idle = asyncio.Event()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            return False
        finally:
            self._idle = None
        return True


class ClientGoneError(Exception):
    """The client hung up before its body was here."""


class Edge:
    """The outermost ASGI callable for HTTP and WebSocket requests of one application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hot: HotRoutes,
        gate: Gate,
        provide: Provide,
        resolver: PrincipalResolver,
        metrics: Metrics,
        limits: Limits,
        access_log: AccessLog,
        template_of: Callable[[Scope], str | None],
        page: problems.ProblemPage | None = None,
        limiter: RateLimiter | None = None,
        cors: Cors | None = None,
        is_https_only: bool = False,
    ) -> None:
        self._app = app
        self._hot = hot
        self._gate = gate
        self._provide = provide
        self._resolver = resolver
        self._metrics = metrics
        self._limits = limits
        self._log_from = {"off": 1000, "errors": 400, "all": 0}[access_log]
        self._template_of = template_of
        self._page = page
        self._limiter = limiter
        self._cors = cors
        self._defaults = [*DEFAULT_HEADERS, *([HTTPS_ONLY] if is_https_only else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._websocket(scope, receive, send)
            return
        started = perf_counter()
        headers = dict(scope["headers"])
        request_id = _request_id(headers)
        reset_id = correlation_id.set(request_id)
        reset_trace = trace_id.set(trace_id_of(headers[b"traceparent"])) if b"traceparent" in headers else None
        answer = Answer(send, [(b"x-request-id", request_id.encode())], self._defaults)
        self._gate.in_flight += 1
        template = UNMATCHED
        try:
            path, principal = route_path(scope), self._resolver.resolve(headers)
            if self._cors is not None:
                answer.said += self._cors.headers(path, headers)
            # Before all other refusals, so that they count too.
            if self._limiter is not None:
                await self._count(self._limiter, scope, path, principal or _NOBODY, answer)
            await self._check_size(headers, scope["headers"], receive)
            if self._cors is not None and (told := self._cors.preflight(scope["method"], path, headers)) is not None:
                await answer.whole(204, told, b"", b"")
                return
            found = self._hot.find(scope["method"], path)
            if not self._gate.is_open and (found is None or found[0].needs_start):
                await self._gate.open()
                principal = self._resolver.resolve(headers)
            if principal is None or principal.is_questionable:
                principal = await identify(self._resolver, scope, path, headers, principal, answer.cookies)
                admit(scope["method"], path, headers, principal, self._cors)
            context = HotRequest(scope, headers, principal, request_id, self._provide)
            scope["pannier"] = context
            if found is not None:
                template = found[0].path
                receive = await self._serve_hot(*found, context, receive, answer)
            if not answer.is_complete:
                inner = _inner(scope)
                try:
                    await self._app(inner, _bounded(receive, self._limits.body_bytes), answer)
                finally:
                    template = self._template_of(inner) or UNMATCHED
        except ClientGoneError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is becomes a problem document
            await self._refuse(error, answer, scope, request_id)
        finally:
            self._gate.leave()
            # Nothing was sent where the task was cancelled or the client is gone.
            self._book(scope, template, answer.status or CLIENT_GONE, perf_counter() - started)
            if reset_trace is not None:
                trace_id.reset(reset_trace)
            correlation_id.reset(reset_id)

    def _book(self, scope: Scope, template: str, status: int, duration_s: float) -> None:
        self._metrics.route(template, scope["method"]).observe(status, duration_s)
        if status >= self._log_from:
            _log_access(scope, template, status, duration_s)

    async def _serve_hot(
        self, route: HotRoute, param: str, request: HotRequest, receive: Receive, answer: Answer
    ) -> Receive:
        """Answer, or leave that to FastAPI, which receives the body by what is returned."""
        request.param = param
        unread = receive
        if route.method != "GET":
            request.body = await _read_body(receive, self._limits.body_bytes)
            unread = _with_body(request.body, receive)
        response = await route.handler(request)
        if response is None:
            return unread
        await answer.whole(response.status, response.headers, response.content_type, response.body)
        return receive

    async def _refuse(self, error: Exception, answer: Answer, scope: Scope, request_id: str) -> None:
        """Answer with a problem, unless something was sent already; what is no refusal goes to the log."""
        refusal = problems.as_refusal(error, scope)
        if isinstance(refusal, problems.InternalError):
            _errors.error("unexpected %s", type(error).__name__, exc_info=error, extra=_place(scope))
        if answer.status == 0:
            problem = self._page(scope, refusal, request_id) if self._page is not None else None
            if problem is None:
                problem = problems.render(refusal, instance=scope["path"], request_id=request_id)
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
            if problem.status == 413:
                # The rest of the body is still on its way, and nobody is going to read it.
                headers.append((b"connection", b"close"))
            await answer.whole(problem.status, headers, problem.content_type.encode(), problem.body)
        elif not answer.is_complete:
            # Half an answer must not look like a whole one: the server closes the connection on an exception.
            raise error

    async def _count(self, limiter: RateLimiter, scope: Scope, path: str, principal: Principal, answer: Answer) -> None:
        standing = await limiter.count(scope, path, principal)
        if standing is not None:
            answer.said += standing.headers()
            if standing.remaining < 0:
                raise standing.refusal()

    async def _check_size(self, headers: Mapping[bytes, bytes], raw: Headers, receive: Receive) -> None:
        limits = self._limits
        size = sum([len(name) + len(value) for name, value in raw])
        if len(raw) > limits.header_count or size > limits.header_bytes:
            raise problems.HeadersTooLargeError(
                "The header fields are too many or too long.",
                details={"limit_count": limits.header_count, "limit_bytes": limits.header_bytes},
            )
        length, limit = headers.get(b"content-length"), limits.body_bytes
        if length is None or (length.isdigit() and int(length) <= limit):
            return
        # Who asks first whether to send the body hears so at once; who sends far too much is cut off.
        if b"expect" not in headers and length.isdigit() and int(length) <= limit * _DISCARDED_TIMES:
            await _discard(receive, limit)
        raise _too_large(limit)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._gate.is_open:
            await self._gate.open()
        headers = dict(scope["headers"])
        request_id = _request_id(headers)
        reset_id = correlation_id.set(request_id)
        self._gate.in_flight += 1
        try:
            found = self._resolver.resolve(headers)
            principal = await identify(self._resolver, scope, route_path(scope), headers, found, [])
            scope["pannier"] = RequestContext(scope, headers, principal, request_id, self._provide)
            await self._app(scope, receive, send)
        finally:
            self._gate.leave()
            correlation_id.reset(reset_id)


def route_path(scope: Scope) -> str:
    """The path without the prefix the application is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
        return path[len(root) :]
    return path


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    """The client's own id where it is short and printable, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and 0 < len(given) <= REQUEST_ID_LENGTH_MAX and given.isascii():
        text = given.decode("ascii")
        if text.isprintable():
            return text
    return new_request_id()


async def _read_body(receive: Receive, limit: int) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False) and len(body) <= limit:
        return body
    chunks, size = [], 0
    while True:
        if message["type"] != "http.request":
            raise ClientGoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            if message.get("more_body", False):
                await _discard(receive, limit)
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def _inner(scope: Scope) -> Scope:
    """A copy, since a host's routing left its own endpoint in it, and will look for it afterwards."""
    return {key: value for key, value in scope.items() if key not in {"endpoint", "route"}}


def _with_body(body: bytes, receive: Receive) -> Receive:
    """`receive` that begins with a body which was read already."""
    is_told = False

    async def told() -> Message:
        nonlocal is_told
        if is_told:
            return await receive()
        is_told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return told


def _bounded(receive: Receive, limit: int) -> Receive:
    """`receive` that refuses once more than `limit` bytes came, whatever Content-Length said."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            if message.get("more_body", False):
                await _discard(receive, limit)
            # FastAPI lets this class through while it reads a body; all else becomes its own 400.
            raise HTTPException(413)
        return message

    return bounded


async def _discard(receive: Receive, limit: int) -> None:
    """Read the rest of a body that is too large, within bounds.

    Closing a connection on which a client still writes resets it, and the client never sees why.
    """
    left = limit * _DISCARDED_TIMES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARDING_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _too_large(limit: int) -> problems.BodyTooLargeError:
    return problems.BodyTooLargeError(f"The body may have {limit} bytes at most.", details={"limit_bytes": limit})


def _place(scope: Scope) -> dict[str, Any]:
    return {"method": scope["method"], "path": _SECRET.sub("{token}", scope["path"])}


def _log_access(scope: Scope, template: str, status: int, duration_s: float) -> None:
    client = scope.get("client")
    place = _place(scope)
    extra = {
        **place,
        "route": template,
        "status": status,
        "duration_ms": round(duration_s * 1000, 3),
        "client": client[0] if client else None,
    }
    _access.info("%s %s %d", place["method"], place["path"], status, extra=extra)
