"""How many requests somebody may make, what every answer tells of it, and ways round it that lead nowhere."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pannier.app.route_groups import group_of
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.rate_counters import LocalCounters
from pannier.platform.rate_limits import parse_rate
from pannier.platform.settings import Settings
from tests.support.web import ADMIN_TOKEN, COOKIE_NAME, EdgeApp, client_of, hot_route

PLENTY = "1000/minute"


class Calls:
    """A route that knows how often it was reached."""

    def __init__(self) -> None:
        self.count = 0

    async def answer(self, _: HotRequest) -> HotResponse:
        self.count += 1
        return HotResponse(b"{}")


def application(calls: Calls, clock: ManualClock | None = None, **settings: Any) -> EdgeApp:
    """Reads and writes of the API, with limits that are low where the test says so."""
    hot = [
        hot_route("GET", "/api/v1/cart", calls.answer),
        hot_route("POST", "/api/v1/cart/items", calls.answer),
        hot_route("GET", "/api/v1/admin/thing", calls.answer),
        hot_route("GET", "/health/live", calls.answer),
    ]
    return EdgeApp(hot, settings=Settings(**settings), clock=clock or ManualClock())


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {new_cart_token()}"}


async def statuses(client: httpx.AsyncClient, count: int, method: str = "GET", **options: Any) -> list[int]:
    """What so many requests for the cart are answered with."""
    return [(await client.request(method, "/api/v1/cart", **options)).status_code for _ in range(count)]


async def test_what_is_left_counts_down_to_a_refusal_and_starts_over_with_the_window() -> None:
    calls, clock = Calls(), ManualClock()
    async with client_of(application(calls, clock, rate_limit_reads="2/minute"), headers=bearer()) as client:
        first, second, third = [await client.get("/api/v1/cart") for _ in range(3)]
        clock.advance(timedelta(seconds=61))
        later = await client.get("/api/v1/cart")

    assert [answer.status_code for answer in (first, second, third, later)] == [200, 200, 429, 200]
    assert first.headers["ratelimit-policy"] == '"reads";q=2;w=60, "reads-address";q=20;w=60'
    assert [answer.headers["ratelimit"] for answer in (first, second)] == ['"reads";r=1;t=60', '"reads";r=0;t=60']
    assert re.fullmatch(r'"reads";r=0;t=(59|60)', third.headers["ratelimit"])
    assert later.headers["ratelimit"] == '"reads";r=1;t=60'
    assert calls.count == 3


async def test_a_refusal_says_which_limit_it_was_and_when_to_come_back() -> None:
    async with client_of(application(Calls(), rate_limit_reads="1/5 minutes"), headers=bearer()) as client:
        await client.get("/api/v1/cart")
        refused = await client.get("/api/v1/cart")

    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert (problem["error"], problem["code"], problem["status"]) == ("RATE_LIMITED", "HTTP_429", 429)
    wait = int(refused.headers["retry-after"])
    assert problem["details"] == {"policy": "reads", "limit": 1, "window_s": 300, "retry_after_s": wait}
    assert 298 <= wait <= 300
    assert f"t={wait}" in refused.headers["ratelimit"]


async def test_groups_and_callers_are_counted_apart() -> None:
    settings: dict[str, Any] = {"rate_limit_reads": "1/minute", "rate_limit_writes": "1/minute"}
    async with client_of(application(Calls(), **settings)) as client:
        one, other = bearer(), bearer()
        assert await statuses(client, 2, headers=one) == [200, 429]
        assert (await client.post("/api/v1/cart/items", headers=one)).status_code == 200
        assert await statuses(client, 1, headers=other) == [200]


async def test_new_tokens_and_no_token_meet_the_limit_of_the_address() -> None:
    settings: dict[str, Any] = {"rate_limit_reads": "2/minute", "rate_limit_address_factor": 2}
    async with client_of(application(Calls(), **settings)) as client:
        by_token = [(await client.get("/api/v1/cart", headers=bearer())) for _ in range(5)]
        cookie = {"Cookie": f"{COOKIE_NAME}={new_cart_token()}"}
        assert [answer.status_code for answer in by_token] == [200, 200, 200, 200, 429]
        assert by_token[-1].json()["details"]["policy"] == "reads-address"
        assert await statuses(client, 1, headers=cookie) == [429]
        assert await statuses(client, 1) == [429]


async def test_whoever_has_no_name_is_told_of_the_address_alone() -> None:
    async with client_of(application(Calls(), rate_limit_reads="2/minute")) as client:
        answer = await client.get("/api/v1/cart")
    assert answer.headers["ratelimit-policy"] == '"reads-address";q=20;w=60'
    assert answer.headers["ratelimit"] == '"reads-address";r=19;t=60'


@pytest.mark.parametrize(
    "disguise",
    [
        {"X-Forwarded-For": "198.51.100.9"},
        {"Forwarded": "for=198.51.100.9"},
        {"X-Real-IP": "198.51.100.9"},
        {"User-Agent": "another", "X-Device-Id": "another"},
        {"X-Request-Id": "another"},
    ],
)
async def test_headers_of_the_clients_own_change_nothing(disguise: dict[str, str]) -> None:
    settings: dict[str, Any] = {"rate_limit_reads": "1/minute", "rate_limit_address_factor": 1}
    async with client_of(application(Calls(), **settings)) as client:
        assert await statuses(client, 1) == [200]
        assert await statuses(client, 1, headers=disguise) == [429]


@pytest.mark.parametrize(
    "method, path",
    [
        ("HEAD", "/api/v1/cart"),
        ("OPTIONS", "/api/v1/cart"),
        ("GET", "/API/V1/CART"),
        ("GET", "/api/v1/cart/"),
        ("GET", "//api/v1/cart"),
        ("GET", "/nowhere"),
        ("GET", "/api/v1/%63art"),
        ("GET", "/api/v1/cart?a=b"),
    ],
)
async def test_other_ways_to_ask_count_as_well(method: str, path: str) -> None:
    settings: dict[str, Any] = {"rate_limit_reads": "1/minute", "rate_limit_address_factor": 1}
    async with client_of(application(Calls(), **settings)) as client:
        assert await statuses(client, 1) == [200]
        assert (await client.request(method, path)).status_code == 429


async def test_refusals_of_any_kind_count() -> None:
    settings: dict[str, Any] = {"rate_limit_writes": "3/minute", "rate_limit_address_factor": 1}
    app = application(Calls(), **settings)
    async with client_of(app) as client:
        huge = {"Content-Length": "99999999999", "Expect": "100-continue"}
        kinds = [
            await client.post("/api/v1/nowhere"),
            await client.post("/api/v1/cart/items", headers={f"x-{n}": "1" for n in range(101)}),
            await client.post("/api/v1/cart/items", headers=huge),
            await client.post("/api/v1/cart/items"),
        ]
    assert [answer.status_code for answer in kinds] == [404, 431, 413, 429]
    assert all("ratelimit" in answer.headers for answer in kinds)


async def test_guessing_the_staff_credential_counts_by_address_and_staff_do_not_pay_for_it() -> None:
    calls = Calls()
    async with client_of(application(calls, rate_limit_auth="2/minute")) as client:
        guesses = [
            await client.get("/api/v1/admin/thing", headers={"Authorization": f"Bearer guess-{n}"}) for n in range(3)
        ]
        staff = await client.get("/api/v1/admin/thing", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    assert [answer.status_code for answer in guesses] == [200, 200, 429]
    assert guesses[-1].json()["details"]["policy"] == "auth"
    assert staff.status_code == 200


async def test_health_is_never_refused_nor_counted() -> None:
    settings: dict[str, Any] = {f"rate_limit_{group}": "1/minute" for group in ("reads", "writes", "auth")}
    async with client_of(application(Calls(), rate_limit_address_factor=1, **settings)) as client:
        answers = [await client.get("/health/live") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert all("ratelimit" not in answer.headers for answer in answers)


async def test_refusals_are_counted_by_group_and_by_what_ran_out() -> None:
    app = application(Calls(), rate_limit_reads="1/minute", rate_limit_address_factor=2)
    async with client_of(app) as client:
        await statuses(client, 2, headers=bearer())
        await statuses(client, 2)
    figures = app.metrics.exposition().decode()
    assert 'pannier_rate_limited_total{counted="caller",group="reads"} 1.0' in figures
    assert 'pannier_rate_limited_total{counted="address",group="reads"} 2.0' in figures


def test_counters_stay_few_however_many_there_are_to_count() -> None:
    counters = LocalCounters(keys_max=100)
    for n in range(10_000):
        counters.hit(f"reads/a/{n}", 60, now=0.0)
    assert len(counters) <= 100
    # The last ones are still known.
    assert counters.hit("reads/a/9999", 60, now=0.0)[0] == 2


def test_counters_whose_window_is_over_go_as_others_come() -> None:
    counters = LocalCounters(keys_max=1000)
    for n in range(500):
        counters.hit(f"reads/a/{n}", 60, now=0.0)
    for n in range(300):
        counters.hit(f"reads/b/{n}", 60, now=61.0)
    assert len(counters) == 300


@pytest.mark.parametrize(
    "text, rate",
    [("600/minute", (600, 60)), ("1/second", (1, 1)), ("20/5 minutes", (20, 300)), ("9/2 days", (9, 172_800))],
)
def test_rates_read_as_they_are_said(text: str, rate: tuple[int, int]) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "many", "0/minute", "-1/minute", "1/fortnight", "1/0 minutes", "1 minute", "1/minute; rm"]
)
def test_what_is_no_rate_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError):
        Settings(rate_limit_reads=text)


@pytest.mark.parametrize(
    "method, path, query, group",
    [
        ("GET", "/metrics", b"", None),
        ("GET", "/a/123/css/shop.css", b"", None),
        ("GET", "/", b"", "reads"),
        ("GET", "/", b"q=mug", "search"),
        ("GET", "/api/v1/products", b"%71=mug", "search"),
        ("POST", "/cart/items", b"", "forms"),
        ("POST", "/checkout", b"", "checkout"),
        ("POST", "/api/v1/checkouts/1/complete", b"", "checkout"),
        ("GET", "/api/v1/checkouts/1", b"", "reads"),
        ("DELETE", "/api/v1/cart", b"", "writes"),
        ("PROPFIND", "/api/v1/cart", b"", "writes"),
        ("POST", "/api/v1/auth/login", b"", "auth"),
        ("GET", "/api/v1/admin/orders", b"", "staff"),
        ("DELETE", "/nowhere", b"", "forms"),
    ],
)
def test_every_request_has_its_group(method: str, path: str, query: bytes, group: str | None) -> None:
    assert group_of(method, path, query) == group
