"""A whole shop that refuses: nothing is left behind, people get a page, and the description says all of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from pannier.app import PannierApp, create_app
from pannier.app.route_groups import group_of
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product

FORM = {"Accept": "text/html", "Origin": "http://shop.test", "Sec-Fetch-Site": "same-origin"}
Opened = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def opened(settings: Settings, clock: ManualClock) -> Opened:
    """A client of a shop with such settings, as somebody with a cart token."""

    @asynccontextmanager
    async def open_shop(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings.model_copy(update=changes), clock=clock)
        async with app.running():
            headers = {"Authorization": f"Bearer {new_cart_token()}"}
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test", headers=headers) as client:
                yield client

    return open_shop


async def rows(db: Database) -> dict[str, int]:
    """How much of a write there is in the database."""
    tables = ("cart", "cart_line", "stock_movement", "event", "idempotency_record")
    return {table: await db.pool.fetchval(f"select count(*) from {table}") for table in tables}


async def test_a_refused_write_leaves_no_trace_and_its_key_is_free(opened: Opened, db: Database) -> None:
    wanted = {"variant_id": str(await make_product(db, on_hand=9)), "quantity": 1}
    async with opened(rate_limit_writes="1/minute") as client:
        await client.delete("/api/v1/cart/items/none")
        before = await rows(db)
        refused = await client.post("/api/v1/cart/items", json=wanted, headers={"Idempotency-Key": "a-key-of-mine"})
        after = await rows(db)
        client.headers["Authorization"] = f"Bearer {new_cart_token()}"
        taken = await client.post("/api/v1/cart/items", json=wanted, headers={"Idempotency-Key": "a-key-of-mine"})
    assert refused.status_code == 429
    assert before == after
    assert taken.status_code == 200
    assert "idempotent-replayed" not in taken.headers


async def test_replays_count_like_the_first_time(opened: Opened, db: Database) -> None:
    wanted = {"variant_id": str(await make_product(db, on_hand=9)), "quantity": 1}
    async with opened(rate_limit_writes="2/minute") as client:
        key = {"Idempotency-Key": "a-key-of-mine"}
        answers = [await client.post("/api/v1/cart/items", json=wanted, headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["idempotent-replayed"] == "true"


async def test_people_are_told_by_a_page_of_the_shop(opened: Opened) -> None:
    async with opened(rate_limit_forms="1/minute", rate_limit_address_factor=1) as client:
        await client.post("/cart/items", headers=FORM, data={"variant_id": "none"})
        refused = await client.post("/cart/items", headers=FORM, data={"variant_id": "none"})
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("text/html")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "One moment, please" in refused.text
    assert re.search(r"Try again in \d+ seconds?\.", refused.text)
    assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]


async def test_switched_off_nobody_is_counted_and_nothing_is_told(opened: Opened) -> None:
    async with opened(rate_limits=False, rate_limit_reads="1/minute", rate_limit_address_factor=1) as client:
        answers = [await client.get("/api/v1/cart") for _ in range(3)]
        document = (await client.get("/api/v1/openapi.json")).json()
    assert {answer.status_code for answer in answers} == {200}
    assert all("ratelimit" not in answer.headers for answer in answers)
    assert "429" not in document["paths"]["/api/v1/cart"]["get"]["responses"]


def test_the_description_has_the_refusal_and_the_fields_of_every_limited_operation(settings: Settings) -> None:
    app: PannierApp = create_app(settings)
    told = [
        (method, path, status, response)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
        for status, response in operation["responses"].items()
    ]
    assert len(told) > 100
    for method, path, status, response in told:
        is_limited = group_of(method.upper(), path, b"") is not None
        assert ({"RateLimit", "RateLimit-Policy"} <= response.get("headers", {}).keys()) == is_limited, (path, status)
    limited = {(method, path) for method, path, status, _ in told if status == "429"}
    assert ("get", "/api/v1/cart") in limited
    assert ("get", "/health/live") not in limited


async def test_the_fields_are_as_they_are_described(opened: Opened) -> None:
    async with opened() as client:
        document = (await client.get("/api/v1/openapi.json")).json()
        answer = await client.get("/api/v1/products")
    for name in ("RateLimit", "RateLimit-Policy"):
        pattern = document["components"]["headers"][name]["schema"]["pattern"]
        assert re.fullmatch(pattern, answer.headers[name])
