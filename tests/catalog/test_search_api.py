"""The search over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from pannier.catalog import CatalogService, Cause, ProductBrowser, catch_up
from pannier.catalog.api import router
from pannier.catalog.models import NewProduct, NewVariant
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.catalog.stock import LedgerStock
from tests.support.web import EdgeApp, client_of


@pytest_asyncio.fixture
async def http(db: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    stock = LedgerStock()
    catalog = CatalogService(db, settings, stock)
    for number, name in enumerate(("Table lamp", "Floor lamp", "Oak table")):
        variant = NewVariant(1000 * (number + 1), quantity=number, options=(("Colour", "Red"),))
        await catalog.create_product(NewProduct(name, (variant,), tags=("T",), product_type="Things"), Cause("test"))
    await catch_up(db)
    app = EdgeApp(
        router=router, services={CatalogService: catalog, ProductBrowser: ProductBrowser(db, settings, stock)}
    )
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/products/search"])
async def test_a_search_answers_with_cards_and_pages(http: httpx.AsyncClient, path: str) -> None:
    first = (await http.get(path, params={"q": "lamp", "limit": 1})).json()
    assert ([card["name"] for card in first["products"]], first["corrected"], first["messages"]) == (
        ["Floor lamp"],
        [],
        [],
    )
    cursor = first["next_cursor"]
    second = (await http.get(path, params={"q": "lamp", "limit": 1, "cursor": cursor})).json()
    assert ([card["name"] for card in second["products"]], second["next_cursor"]) == (["Table lamp"], None)


async def test_a_corrected_search_says_so(http: httpx.AsyncClient) -> None:
    found = (await http.get("/api/v1/products/search", params={"q": "floor lmap"})).json()
    assert found["corrected"] == [{"word": "lmap", "used": ["lamp"]}]
    assert found["messages"] == [
        {
            "type": "info",
            "code": "SEARCH_CORRECTED",
            "text": "Nothing was found for “lmap”: these are the results for “lamp”.",
        }
    ]
    assert [card["name"] for card in found["products"]] == ["Floor lamp"]


async def test_filters_and_order_over_http(http: httpx.AsyncClient) -> None:
    async def names(query: str) -> list[str]:
        return [card["name"] for card in (await http.get(f"/api/v1/products?{query}")).json()["products"]]

    assert await names("") == ["Table lamp", "Floor lamp", "Oak table"]
    assert await names("sort=name") == ["Floor lamp", "Oak table", "Table lamp"]
    assert await names("category=things&category=other&sort=price-desc") == ["Oak table", "Floor lamp", "Table lamp"]
    assert await names("price_min=1500&price_max=2500") == ["Floor lamp"]
    assert await names("in_stock=true&tag=t&option=colour%3DRed&sort=newest") == ["Oak table", "Floor lamp"]
    assert await names("on_sale=true") == []


async def test_a_text_without_words_is_told(http: httpx.AsyncClient) -> None:
    found = (await http.get("/api/v1/products", params={"q": "!?"})).json()
    assert (found["products"], [message["code"] for message in found["messages"]]) == ([], ["SEARCH_WITHOUT_WORDS"])


@pytest.mark.parametrize(
    "query, status, field",
    [
        ("q=" + "x" * 10_000, 422, "q"), ("q=a%00b", 422, "q"), ("sort=best", 422, "sort"),
        ("price_min=-1", 422, "price_min"), ("price_min=1e309", 422, "price_min"), ("price_max=" + "9" * 20, 422, None),
        ("price_min=5&price_max=4", 422, "price_max"), ("option=Colour", 422, None), ("category=", 422, None),
        ("category=%00", 422, None), ("&".join(["tag=a"] * 21), 422, "tag"), ("in_stock=maybe", 422, "in_stock"),
        ("cursor=x", 400, "cursor"), ("cursor=" + "x" * 3_000, 422, "cursor"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(
    http: httpx.AsyncClient, query: str, status: int, field: str | None
) -> None:
    answer = await http.get(f"/api/v1/products?{query}")
    assert answer.status_code == status
    problem = answer.json()
    assert problem["error"] == ("INVALID_CURSOR" if status == 400 else "VALIDATION_FAILED")
    assert field is None or field in str(problem["field"])


async def test_a_search_needs_something_to_look_for(http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/v1/products/search")).status_code == 422
    assert (await http.get("/api/v1/products/search?q=")).status_code == 422


async def test_a_cursor_of_another_search_is_refused(http: httpx.AsyncClient) -> None:
    cursor = (await http.get("/api/v1/products?limit=1")).json()["next_cursor"]
    answer = await http.get("/api/v1/products", params={"limit": 1, "cursor": cursor, "q": "lamp"})
    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("text", ["lamp' & !x", "\\", "'", "lamp:*A", "%", "é" * 150, "\u202e", "🛋", "(((", "lamp\nx"])
async def test_hostile_words_are_answered(http: httpx.AsyncClient, text: str) -> None:
    answer = await http.get("/api/v1/products", params={"q": text})
    assert answer.status_code == 200
    assert len(answer.json()["products"]) <= 2
