"""An edge with routes of the test's own, and clients for it: in process and over a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from pannier.app.route_groups import group_of
from pannier.kernel.clock import Clock, SystemClock
from pannier.platform.cors import Cors
from pannier.platform.handlers import exception_handlers
from pannier.platform.hot import Handler, HotRoute, HotRoutes, Operation
from pannier.platform.observability.metrics import Metrics
from pannier.platform.principal import PrincipalResolver
from pannier.platform.rate_limits import RateLimiter
from pannier.platform.settings import Settings
from pannier.platform.web import AccessLog, Edge, Gate, Limits

ADMIN_TOKEN = "the-staff-token-of-this-test"
COOKIE_NAME = "pannier_cart"


class EdgeApp:
    """The edge in front of a FastAPI application, as `create_app` puts it, without a database behind."""

    def __init__(
        self,
        hot: Sequence[HotRoute] = (),
        router: APIRouter | None = None,
        *,
        limits: Limits | None = None,
        access_log: AccessLog = "off",
        admin_token: str | None = ADMIN_TOKEN,
        services: dict[type[Any], Any] | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.starts = 0
        self.metrics = Metrics()
        self.hot = HotRoutes(hot)
        self.gate = Gate(self._open)
        limits = limits or Limits()
        # Nobody is counted in tests that do not say how many there may be.
        self.limiter = (
            RateLimiter(settings, clock or SystemClock(), self.metrics, group_of) if settings is not None else None
        )
        self.app = FastAPI(
            openapi_url=None,
            redirect_slashes=False,
            exception_handlers=exception_handlers(self.hot, body_bytes_max=limits.body_bytes),
        )
        if router is not None:
            self.app.include_router(router, prefix="/api/v1")
        self.edge = Edge(
            self.app,
            hot=self.hot,
            gate=self.gate,
            provide=(services or {}).__getitem__,
            resolver=PrincipalResolver(admin_token=admin_token, cookie_name=COOKIE_NAME),
            metrics=self.metrics,
            limits=limits,
            access_log=access_log,
            template_of=lambda scope: "/cold" if "endpoint" in scope else None,
            limiter=self.limiter,
            cors=Cors(settings.cors_origins) if settings is not None else None,
        )

    async def _open(self) -> None:
        self.starts += 1
        self.gate.is_open = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.app if scope["type"] == "lifespan" else self.edge)(scope, receive, send)


def hot_route(method: str, path: str, handler: Handler) -> HotRoute:
    """A hot route whose description does not matter."""
    return HotRoute(method, path, handler, Operation("for a test"))


@contextlib.asynccontextmanager
async def client_of(app: ASGIApp, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls the application in this process; its exceptions come through."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test", **options) as client:
        yield client


@contextlib.contextmanager
def served(app: ASGIApp, *, lifespan: str = "auto", ready: Callable[[], None] | None = None) -> Iterator[str]:
    """The address of a real uvicorn, in a thread, that serves the application for the `with` block."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, lifespan=lifespan, http="httptools")  # type: ignore[arg-type] # a plain str, of uvicorn's few
        server = uvicorn.Server(config)
        started = threading.Event()
        startup = server.startup

        async def announced(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            started.set()

        server.startup = announced  # type: ignore[method-assign] # uvicorn tells nobody else that it listens
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert started.wait(10), "the server did not start"
            if ready is not None:
                ready()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
