"""Routes that are answered before FastAPI is asked: a dictionary look-up, a handler, bytes.

A FastAPI route costs some 140 µs of CPU and the same answer from here a third of that. The handler
is an `async def handler(request: HotRequest) -> HotResponse`; it raises PannierError like any other
code, and request id, principal, limits, metrics and problem details are those of every route.

    ADD = msgspec.json.Decoder(AddItem)

    async def add_item(request: HotRequest) -> HotResponse:
        wanted = request.decode(ADD)                      # 400, 415, 422 as problems
        carts = request.service(CartService)              # the application's own, by its type
        body = await carts.add(request.principal, wanted, key=request.header("idempotency-key"))
        return HotResponse(body=body, status=201, headers=[(b"etag", b'"7"')])

    HOT_ROUTES = (
        HotRoute("POST", "/api/v1/cart/items", add_item, Operation("Add to the cart", request=AddItem, ...)),
    )

A path has at most one parameter, and it is one of the last two segments (`/api/v1/cart/items/{item_id}`,
`/api/v1/cart/items/{item_id}/save`); its text is `request.param`, decoded, never empty and without a slash. Paths
are without the prefix the application is mounted at: that one is `request.root_path`, and goes in front of every
address in an answer (`Location`, the path of a cookie). Names of response headers are lower-case bytes.

A route that FastAPI has as well comes without an Operation: FastAPI's describes it, and answers every request that
the handler passes on by answering None. So the handler takes the common form of a request, and refuses no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Scope

from pannier.kernel.errors import PannierError
from pannier.platform.principal import Principal
from pannier.platform.problems import MalformedJsonError, UnsupportedMediaTypeError, ValidationFailedError
from pannier.platform.validation import faults_of

T = TypeVar("T")
Provide = Callable[[type[Any]], Any]


class RequestContext:
    """What is known of a request before its route is; `scope["pannier"]` of every route, hot or not."""

    __slots__ = ("_provide", "headers", "principal", "request_id", "root_path", "scope")

    def __init__(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        principal: Principal,
        request_id: str,
        provide: Provide,
    ) -> None:
        self.scope = scope
        self.headers = headers
        self.principal = principal
        self.request_id = request_id
        self.root_path: str = scope.get("root_path", "")
        self._provide = provide

    def service(self, kind: type[T]) -> T:
        """This application's service of that type; LookupError when it has none."""
        service: T = self._provide(kind)
        return service

    def header(self, name: str) -> str | None:
        """A request header by lower-case name; the last one when it was sent several times."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")


def service_of(kind: type[T]) -> Callable[[HTTPConnection], Awaitable[T]]:
    """A FastAPI dependency: the application's service of a type, `Depends(service_of(CartService))`."""

    async def provided(connection: HTTPConnection) -> T:
        context: RequestContext = connection.scope["pannier"]
        return context.service(kind)

    return provided


class HotRequest(RequestContext):
    """A request with its whole body, as a hot handler gets it."""

    __slots__ = ("_query", "body", "param")

    def __init__(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        principal: Principal,
        request_id: str,
        provide: Provide,
    ) -> None:
        super().__init__(scope, headers, principal, request_id, provide)
        self.body = b""
        self.param = ""
        self._query: dict[str, list[str]] | None = None

    def query(self, name: str) -> str | None:
        """The value of a query parameter. Raises ValidationFailedError where it has several."""
        if not self.scope["query_string"]:
            return None
        if self._query is None:
            text = self.scope["query_string"].decode("latin-1")
            self._query = parse_qs(text, keep_blank_values=True)
        values = self._query.get(name)
        if values and len(values) > 1:
            raise ValidationFailedError.of([(name, "Give it once")])
        return values[0] if values else None

    def decode(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body as the decoder's type.

        Raises UnsupportedMediaTypeError (415), MalformedJsonError (400), ValidationFailedError (422).
        """
        if self.headers.get(b"content-type") != b"application/json" and self.body:
            require_json(self.headers.get(b"content-type"))
        if not self.body:
            raise ValidationFailedError.of([("", "A JSON body is required")])
        try:
            try:
                return decoder.decode(self.body)
            except msgspec.ValidationError as error:
                # Reading on may show that what comes after the first fault is not even JSON.
                raise ValidationFailedError.of(faults_of(self.body, decoder.type, error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedJsonError(f"The body is not valid JSON: {error}") from None
        except RecursionError:
            raise MalformedJsonError("The body is nested too deeply") from None


def require_json(content_type: bytes | None) -> None:
    """Raise UnsupportedMediaTypeError unless it names JSON.

    A body without any type is refused too: that is what a form of a foreign page can send.
    """
    essence = (content_type or b"").partition(b";")[0].strip().lower()
    if essence != b"application/json" and not (essence.startswith(b"application/") and essence.endswith(b"+json")):
        raise UnsupportedMediaTypeError("Send the body as JSON, with 'Content-Type: application/json'.")


class HotResponse(msgspec.Struct, frozen=True):
    """An answer: bytes that are already encoded. `headers` come without type and length."""

    body: bytes = b""
    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = ()
    content_type: bytes = b"application/json"


Handler = Callable[[HotRequest], Awaitable[HotResponse | None]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the OpenAPI document says of a hot route; types are msgspec Structs, or None for no JSON body.

    `parameters` are OpenAPI parameter objects without the path's own parameter, which is added.
    """

    summary: str
    description: str = ""
    tags: tuple[str, ...] = ()
    request: Any = None
    is_body_required: bool = True
    responses: Mapping[int, tuple[Any, str]] = field(default_factory=dict)
    errors: tuple[type[PannierError], ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class HotRoute:
    """One method at one path template. With `needs_start=False` it answers before anything is opened, too.

    Without an operation it is a short cut to a FastAPI route of the same path: a handler's None is passed on to that.
    """

    method: str
    path: str
    handler: Handler
    operation: Operation | None
    needs_start: bool = True

    @property
    def parameter(self) -> str | None:
        """The name of the path's parameter."""
        return next((part[1:-1] for part in self.path.rsplit("/", 2)[1:] if part.startswith("{")), None)


class HotRoutes:
    """Finds the route of a method and a path (without the mount's prefix) with one look-up, two, or three."""

    def __init__(self, routes: Iterable[HotRoute] = ()) -> None:
        self.routes: list[HotRoute] = []
        self._exact: dict[tuple[str, str], HotRoute] = {}
        self._by_head: dict[tuple[str, str], HotRoute] = {}
        self._around: dict[tuple[str, str], HotRoute] = {}
        for route in routes:
            self.add(route)

    def add(self, route: HotRoute) -> None:
        """Register a route; ValueError for a second one of a path, or a parameter where none can be."""
        above, _, last = route.path.rpartition("/")
        head, _, before = above.rpartition("/")
        is_whole = all(part.startswith("{") == part.endswith("}") for part in (before, last))
        if "{" in head or not is_whole or (before.startswith("{") and last.startswith("{")):
            raise ValueError(f"{route.path}: a hot route has at most one parameter, one of its last two segments")
        if route.parameter is None:
            table, key = self._exact, route.path
        elif last.startswith("{"):
            table, key = self._by_head, above
        else:
            table, key = self._around, f"{head}/{last}"
        if (route.method, key) in table:
            raise ValueError(f"{route.method} {route.path} is registered twice")
        table[route.method, key] = route
        if route.method == "GET":
            # The server sends the same head without the body.
            table.setdefault(("HEAD", key), route)
        self.routes.append(route)

    def find(self, method: str, path: str) -> tuple[HotRoute, str] | None:
        """The route and the text of its parameter."""
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact, ""
        head, _, last = path.rpartition("/")
        by_head = self._by_head.get((method, head))
        if by_head is not None:
            return (by_head, last) if last else None
        above, _, inner = head.rpartition("/")
        around = self._around.get((method, f"{above}/{last}"))
        return (around, inner) if around is not None and inner else None

    def methods_of(self, path: str) -> set[str]:
        """The methods this path answers to here; empty when it is none of these routes."""
        return {route.method for route in self.routes if self.find(route.method, path) is not None}
