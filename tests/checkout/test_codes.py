"""Codes put on a checkout: over the open cart, and over what is bought at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.contracts.standing import READY
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_coupon, make_promotion
from tests.support.web import served

TENTH = {"type": "order_percent", "percent": 10}


@pytest_asyncio.fixture
async def client(settings: Settings, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    promotion = await make_promotion(db, TENTH, needs_code=True)
    await make_coupon(db, promotion, "TENTH", use_limit=5)
    headers = {"Authorization": f"Bearer {new_cart_token()}"}
    with served(create_app(settings)) as url:
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=30) as client:
            yield client


async def begin(client: httpx.AsyncClient, db: Database, kind: str) -> Any:
    variant = str(await make_product(db, price_minor=1000))
    if kind == "bought at once":
        body = {"variant_id": variant, "quantity": 2, "checkout": READY}
        return (await client.post("/buy-now", json=body)).raise_for_status().json()
    (await client.post("/cart/items", json={"variant_id": variant, "quantity": 2})).raise_for_status()
    return (await client.post("/checkouts", json=READY)).raise_for_status().json()


@pytest.mark.parametrize("kind", ["over the cart", "bought at once"])
async def test_a_code_lowers_what_is_shown_and_charged(client: httpx.AsyncClient, db: Database, kind: str) -> None:
    session = await begin(client, db, kind)
    path = f"/checkouts/{session['id']}"
    entered = (await client.post(f"{path}/coupons", json={"code": "TENTH"})).raise_for_status().json()
    assert (entered["coupons"], entered["totals"]["total"]["amount"]) == (["TENTH"], 1800)
    removed = (await client.delete(f"{path}/coupons/TENTH")).raise_for_status().json()
    assert (removed["coupons"], removed["totals"]["total"]["amount"]) == ([], 2000)
    await client.post(f"{path}/coupons", json={"code": "TENTH"})
    done = (await client.post(f"{path}/complete", json={"expected_total": 1800})).raise_for_status().json()
    assert done["order"]["total"]["amount"] == 1800
    async with db.read() as connection:
        assert await connection.fetchval("select used from coupon") == 1
    assert await faults(db) == {}


async def test_a_code_of_what_is_bought_at_once_is_not_on_the_cart(client: httpx.AsyncClient, db: Database) -> None:
    kept = str(await make_product(db))
    (await client.post("/cart/items", json={"variant_id": kept})).raise_for_status()
    session = await begin(client, db, "bought at once")
    await client.post(f"/checkouts/{session['id']}/coupons", json={"code": "TENTH"})
    cart = (await client.get("/cart")).json()
    assert (cart["coupons"], cart["version"]) == ([], 1)


@pytest.mark.parametrize("kind", ["over the cart", "bought at once"])
async def test_a_code_that_is_not_good_is_refused_with_the_reason(
    client: httpx.AsyncClient, db: Database, kind: str
) -> None:
    session = await begin(client, db, kind)
    path = f"/checkouts/{session['id']}/coupons"
    refused = await client.post(path, json={"code": "NONE"})
    assert (refused.status_code, refused.json()["error"], refused.json()["details"]["reason"]) == (
        409,
        "COUPON_REJECTED",
        "unknown",
    )
    await client.post(path, json={"code": "TENTH"})
    again = await client.post(path, json={"code": "TENTH"})
    assert again.json()["details"]["reason"] == "already_applied"
    assert (await client.delete(f"{path}/NONE")).json()["details"]["reason"] == "not_present"


async def test_a_repeated_request_gets_its_first_answer_also_when_the_order_is_placed(
    client: httpx.AsyncClient, db: Database
) -> None:
    session = await begin(client, db, "bought at once")
    path, key = f"/checkouts/{session['id']}", {"Idempotency-Key": "once"}
    first = await client.post(f"{path}/coupons", json={"code": "TENTH"}, headers=key)
    again = await client.post(f"{path}/coupons", json={"code": "TENTH"}, headers=key)
    (await client.post(f"{path}/complete", json={})).raise_for_status()
    late = await client.post(f"{path}/coupons", json={"code": "TENTH"}, headers=key)
    assert (first.status_code, first.content, first.content) == (200, again.content, late.content)
    assert late.headers["idempotent-replayed"] == "true"
    other = await client.post(f"{path}/coupons", json={"code": "TENTH"}, headers={"Idempotency-Key": "another"})
    assert (other.status_code, other.json()["error"]) == (409, "CHECKOUT_CLOSED")


async def test_somebody_elses_checkout_is_not_there(client: httpx.AsyncClient, db: Database) -> None:
    session = await begin(client, db, "bought at once")
    stranger = {"Authorization": f"Bearer {new_cart_token()}"}
    for method, path, body in (
        ("POST", "coupons", {"code": "TENTH"}),
        ("DELETE", "coupons/TENTH", None),
        ("PUT", "draft", {"email": "j"}),
    ):
        refused = await client.request(method, f"/checkouts/{session['id']}/{path}", json=body, headers=stranger)
        assert (refused.status_code, refused.json()["error"]) == (404, "CHECKOUT_NOT_FOUND")
