"""A cart's history and merging over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.cart.test_validation import set_price
from tests.support.catalogue import make_product


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {new_cart_token()}", "X-Device-Id": "kitchen"}
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1", headers=headers) as http:
            yield http


@pytest_asyncio.fixture
async def item(client: httpx.AsyncClient, db: Database) -> str:
    """A line of two units, which then became one of three."""
    variant = await make_product(db)
    cart = (await client.post("/cart/items", json={"variant_id": str(variant), "quantity": 2})).json()
    item = str(cart["items"][0]["id"])
    await client.patch(f"/cart/items/{item}", json={"quantity": 3, "note": "for Ada"})
    return item


async def test_history_tells_newest_first_in_pages(client: httpx.AsyncClient, item: str) -> None:
    page = (await client.get("/cart/history?limit=1")).json()
    (event,) = page["events"]
    assert (event["version"], event["type"], event["actor"], event["device"]) == (
        2,
        "cart.item_changed",
        "guest",
        "kitchen",
    )
    (change,) = event["changes"]
    assert (change["item_id"], change["before"]["quantity"], change["after"]["quantity"]) == (item, 2, 3)
    assert (change["before"]["note"], change["after"]["note"]) == (None, "for Ada")
    older = (await client.get(f"/cart/history?cursor={page['next_cursor']}&cart_id={page['cart_id']}")).json()
    assert [event["version"] for event in older["events"]] == [1]
    assert older["next_cursor"] is None


async def test_an_earlier_cart_is_shown_and_restored_once(client: httpx.AsyncClient, item: str) -> None:
    assert (await client.get("/cart/history/1")).json()["items"][0]["quantity"] == 2
    moment = (await client.get("/cart")).json()["updated_at"]
    assert (await client.get(f"/cart/history/{moment}")).json()["version"] == 2
    headers = {"Idempotency-Key": "again", "If-Match": '"2"'}
    done = await client.post("/cart/restore", json={"version": 1}, headers=headers)
    assert (done.json()["restored_version"], done.json()["not_restored"]) == (1, [])
    assert [line["quantity"] for line in done.json()["cart"]["items"]] == [2]
    replay = await client.post("/cart/restore", json={"version": 1}, headers=headers)
    assert (replay.json(), replay.headers["idempotent-replayed"]) == (done.json(), "true")
    late = await client.post("/cart/restore", json={"version": 1}, headers={"If-Match": '"2"'})
    assert (late.status_code, late.json()["error"]) == (412, "CART_VERSION_MISMATCH")
    assert late.json()["cart"]["version"] == 3


@pytest.mark.parametrize(
    "path, status, error",
    [
        ("/cart/history/99", 404, "HISTORY_NOT_KEPT"),
        ("/cart/history/yesterday", 404, "HISTORY_NOT_KEPT"),
        ("/cart/history/2026-02-30T10:00:00Z", 404, "HISTORY_NOT_KEPT"),
        ("/cart/history/9999-12-31T23:59:59-12:00", 404, "HISTORY_NOT_KEPT"),
        ("/cart/history/0001-01-01T00:00:00%2B14:00", 404, "HISTORY_NOT_KEPT"),
        ("/cart/history?limit=0", 422, "VALIDATION_FAILED"),
        ("/cart/history?cursor=-1", 422, "VALIDATION_FAILED"),
        ("/cart/history?cart_id=mine", 422, "VALIDATION_FAILED"),
        ("/cart/history?cart_id=01a1f95b-a408-71e8-bbd5-6206a24c36fd", 404, "CART_NOT_FOUND"),
    ],
)
async def test_what_is_not_there_is_told(
    client: httpx.AsyncClient, item: str, path: str, status: int, error: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize("path", ["/cart/merge", "/cart/merge/preview", "/cart/merge/undo"])
async def test_merging_is_for_those_who_are_signed_in(client: httpx.AsyncClient, item: str, path: str) -> None:
    answer = await client.post(path)
    assert (answer.status_code, answer.json()["error"]) == (401, "LOGIN_REQUIRED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("is_back_first", [True, False])
async def test_nobody_goes_back_to_an_earlier_price_where_prices_are_kept(
    settings: Settings, clock: ManualClock, db: Database, is_back_first: bool
) -> None:
    app = create_app(settings.model_copy(update={"cart_price_policy": "keep"}), clock=clock)
    variant = await make_product(db, price_minor=1000)
    item = {"variant_id": str(variant), "quantity": 1}
    headers = {"Authorization": f"Bearer {new_cart_token()}"}
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1", headers=headers) as http:
            (line,) = (await http.post("/cart/items", json=item)).json()["items"]
            await http.delete(f"/cart/items/{line['id']}")
            await set_price(db, variant, 9000)
            if is_back_first:
                await http.post("/cart/items", json=item)
            restored = (await http.post("/cart/restore", json={"version": 1})).json()["cart"]
    assert [line["unit_price"]["amount"] for line in restored["items"]] == [9000]
    assert restored["totals"]["total"]["amount"] == 9000
