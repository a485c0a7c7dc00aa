"""Processes that count together in a Redis, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform import rate_counters
from pannier.platform.settings import Settings
from tests.support.redis import RedisServer
from tests.support.served import serve
from tests.support.web import EdgeApp, client_of

LOGGER = "pannier.rate_limits"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@asynccontextmanager
async def shop(url: str | None, clock: ManualClock | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An edge of its own, as another process would have it; `client.app` is it."""
    app = EdgeApp(settings=Settings(redis_url=url, **settings), clock=clock or ManualClock())
    assert app.limiter is not None
    try:
        async with client_of(app) as client:
            client.app = app  # type: ignore[attr-defined] # for tests that look at its figures
            yield client
    finally:
        await app.limiter.close()


async def left(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> str:
    """What remains after one more request, or the status if it was refused."""
    answer = await client.get("/api/v1/cold", headers=headers)
    return "429" if answer.status_code == 429 else answer.headers["ratelimit"].split(";")[1]


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {new_cart_token()}"}


async def test_several_shops_on_one_redis_share_what_a_caller_has(redis: RedisServer) -> None:
    caller = bearer()
    async with shop(redis.url, rate_limit_reads="3/minute") as one, shop(redis.url, rate_limit_reads="3/minute") as two:
        seen = [await left(client, caller) for client in (one, two, one, two, one)]
    assert seen == ["r=2", "r=1", "r=0", "429", "429"]


async def test_of_a_high_limit_they_take_parts_and_grant_no_more_than_all_of_it(redis: RedisServer) -> None:
    caller = bearer()
    async with (
        shop(redis.url, rate_limit_reads="200/minute") as one,
        shop(redis.url, rate_limit_reads="200/minute") as two,
    ):
        pairs = [await asyncio.gather(*(left(client, caller) for client in (one, one, two))) for _ in range(80)]
    granted = sum(seen != "429" for pair in pairs for seen in pair)
    # A part is four; what one of them took last it may not have used.
    assert 192 <= granted <= 200


async def test_without_it_each_counts_by_itself() -> None:
    """The control: the same two shops grant twice as much."""
    caller = bearer()
    async with shop(None, rate_limit_reads="3/minute") as one, shop(None, rate_limit_reads="3/minute") as two:
        seen = [await left(client, caller) for client in (one, two, one, two)]
    assert seen == ["r=2", "r=2", "r=1", "r=1"]


async def test_windows_end_there_too(redis: RedisServer) -> None:
    clock = ManualClock()
    async with shop(redis.url, clock, rate_limit_reads="1/minute") as client:
        caller = bearer()
        seen = [await left(client, caller), await left(client, caller)]
        clock.advance(timedelta(seconds=60))
        seen.append(await left(client, caller))
    assert seen == ["r=0", "429", "r=0"]


async def test_what_is_kept_there_tells_no_token_and_goes_by_itself(redis: RedisServer) -> None:
    token = new_cart_token()
    async with shop(redis.url) as client:
        await left(client, {"Authorization": f"Bearer {token}"})
    keys = redis.keys()
    assert len(keys) == 2
    assert all(key.startswith("pannier:rate") and token not in key for key in keys)


async def test_a_flood_is_not_passed_on_to_it(redis: RedisServer) -> None:
    async with shop(redis.url, rate_limit_reads="2/minute", rate_limit_address_factor=1) as client:
        seen = [await left(client, bearer()) for _ in range(20)]
    assert seen[2:] == ["429"] * 18
    # One for the address and one for each of the two that were let in.
    assert len(redis.keys()) == 3


async def test_while_it_is_away_each_counts_by_itself_and_that_is_said_once(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_counters, "_RETRY_AFTER_S", 0.0)
    caller = bearer()
    with caplog.at_level(logging.INFO, LOGGER):
        async with shop(redis.url, rate_limit_reads="4/minute") as client:
            seen = [await left(client, caller)]
            redis.stop()
            seen += [await left(client, caller) for _ in range(2)]
            redis.start()
            seen += [await left(client, caller) for _ in range(3)]
            figures = client.app.metrics.exposition().decode()  # type: ignore[attr-defined] # put there above

    # The one that starts again is empty, so it has only counted what came since; what this process knows stands.
    assert seen == ["r=3", "r=2", "r=1", "r=3", "429", "429"]
    said = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert [text.split(" (")[0] for text in said] == ["Redis does not count requests", "Redis counts requests again"]
    assert "pannier_rate_limit_store_failures_total 4.0" in figures


async def test_one_that_never_was_there_takes_no_shop_down(tmp_path: Path) -> None:
    async with shop(RedisServer(tmp_path).url, rate_limit_reads="2/minute") as client:
        caller = bearer()
        assert [await left(client, caller) for _ in range(3)] == ["r=1", "r=0", "429"]


async def test_one_that_does_not_answer_costs_a_moment_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes connections and says nothing."""
    monkeypatch.setattr(rate_counters, "_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        async with asyncio.timeout(5), shop(url, rate_limit_reads="2/minute") as client:
            caller = bearer()
            assert [await left(client, caller) for _ in range(3)] == ["r=1", "r=0", "429"]


def test_the_workers_of_one_server_count_together(redis: RedisServer, tmp_path: Path) -> None:
    directory = tmp_path / "server"
    directory.mkdir()
    settings: dict[str, Any] = {"workers": 2, "redis_url": redis.url, "rate_limit_reads": "30/minute"}
    with serve(directory, factory="make_counted", rate_limit_address_factor=1, **settings) as server:
        url, statuses, pids = server.url, [], set()
        for _ in range(40):
            # A connection each, so that both workers get some.
            answer = httpx.get(f"{url}/worker", timeout=10)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                pids.add(answer.json()["pid"])
    assert statuses == [200] * 30 + [429] * 10
    assert len(pids) == 2
