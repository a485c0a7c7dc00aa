"""Shops inside somebody else's application, several in one process, started and closed with it or without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request

from pannier.app import PannierApp, create_app, lifecycle, lifespan_of, mounted
from pannier.app.lifecycle import Job, Lifecycle, periodic
from pannier.platform.database import Database, DatabaseUnavailableError
from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.observability.metrics import Metrics
from pannier.platform.problems import ShuttingDownError
from pannier.platform.settings import Settings
from tests.support.waiting import wait_until, wait_until_async
from tests.support.web import client_of, hot_route, served


@pytest.fixture
def urls(database_url: str, other_database_url: str) -> dict[str, str]:
    asyncio.run(_name(database_url, "first"))
    asyncio.run(_name(other_database_url, "second"))
    return {"first": database_url, "second": other_database_url}


async def _name(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE TABLE shop_name AS SELECT '{name}' AS name")
    await connection.close()


async def which(request: HotRequest) -> HotResponse:
    """The name of the shop whose database is behind this application."""
    async with request.service(Database).read() as connection:
        return HotResponse((await connection.fetchval("SELECT name FROM shop_name")).encode())


def shop(url: str, **settings: object) -> PannierApp:
    app = create_app(Settings(database_url=url, **settings))  # type: ignore[arg-type] # each test's own settings
    app.hot.add(hot_route("GET", "/which", which))
    return app


def test_two_shops_mounted_plainly_just_work_and_close_with_their_host(urls: dict[str, str]) -> None:
    first, second = shop(urls["first"]), shop(urls["second"])
    host = FastAPI()
    host.mount("/a", first)
    host.mount("/b", second)
    with served(host) as address:
        assert first.lifecycle.services is None
        assert httpx.get(f"{address}/a/which").text == "first"
        assert httpx.get(f"{address}/b/which").text == "second"
        assert httpx.get(f"{address}/a/health/ready").json()["status"] == "ok"
        assert first.state.pannier.db.pool is not second.state.pannier.db.pool
        pools = [app.state.pannier.db.pool for app in (first, second)]
    assert all(pool.is_closing() for pool in pools)
    assert first.lifecycle.services is second.lifecycle.services is None


def test_a_host_may_start_and_close_its_shops_in_its_lifespan(urls: dict[str, str]) -> None:
    first, second = shop(urls["first"]), shop(urls["second"])
    host = FastAPI(lifespan=lambda _: mounted(first, second))
    host.mount("/a", first)
    host.mount("/b", second)
    with served(host, lifespan="on") as address:
        assert first.lifecycle.gate.is_open
        assert second.lifecycle.gate.is_open
        pool = second.state.pannier.db.pool
        assert httpx.get(f"{address}/b/which").text == "second"
    assert pool.is_closing()
    assert not first.lifecycle.gate.is_open


async def test_the_host_keeps_its_own_routes_and_errors(urls: dict[str, str]) -> None:
    inner = shop(urls["first"])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with lifespan_of(inner):
            yield

    host = FastAPI(lifespan=lifespan)
    seen = []

    @host.middleware("http")
    async def note(request: Request, call_next):  # type: ignore[no-untyped-def] # as FastAPI documents it
        response = await call_next(request)
        seen.append(request.scope.get("endpoint"))
        return response

    @host.get("/hello")
    async def hello() -> str:
        return "from the host"

    host.mount("/shop", inner)
    async with lifespan(host), client_of(host) as client:
        assert (await client.get("/hello")).json() == "from the host"
        assert (await client.get("/elsewhere")).json() == {"detail": "Not Found"}
        assert (await client.get("/shop/elsewhere")).json()["error"] == "ROUTE_NOT_FOUND"
        assert (await client.get("/shop/which")).text == "first"
    assert seen.count(inner) == 2


async def test_addresses_respect_the_prefix(urls: dict[str, str]) -> None:
    inner = shop(urls["first"])
    host = FastAPI()
    host.mount("/deep/shop", inner)
    async with client_of(host) as client:
        mounted_document = (await client.get("/deep/shop/api/v1/openapi.json")).json()
        page = await client.get("/deep/shop/api/v1/docs")
    async with client_of(inner) as client:
        own_document = (await client.get("/api/v1/openapi.json")).json()
    assert mounted_document["servers"] == [{"url": "/deep/shop"}]
    assert own_document["servers"] == [{"url": "/"}]
    assert 'href="/deep/shop/api/v1/openapi.json"' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


async def test_requests_that_come_together_start_it_once(urls: dict[str, str]) -> None:
    app = shop(urls["first"])
    async with client_of(app) as client:
        answers = await asyncio.gather(*(client.get("/which") for _ in range(20)))
        assert {answer.text for answer in answers} == {"first"}
        pool = app.state.pannier.db.pool
        assert (await client.get("/which")).text == "first"
        assert app.state.pannier.db.pool is pool
    await app.lifecycle.stop()
    assert pool.is_closing()


def test_a_client_that_starts_an_event_loop_per_request_is_served(urls: dict[str, str]) -> None:
    app = shop(urls["second"])

    async def ask() -> str:
        async with client_of(app) as client:
            return (await client.get("/which")).text

    assert [asyncio.run(ask()) for _ in range(3)] == ["second"] * 3


async def test_where_the_database_cannot_be_reached_it_says_so_and_tries_again(urls: dict[str, str]) -> None:
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    async with client_of(app) as client:
        refused = await client.get("/api/v1/nothing")
        live = await client.get("/health/live")
        ready = await client.get("/health/ready")
        figures = await client.get("/metrics")
    assert (refused.status_code, refused.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
    assert "retry-after" in refused.headers
    assert (live.status_code, figures.status_code) == (200, 200)
    assert ready.status_code == 503
    assert ready.json()["checks"]["accepting"]["status"] == "failing"
    # What the server has is reached again by whoever asks next.
    app.lifecycle._open_services = shop(urls["first"]).lifecycle._open_services
    async with client_of(app) as client:
        assert (await client.get("/health/ready")).status_code == 200
    await app.lifecycle.stop()


async def test_after_a_stop_stragglers_are_refused_and_a_new_start_works(urls: dict[str, str]) -> None:
    app = shop(urls["first"])
    async with client_of(app) as client:
        async with lifespan_of(app):
            assert (await client.get("/which")).status_code == 200
        late = await client.get("/which")
        async with lifespan_of(app):
            again = await client.get("/which")
    assert (late.status_code, late.json()["error"]) == (503, "SHUTTING_DOWN")
    assert again.text == "first"


def test_a_start_survives_the_client_that_caused_it(urls: dict[str, str]) -> None:
    app = shop(urls["first"])
    with served(app, lifespan="off") as address:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{address}/which", timeout=httpx.Timeout(5, read=0.0001))
        wait_until(lambda: app.lifecycle.gate.is_open)
        assert httpx.get(f"{address}/which").text == "first"


# The life of any application, without a database


class Shelf:
    """Stands for services: notes what became of it."""

    def __init__(self) -> None:
        self.story: list[str] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Shelf]:
        self.story.append("open")
        yield self
        self.story.append("closed")


async def test_a_job_without_a_database_says_so_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifecycle, "JOB_RESTART_S_MIN", 0.0)
    shelf, metrics = Shelf(), Metrics()
    runs: list[int] = []

    async def sweep() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise DatabaseUnavailableError("gone") if len(runs) == 1 else RuntimeError("a fault of ours")

    life = Lifecycle(shelf.open, lambda _: [periodic("sweep", 3600, sweep, metrics)], metrics, drain_timeout_s=1)
    await life.start()
    await wait_until_async(lambda: len(runs) == 3)
    await life.stop()
    said = [record for record in caplog.records if record.name == "pannier.jobs"]
    assert said[0].getMessage() == "job sweep waits 0 s: DATABASE_UNAVAILABLE"
    # What nobody expected is told with its place.
    assert [record.exc_info is not None for record in said] == [False, True]


async def test_a_failing_job_is_started_again_and_stopped_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "JOB_RESTART_S_MIN", 0.0)
    shelf, metrics = Shelf(), Metrics()
    runs: list[int] = []

    async def sweep() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise RuntimeError("the database blinked")

    life = Lifecycle(shelf.open, lambda _: [periodic("sweep", 3600, sweep, metrics)], metrics, drain_timeout_s=1)
    await life.start()
    await wait_until_async(lambda: len(runs) == 3)
    await life.stop()
    assert shelf.story == ["open", "closed"]
    figures = metrics.exposition()
    assert b'pannier_job_runs_total{job="sweep",outcome="failed"} 2.0' in figures
    assert b'pannier_job_runs_total{job="sweep",outcome="done"} 1.0' in figures


async def test_services_close_after_the_last_request_or_the_grace() -> None:
    shelf = Shelf()
    life = Lifecycle(shelf.open, lambda _: [], Metrics(), drain_timeout_s=0.01)
    await life.start()
    assert life.provide(Shelf) is shelf
    life.gate.in_flight += 1
    await life.stop()
    assert shelf.story == ["open", "closed"]
    with pytest.raises(LookupError, match="Shelf"):
        life.provide(Shelf)
    with pytest.raises(ShuttingDownError):
        await life.gate.open()


def test_services_close_when_the_event_loop_ends() -> None:
    shelf, stopped = Shelf(), []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("job")

    async def host() -> None:
        life = Lifecycle(shelf.open, lambda _: [Job("waits", forever)], Metrics(), drain_timeout_s=1)
        await life.gate.open()
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0)

    asyncio.run(host())
    assert stopped == ["job"]


@pytest.mark.parametrize("failures", [1, 2])
async def test_a_start_that_fails_is_told_to_all_who_wait_and_tried_by_the_next(failures: int) -> None:
    shelf, left = Shelf(), [failures]

    @asynccontextmanager
    async def open_later() -> AsyncIterator[Shelf]:
        await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0)
        if left[0]:
            left[0] -= 1
            raise ConnectionRefusedError
        async with shelf.open() as opened:
            yield opened

    life = Lifecycle(open_later, lambda _: [], Metrics(), drain_timeout_s=1)
    for _ in range(failures):
        outcomes = await asyncio.gather(*(life.gate.open() for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionRefusedError] * 3
    await life.gate.open()
    assert life.gate.is_open
    await life.stop()
