"""Orders over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.orders import OrderDocument
from pannier.orders.schemas import OrderPage
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.shop import Shop, stock_figures

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1") as http:
            yield http


@pytest.fixture
def shop(db: Database, settings: Settings) -> Shop:
    return Shop.of(db, settings)


async def test_an_owner_sees_lists_and_cancels_his_order(client: httpx.AsyncClient, shop: Shop) -> None:
    variant = await make_product(shop.db, on_hand=5)
    shopper, number = await shop.buy(variant, 2)
    mine = {"Authorization": f"Bearer {shopper.cart_token}"}
    order = await client.get(f"/orders/{number}", headers=mine)
    OrderDocument.model_validate_json(order.content)
    assert "token" not in order.text
    page = await client.get("/orders", headers=mine)
    OrderPage.model_validate_json(page.content)
    assert [entry["number"] for entry in page.json()["orders"]] == [number]
    canceled = await client.post(f"/orders/{number}/cancel", json={"reason": "too big"}, headers=mine)
    OrderDocument.model_validate_json(canceled.content)
    assert (canceled.json()["status"], canceled.json()["history"][-1]["reason"]) == ("canceled", "too big")
    assert (await client.post(f"/orders/{number}/cancel", headers=mine)).content == canceled.content
    assert await stock_figures(shop.db, variant) == (5, 0)


async def test_to_others_it_is_not_there(client: httpx.AsyncClient, shop: Shop) -> None:
    _, number = await shop.buy(await make_product(shop.db))
    for headers in ({}, {"Authorization": f"Bearer {new_cart_token()}"}):
        for method, path in (("GET", f"/orders/{number}"), ("POST", f"/orders/{number}/cancel")):
            answer = await client.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (404, "ORDER_NOT_FOUND")
    assert (await client.get("/orders")).status_code == 401


async def test_staff_pay_and_fulfil(client: httpx.AsyncClient, shop: Shop) -> None:
    shopper, number = await shop.buy(await make_product(shop.db))
    paid = await client.post(f"/admin/orders/{number}/pay", headers={**STAFF, "Idempotency-Key": "p-1"})
    OrderDocument.model_validate_json(paid.content)
    assert (paid.json()["status"], paid.json()["payment_status"]) == ("paid", "paid")
    again = await client.post(f"/admin/orders/{number}/pay", headers={**STAFF, "Idempotency-Key": "p-1"})
    assert (again.content, again.headers["idempotent-replayed"]) == (paid.content, "true")
    left = await client.post(f"/admin/orders/{number}/fulfil", headers=STAFF)
    assert left.json()["status"] == "fulfilled"
    refused = await client.post(f"/orders/{number}/cancel", headers={"Authorization": f"Bearer {shopper.cart_token}"})
    assert (refused.status_code, refused.json()["error"]) == (409, "ORDER_NOT_CANCELABLE")


async def test_a_refusal_is_kept_under_its_key(client: httpx.AsyncClient, shop: Shop) -> None:
    shopper, number = await shop.buy(await make_product(shop.db))
    await client.post(f"/admin/orders/{number}/fulfil", headers=STAFF)
    headers = {"Authorization": f"Bearer {shopper.cart_token}", "Idempotency-Key": "c-1"}
    first = await client.post(f"/orders/{number}/cancel", headers=headers)
    again = await client.post(f"/orders/{number}/cancel", headers=headers)
    kept = ("status", "error", "code", "detail", "details", "field")
    assert {name: first.json()[name] for name in kept} == {name: again.json()[name] for name in kept}
    assert again.headers["idempotent-replayed"] == "true"


async def test_staff_routes_are_staffs(client: httpx.AsyncClient, shop: Shop) -> None:
    shopper, number = await shop.buy(await make_product(shop.db))
    mine = {"Authorization": f"Bearer {shopper.cart_token}"}
    for method, path in (
        ("GET", "/admin/orders"),
        ("POST", f"/admin/orders/{number}/pay"),
        ("POST", f"/admin/orders/{number}/fulfil"),
    ):
        assert (await client.request(method, path, headers=mine)).status_code == 401


async def test_staff_search_orders(client: httpx.AsyncClient, shop: Shop) -> None:
    _, number = await shop.buy(await make_product(shop.db))
    page = await client.get("/admin/orders", params={"status": "pending"}, headers=STAFF)
    OrderPage.model_validate_json(page.content)
    assert [order["number"] for order in page.json()["orders"]] == [number]
    empty = await client.get("/admin/orders", params={"placed_to": "2020-01-01T00:00:00Z"}, headers=STAFF)
    assert empty.json() == {"orders": [], "next_cursor": None}
    naive = await client.get("/admin/orders", params={"placed_from": "2020-01-01T00:00:00"}, headers=STAFF)
    assert (naive.status_code, naive.json()["field"]) == (422, "placed_from")


async def test_staff_send_and_cancel_units_of_an_order(
    client: httpx.AsyncClient, db: Database, settings: Settings
) -> None:
    variant = await make_product(db, on_hand=5)
    shopper, number = await Shop.of(db, settings, commit_at="fulfilment").buy(variant, 4)
    path, units = f"/admin/orders/{number}", [{"variant_id": str(variant), "quantity": 1}]
    sent = await client.post(f"{path}/fulfil", json={"items": [*units, *units]}, headers=STAFF)
    OrderDocument.model_validate_json(sent.content)
    assert sent.json()["items"][0]["quantity_taken"] == 2
    far = [{"variant_id": str(variant), "quantity": 3}]
    refused = await client.post(f"{path}/fulfil", json={"items": far}, headers=STAFF)
    assert (refused.status_code, refused.json()["error"], refused.json()["details"]["held"]) == (
        400,
        "ORDER_QUANTITY",
        2,
    )
    canceled = await client.post(f"{path}/cancel", json={"items": units, "reason": "broken"}, headers=STAFF)
    assert (canceled.json()["items"][0]["quantity_canceled"], canceled.json()["history"][-1]["reason"]) == (1, "broken")
    back = await client.post(f"{path}/cancel-fulfilment", headers=STAFF)
    assert (back.status_code, await stock_figures(db, variant)) == (200, (5, 3))
    for step in ("fulfil", "cancel", "cancel-fulfilment"):
        own = await client.post(f"{path}/{step}", headers={"Authorization": f"Bearer {shopper.cart_token}"})
        assert own.status_code in {401, 403}
