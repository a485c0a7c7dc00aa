"""Products over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter

from pannier.catalog import CatalogService, ProductBrowser
from pannier.catalog.api import admin_router, router
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.catalog.stock import LedgerStock
from tests.support.web import ADMIN_TOKEN, EdgeApp, client_of

AUTHORIZED = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
LAMP: dict[str, Any] = {
    "name": "Lamp",
    "variants": [{"sku": "L-1", "price": 4500, "compare_at_price": 5000, "quantity": 3, "options": {"Colour": "Red"}}],
}


@pytest_asyncio.fixture
async def http(db: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    both = APIRouter()
    both.include_router(router)
    both.include_router(admin_router)
    stock = LedgerStock()
    services = {
        CatalogService: CatalogService(db, settings, stock),
        ProductBrowser: ProductBrowser(db, settings, stock),
    }
    app = EdgeApp(router=both, services=services)
    async with client_of(app) as client:
        yield client


async def create(http: httpx.AsyncClient, body: dict[str, Any] = LAMP) -> httpx.Response:
    return await http.post("/api/v1/admin/products", json=body, headers=AUTHORIZED)


async def test_a_product_in_a_list_and_in_full(http: httpx.AsyncClient) -> None:
    created = await create(http)
    assert created.status_code == 201
    product = (await http.get("/api/v1/products/lamp")).json()
    assert product == created.json()
    (variant,) = product["variants"]
    assert variant["price"] == {"amount": 4500, "currency": "USD", "formatted": "45.00"}
    assert (variant["on_sale"], variant["options"], variant["sellable"]) == (True, {"Colour": "Red"}, True)
    assert product["options"] == {"Colour": ["Red"]}
    (card,) = (await http.get("/api/v1/products")).json()["products"]
    assert (card["slug"], card["price"]["amount"], card["compare_at_price"]["amount"]) == ("lamp", 4500, 5000)
    assert (card["on_sale"], card["default_variant_id"]) == (True, variant["id"])
    assert (await http.get(f"/api/v1/products/{product['id']}")).json() == product


async def test_live_stock_of_a_product(http: httpx.AsyncClient) -> None:
    product = (await create(http)).json()
    stock = (await http.get(f"/api/v1/products/{product['id']}/inventory")).json()
    assert stock["availability"] == {"status": "low_stock", "available": 3}
    assert [variant["sku"] for variant in stock["variants"]] == ["L-1"]


async def test_a_change_is_shown_at_once(http: httpx.AsyncClient) -> None:
    product = (await create(http)).json()
    variant = product["variants"][0]["id"]
    changed = await http.patch(f"/api/v1/admin/variants/{variant}", json={"price": 4000}, headers=AUTHORIZED)
    assert changed.json()["variants"][0]["price"]["amount"] == 4000
    renamed = await http.patch(f"/api/v1/admin/products/{product['id']}", json={"name": "Big"}, headers=AUTHORIZED)
    assert (renamed.json()["name"], renamed.json()["version"]) == ("Big", 3)
    added = await http.post(
        f"/api/v1/admin/products/{product['id']}/variants", json={"price": 1, "options": {"Colour": "Blue"}},
        headers=AUTHORIZED,
    )  # fmt: skip
    assert added.status_code == 201
    assert (await http.get("/api/v1/products/lamp")).json()["options"] == {"Colour": ["Red", "Blue"]}


async def test_a_repeated_request_makes_one_product(http: httpx.AsyncClient) -> None:
    headers = AUTHORIZED | {"Idempotency-Key": "once"}

    async def send(body: dict[str, Any]) -> httpx.Response:
        return await http.post("/api/v1/admin/products", json=body, headers=headers)

    first, again = await send(LAMP), await send(LAMP)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await http.get("/api/v1/products")).json()["products"]) == 1
    other = await send(LAMP | {"name": "Other"})
    assert (other.status_code, other.json()["error"]) == (422, "IDEMPOTENCY_CONFLICT")


@pytest.mark.parametrize(
    "path, status, error",
    [
        ("/api/v1/products/nothing", 404, "PRODUCT_NOT_FOUND"),
        ("/api/v1/products/0193e0a0-0000-7000-8000-000000000001", 404, "PRODUCT_NOT_FOUND"),
        ("/api/v1/products/nothing/inventory", 404, "PRODUCT_NOT_FOUND"),
        ("/api/v1/products/%00", 422, "VALIDATION_FAILED"),
        ("/api/v1/products?cursor=x", 400, "INVALID_CURSOR"),
        ("/api/v1/products?limit=0", 422, "VALIDATION_FAILED"),
        ("/api/v1/products?limit=101", 422, "VALIDATION_FAILED"),
        ("/api/v1/admin/products", 401, "LOGIN_REQUIRED"),
        ("/api/v1/admin/products/lamp", 401, "LOGIN_REQUIRED"),
    ],
)
async def test_refused_reads(http: httpx.AsyncClient, path: str, status: int, error: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "change, status, error",
    [
        ({"name": ""}, 422, "VALIDATION_FAILED"),
        ({"name": "a\x00"}, 422, "VALIDATION_FAILED"),
        ({"name": "…"}, 422, "INVALID_PRODUCT"),
        ({"slug": "a/b"}, 422, "VALIDATION_FAILED"),
        ({"variants": []}, 422, "VALIDATION_FAILED"),
        ({"variants": [{"price": -1}]}, 422, "VALIDATION_FAILED"),
        ({"variants": [{"price": 10**15 + 1}]}, 422, "VALIDATION_FAILED"),
        ({"variants": [{"price": 1}, {"price": 2}]}, 409, "DUPLICATE_VARIANT"),
        ({"colour": "red"}, 422, "VALIDATION_FAILED"),
    ],
)
async def test_refused_products(http: httpx.AsyncClient, change: dict[str, Any], status: int, error: str) -> None:
    answer = await create(http, LAMP | change)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    nothing: dict[str, Any] = {"products": [], "next_cursor": None, "corrected": [], "messages": []}
    assert (await http.get("/api/v1/products")).json() == nothing


async def test_staff_routes_are_closed_to_everybody_else(http: httpx.AsyncClient) -> None:
    for method, path in (("POST", "products"), ("PATCH", "products/x"), ("POST", "products/x/variants")):
        answer = await http.request(method, f"/api/v1/admin/{path}", json=LAMP)
        assert answer.status_code == 401, path
    wrong = await http.get("/api/v1/admin/products", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401


async def test_staff_see_drafts(http: httpx.AsyncClient) -> None:
    await create(http, LAMP | {"status": "draft"})
    assert (await http.get("/api/v1/products/lamp")).status_code == 404
    listed = await http.get("/api/v1/admin/products?status=draft", headers=AUTHORIZED)
    assert [card["status"] for card in listed.json()["products"]] == ["draft"]
    assert (await http.get("/api/v1/admin/products/lamp", headers=AUTHORIZED)).json()["status"] == "draft"
