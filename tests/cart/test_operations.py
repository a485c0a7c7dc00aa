"""What a client queued offline: carried out in order, each operation once, and told what became of it."""

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
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.web import served

PATH = "/api/v1/cart/operations"


@pytest_asyncio.fixture
async def client(settings: Settings, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {new_cart_token()}"}
    with served(create_app(settings)) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            yield client


async def send(client: httpx.AsyncClient, *operations: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    answer = (await client.post(PATH, json={"operations": operations})).raise_for_status().json()
    return answer["results"], answer["cart"]


async def test_a_queue_is_carried_out_in_order_and_once(client: httpx.AsyncClient, db: Database) -> None:
    variant, other = str(await make_product(db)), str(await make_product(db))
    queue = (
        {"id": "1", "type": "add", "variant_id": variant, "quantity": 2},
        {"id": "2", "type": "set", "item": "1", "quantity": 5, "note": "For Bo"},
        {"id": "3", "type": "add", "variant_id": other},
        {"id": "4", "type": "save", "item": "3"},
        {"id": "5", "type": "select", "selected": ["1"]},
    )
    results, cart = await send(client, *queue)
    assert [(r["ok"], r["replayed"]) for r in results] == [(True, False)] * 5
    assert (results[1]["quantity_before"], results[1]["quantity"]) == (2, 5)
    assert [(i["quantity"], i["note"]) for i in cart["items"]] == [(5, "For Bo")]
    assert len(cart["saved_items"]) == 1

    again, same = await send(client, *queue)
    assert [(r["ok"], r["replayed"], r["item_id"]) for r in again] == [(True, True, r["item_id"]) for r in results]
    assert same["version"] == cart["version"] == 5
    more, _ = await send(client, *queue, {"id": "6", "type": "remove", "item": "1"})
    assert [r["replayed"] for r in more] == [True] * 5 + [False]
    assert await faults(db) == {}


async def test_what_is_refused_is_told_and_stops_nothing(client: httpx.AsyncClient, db: Database) -> None:
    scarce, plenty = str(await make_product(db, on_hand=1)), str(await make_product(db))
    queue = (
        {"id": "1", "type": "add", "variant_id": scarce, "quantity": 3},
        {"id": "2", "type": "set", "item": "1", "quantity": 1},
        {"id": "3", "type": "add", "variant_id": plenty, "note": "x" * 501},
        {"id": "4", "type": "add", "variant_id": plenty},
    )
    results, cart = await send(client, *queue)
    assert [r["error"] for r in results] == ["INSUFFICIENT_STOCK", "ITEM_NOT_FOUND", "VALIDATION_FAILED", None]
    assert (results[0]["details"]["requested"], results[0]["details"]["available"]) == (3, 1)
    assert [i["quantity"] for i in cart["items"]] == [1]
    assert [r["replayed"] for r in (await send(client, *queue))[0]] == [True, False, False, True]


async def test_an_id_stands_for_one_operation(client: httpx.AsyncClient, db: Database) -> None:
    variant = str(await make_product(db))
    await send(client, {"id": "1", "type": "add", "variant_id": variant})
    results, cart = await send(client, {"id": "1", "type": "add", "variant_id": variant, "quantity": 2})
    assert results[0]["error"] == "IDEMPOTENCY_CONFLICT"
    assert cart["total_quantity"] == 1
    # A single request's key is another thing, whatever it is called.
    headers = {"Idempotency-Key": "1"}
    single = await client.post("/api/v1/cart/items", json={"variant_id": variant}, headers=headers)
    assert (single.status_code, single.json()["total_quantity"]) == (200, 2)


async def test_a_guest_without_a_token_gets_one_for_the_whole_queue(
    client: httpx.AsyncClient, db: Database, settings: Settings
) -> None:
    variant = await make_product(db)
    async with httpx.AsyncClient(base_url=client.base_url, timeout=30) as guest:
        results, cart = await send(
            guest,
            {"id": "1", "type": "add", "variant_id": str(variant)},
            {"id": "2", "type": "set", "item": "1", "quantity": 4},
        )
        assert [r["ok"] for r in results] == [True, True]
        assert settings.cart_cookie_name in guest.cookies
        assert (await guest.get("/api/v1/cart")).json()["id"] == cart["id"]
    assert (await figures(db, variant)).held == 4


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [{"id": "1", "type": "steal"}],
        [{"id": " ", "type": "clear"}],
        [{"id": "1", "type": "clear"}] * 101,
        [{"id": "1", "type": "set", "item": "2", "quantity": -1}],
        [{"id": "1", "type": "set", "item": "2", "quantity": 10**7}],
        [{"id": "1", "type": "add", "variant_id": "01a1f99a-c7df-7325-8533-23354fafeb95", "quantity": 0}],
    ],
)
async def test_a_queue_that_is_none_is_refused(client: httpx.AsyncClient, operations: list[dict[str, Any]]) -> None:
    answer = await client.post(PATH, json={"operations": operations})
    assert (answer.status_code, answer.json()["error"]) == (422, "VALIDATION_FAILED")
