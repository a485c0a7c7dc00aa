"""The composition root: one call makes one independent shop.

    app = create_app(Settings())                      # uvicorn runs it, lifespan included
    host.mount("/shop", create_app(settings))         # in any ASGI application; starts at its first request
    host = FastAPI(lifespan=lambda _: mounted(a, b))  # the same, started and closed with the host

Nothing lives at module level: two applications in one process share code and nothing else.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Receive, Scope, Send

from pannier import __version__
from pannier.app.lifecycle import Job, Lifecycle, periodic
from pannier.app.openapi import describe_limits, merged_document
from pannier.app.operation_routes import description_routes, health_routes
from pannier.app.route_groups import group_of
from pannier.app.wiring import (
    API_PREFIX,
    Services,
    background_jobs,
    hot_routes,
    include_routers,
    open_services,
    readiness_checks,
)
from pannier.kernel.clock import Clock, SystemClock
from pannier.platform.cors import Cors
from pannier.platform.handlers import exception_handlers
from pannier.platform.health import Check
from pannier.platform.hot import HotRoutes
from pannier.platform.observability.metrics import REFRESH_INTERVAL_S, Metrics, is_multiprocess
from pannier.platform.principal import PrincipalResolver
from pannier.platform.rate_limits import RateLimiter
from pannier.platform.settings import Settings
from pannier.platform.tokens.configured import outside_issuers
from pannier.platform.web import Edge, Limits
from pannier.storefront import Pages


class PannierApp(FastAPI):
    """A FastAPI application whose requests come in through the edge; made by `create_app`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.metrics = Metrics()
        self.pages = Pages(settings)
        self.limiter = RateLimiter(settings, clock, self.metrics, group_of) if settings.rate_limits else None
        self.lifecycle: Lifecycle[Services] = Lifecycle(
            lambda: self._opened(settings, clock),
            _jobs,
            self.metrics,
            drain_timeout_s=settings.shutdown_grace_s,
        )
        self.hot = HotRoutes()
        self._checks: Mapping[str, Check] = {}
        self._cookie_name = settings.cart_cookie_name
        self._account_cookie = settings.account_cookie_name
        self._document: tuple[tuple[int, int], dict[str, Any]] | None = None
        self._templates: dict[tuple[Any, str], str] | None = None
        super().__init__(
            title="Pannier",
            version=__version__,
            summary="Cart, stock and checkout",
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=lambda _: self.running(),
            exception_handlers=exception_handlers(self.hot, body_bytes_max=settings.max_body_bytes),
        )
        self.resolver = PrincipalResolver(
            admin_token=settings.admin_token.get_secret_value() if settings.admin_token else None,
            cookie_name=settings.cart_cookie_name,
            account_cookie=settings.account_cookie_name,
            is_secure=settings.cart_cookie_secure,
            issuers=outside_issuers(settings),
            clock=clock,
        )
        self.edge = Edge(
            super().__call__,
            hot=self.hot,
            gate=self.lifecycle.gate,
            provide=self.lifecycle.provide,
            resolver=self.resolver,
            metrics=self.metrics,
            limits=Limits(settings.max_body_bytes, settings.max_header_count, settings.max_header_bytes),
            access_log=settings.access_log,
            template_of=self._template_of,
            page=self.pages.problem,
            limiter=self.limiter,
            cors=Cors(settings.cors_origins) if settings.cors_origins else None,
            is_https_only=settings.cart_cookie_secure,
        )
        self.state.problem_page = self.pages.problem
        self._measure()

    def _measure(self) -> None:
        def pool() -> Any:
            services = self.lifecycle.services
            return None if services is None else services.db.pool

        def busy() -> int:
            return pool().get_size() - pool().get_idle_size() if pool() else 0

        def retries() -> int:
            services = self.lifecycle.services
            return 0 if services is None else services.db.retries

        self.metrics.gauge("http_requests_in_flight", "Requests inside.", lambda: self.lifecycle.gate.in_flight)
        self.metrics.gauge("db_pool_size", "Connections.", lambda: pool().get_size() if pool() else 0)
        self.metrics.gauge("db_pool_busy", "Connections in use.", busy)
        self.metrics.follow("db_retries", "Transactions run again after 40001 or 40P01.", retries)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await self.edge(scope, receive, send)

    @asynccontextmanager
    async def _opened(self, settings: Settings, clock: Clock) -> AsyncIterator[Services]:
        async with open_services(settings, clock, self.metrics) as services:
            self.state.pannier = services
            self._checks = readiness_checks(services)
            self.resolver.ended = services.identity.ended.access
            if settings.enable_accounts:
                self.resolver.tokens, self.resolver.renew = services.identity.tokens, services.accounts.renew
            try:
                yield services
            finally:
                await self.resolver.close()
                if self.limiter is not None:
                    await self.limiter.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Started inside the block, drained and closed behind it."""
        await self.lifecycle.start()
        try:
            yield
        finally:
            await self.lifecycle.stop()

    async def readiness(self) -> Mapping[str, Check]:
        """What `/health/ready` examines; only `accepting` while the application cannot be opened."""
        if not self.lifecycle.gate.is_open and not self.lifecycle.is_draining:
            with contextlib.suppress(Exception):
                await self.lifecycle.gate.open()
        accepting = {"accepting": self._accepts}
        return {**accepting, **self._checks} if self.lifecycle.services is not None else accepting

    async def _accepts(self) -> str | None:
        if self.lifecycle.is_draining:
            return "draining"
        return None if self.lifecycle.gate.is_open else "not started: the database cannot be reached"

    def openapi(self) -> dict[str, Any]:
        """The document of every route, FastAPI's and hot ones."""
        version = len(self.routes), len(self.hot.routes)
        if self._document is None or self._document[0] != version:
            document = merged_document(
                super().openapi(),
                self.hot.routes,
                cookie_name=self._cookie_name,
                account_cookie=self._account_cookie,
            )
            if self.limiter is not None:
                describe_limits(document, self.limiter.group_of)
            self._document = version, document
        return self._document[1]

    def _template_of(self, scope: Scope) -> str | None:
        """The template of the FastAPI route that answered; the scope's own route lacks a router's prefix."""
        if self._templates is None:
            self._templates = {
                (route.endpoint, method): route.path
                for route in iter_route_contexts(self.routes)
                for method in route.methods or ()
                if route.path is not None
            }
        return self._templates.get((scope.get("endpoint"), scope["method"]))


def create_app(settings: Settings, *, clock: Clock | None = None) -> PannierApp:
    """A shop as an ASGI application. Nothing is connected before its lifespan or its first request."""
    app = PannierApp(settings, clock or SystemClock())
    routes = (
        *health_routes(app.readiness),
        *description_routes(API_PREFIX, app.openapi, app.metrics.exposition),
        *hot_routes(),
    )
    for route in routes:
        app.hot.add(route)
    include_routers(app, app.pages)
    return app


def lifespan_of(app: PannierApp) -> AbstractAsyncContextManager[None]:
    """Runs a mounted application for as long as the block; for the lifespan of its host."""
    return app.running()


@asynccontextmanager
async def mounted(*apps: PannierApp) -> AsyncIterator[None]:
    """Runs several mounted applications: `FastAPI(lifespan=lambda _: mounted(shop_a, shop_b))`."""
    async with AsyncExitStack() as stack:
        for app in apps:
            await stack.enter_async_context(app.running())
        yield


def _jobs(services: Services) -> list[Job]:
    jobs = background_jobs(services)
    if is_multiprocess():
        jobs.append(_refreshing(services.metrics))
    return jobs


def _refreshing(metrics: Metrics) -> Job:
    async def refresh() -> None:
        metrics.refresh()

    return periodic("metrics", REFRESH_INTERVAL_S, refresh, metrics)
