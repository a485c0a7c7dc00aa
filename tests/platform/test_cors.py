"""Other sites' scripts hear something only where the shop's settings name their origin."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.settings import Settings
from tests.support.web import EdgeApp, client_of, hot_route

LISTED = "https://www.example.com"
OTHERS = ["https://evil.example", "https://www.example.com.evil.example", "http://www.example.com", "null", "*", ""]


async def empty(_: HotRequest) -> HotResponse:
    return HotResponse(b"{}")


def application(*origins: str, **settings: object) -> EdgeApp:
    hot = [hot_route("GET", "/api/v1/cart", empty), hot_route("PUT", "/api/v1/cart", empty)]
    return EdgeApp(hot, settings=Settings(cors_origins=origins, **settings))  # type: ignore[arg-type] # as a test wants


async def test_a_listed_origin_reads_with_the_shoppers_cookies() -> None:
    async with client_of(application(LISTED)) as client:
        answer = await client.get("/api/v1/cart", headers={"Origin": LISTED})
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "RateLimit" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


async def test_its_question_before_a_change_is_answered() -> None:
    question = {"Origin": LISTED, "Access-Control-Request-Method": "PUT"}
    async with client_of(application(LISTED)) as client:
        answer = await client.options("/api/v1/cart", headers=question)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == LISTED
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]
    assert "ratelimit" in answer.headers


@pytest.mark.parametrize("origin", OTHERS)
@pytest.mark.parametrize("origins", [(), (LISTED,)])
async def test_nobody_else_hears_anything(origin: str, origins: tuple[str, ...]) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    async with client_of(application(*origins)) as client:
        answers = [
            await client.get("/api/v1/cart", headers=headers),
            await client.options("/api/v1/cart", headers=headers),
        ]
    assert [answer.status_code for answer in answers] == [200, 405]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control-")]


async def test_caches_are_told_that_answers_differ_even_by_those_without_an_origin() -> None:
    async with client_of(application(LISTED)) as client:
        answer = await client.get("/api/v1/cart")
    assert answer.headers["vary"] == "Origin"


async def test_pages_are_no_business_of_other_sites() -> None:
    async with client_of(application(LISTED)) as client:
        answer = await client.get("/", headers={"Origin": LISTED})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_refusal_for_too_many_requests_is_readable_there_too() -> None:
    async with client_of(application(LISTED, rate_limit_reads="1/minute", rate_limit_address_factor=1)) as client:
        answers = [await client.get("/api/v1/cart", headers={"Origin": LISTED}) for _ in range(2)]
    assert answers[1].status_code == 429
    assert answers[1].headers["access-control-allow-origin"] == LISTED


@pytest.mark.parametrize(
    "origin", ["*", "https://*", "example.com", "https://example.com/", "https://a.example https://b.example"]
)
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings(cors_origins=(origin,))
