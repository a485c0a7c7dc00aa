"""The cart over HTTP: what a shopper's client sees."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token, uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.catalogue import figures, make_product


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            yield http


async def test_reading_writes_nothing_and_shows_an_empty_cart(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.get("/api/v1/cart")
    assert answer.status_code == 200
    cart = answer.json()
    assert (cart["id"], cart["version"], cart["items"], cart["total_quantity"]) == (None, 0, [], 0)
    assert "set-cookie" not in answer.headers
    async with db.read() as connection:
        assert await connection.fetchval("select count(*) from cart") == 0


async def test_the_first_add_makes_a_cart_and_holds_stock(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=5, price_minor=1599, compare_at_minor=1999)
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": 2})
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("pannier_cart=ct_")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert answer.headers["etag"] == '"1"'
    cart = answer.json()
    item = cart["items"][0]
    assert item["quantity"] == 2
    assert item["unit_price"] == {"amount": 1599, "currency": "USD"}
    assert item["original_price"]["amount"] == 1999
    assert item["has_discount"] is True
    assert item["availability"]["available"] == 5
    assert item["availability"]["flags"] == []
    assert cart["totals"]["total"] == {"amount": 3198, "currency": "USD"}
    assert cart["hold_expires_at"] == item["availability"]["held_until"]
    stock = await figures(db, variant)
    assert (stock.on_hand, stock.held) == (5, 2)
    assert (await client.get("/api/v1/cart")).json()["items"] == cart["items"]
    assert (await client.get("/api/v1/cart/summary")).json()["total_quantity"] == 2


async def test_the_same_variant_joins_its_line_and_other_attributes_do_not(
    client: httpx.AsyncClient, db: Database
) -> None:
    variant = await make_product(db)
    plain = {"variant_id": str(variant)}
    engraved = {**plain, "attributes": {"engraving": "Ada"}, "note": "as a gift"}
    await client.post("/api/v1/cart/items", json=plain)
    await client.post("/api/v1/cart/items", json=engraved)
    await client.post("/api/v1/cart/items", json=engraved)
    cart = (await client.post("/api/v1/cart/items", json=plain)).json()
    assert [(i["quantity"], i["attributes"], i["note"]) for i in cart["items"]] == [
        (2, {}, None),
        (2, {"engraving": "Ada"}, "as a gift"),
    ]
    assert (await figures(db, variant)).held == 4


async def test_more_than_there_is_is_refused_with_the_figures_and_the_cart(
    client: httpx.AsyncClient, db: Database
) -> None:
    variant = await make_product(db, on_hand=3)
    await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": 2})
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": 2})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["error"], problem["code"]) == ("INSUFFICIENT_STOCK", "STOCK_001")
    assert problem["details"]["requested"] == 4
    assert problem["details"]["available"] == 3
    assert problem["cart"]["items"][0]["quantity"] == 2
    assert (await figures(db, variant)).held == 2


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
async def test_a_quantity_out_of_range_is_told(client: httpx.AsyncClient, db: Database, quantity: int) -> None:
    variant = await make_product(db)
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": quantity})
    assert answer.status_code == 400
    assert (answer.json()["error"], answer.json()["code"]) == ("INVALID_QUANTITY", "CART_001")


@pytest.mark.parametrize(
    "body", [{"quantity": 1}, {"variant_id": "x"}, {"variant_id": str(uuid7()), "quantity": "two"}, {"a": 1}]
)
async def test_a_body_of_another_shape_is_told(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await client.post("/api/v1/cart/items", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"] == "VALIDATION_FAILED"
    assert "set-cookie" not in answer.headers


async def test_an_unknown_variant_leaves_no_cart_behind(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(uuid7())})
    assert (answer.status_code, answer.json()["error"]) == (404, "PRODUCT_NOT_FOUND")
    async with db.read() as connection:
        counts = await connection.fetchrow("select (select count(*) from cart), (select count(*) from reservation)")
    assert counts is not None
    assert tuple(counts) == (0, 0)


async def test_limits_are_told_with_what_is_allowed(client: httpx.AsyncClient, db: Database) -> None:
    many = await make_product(db, on_hand=1000)
    other = await make_product(db, on_hand=1000)
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(many), "quantity": 100})
    assert (answer.status_code, answer.json()["error"]) == (409, "LIMIT_EXCEEDED")
    assert answer.json()["details"]["allowed"] == 99
    await client.post("/api/v1/cart/items", json={"variant_id": str(many), "quantity": 99})
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(other), "quantity": 2})
    assert answer.json()["details"] | {"variant_id": None} == {
        "limit": "cart_quantity",
        "maximum": 100,
        "requested": 101,
        "allowed": 1,
        "variant_id": None,
    }


async def test_change_and_remove_move_the_hold(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=10)
    cart = (await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": 4})).json()
    path = f"/api/v1/cart/items/{cart['items'][0]['id']}"
    changed = await client.patch(path, json={"quantity": 6, "note": "blue ribbon", "selected": False})
    assert changed.json()["items"][0]["note"] == "blue ribbon"
    assert changed.json()["selected_count"] == 0
    assert (await figures(db, variant)).held == 6
    assert (await client.patch(path, json={"note": None})).json()["items"][0]["note"] is None
    put = (await client.put(path, json={"quantity": 1})).json()
    assert (put["items"][0]["quantity"], put["items"][0]["selected"]) == (1, True)
    assert (await figures(db, variant)).held == 1
    assert (await client.delete(path)).json()["items"] == []
    assert (await figures(db, variant)).held == 0
    gone = await client.delete(path)
    assert (gone.status_code, gone.json()["error"]) == (404, "ITEM_NOT_FOUND")


async def test_clear_gives_everything_back(client: httpx.AsyncClient, db: Database) -> None:
    first, second = await make_product(db), await make_product(db)
    for variant in (first, second):
        await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": 3})
    cart = (await client.delete("/api/v1/cart")).json()
    assert (cart["items"], cart["total_quantity"], cart["version"]) == ([], 0, 3)
    assert [(await figures(db, v)).held for v in (first, second)] == [0, 0]


async def test_if_match_refuses_a_change_meant_for_another_version(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    body = {"variant_id": str(variant)}
    await client.post("/api/v1/cart/items", json=body)
    right = await client.post("/api/v1/cart/items", json=body, headers={"If-Match": '"1"'})
    assert right.headers["etag"] == '"2"'
    wrong = await client.post("/api/v1/cart/items", json=body, headers={"If-Match": '"1"'})
    assert (wrong.status_code, wrong.json()["error"]) == (412, "CART_VERSION_MISMATCH")
    assert wrong.json()["cart"]["version"] == 2
    assert wrong.json()["details"] == {"expected": 1, "actual": 2}


async def test_a_key_is_carried_out_once_and_the_replay_is_the_first_answer(
    client: httpx.AsyncClient, db: Database
) -> None:
    variant = await make_product(db, on_hand=10)
    headers = {"Authorization": f"Bearer {new_cart_token()}", "Idempotency-Key": "first-write"}
    body = {"variant_id": str(variant), "quantity": 2}
    first = await client.post("/api/v1/cart/items", json=body, headers=headers)
    assert first.status_code == 200
    assert "set-cookie" not in first.headers
    await client.post("/api/v1/cart/items", json=body, headers={"Authorization": headers["Authorization"]})
    again = await client.post("/api/v1/cart/items", json=body, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    other = await client.post("/api/v1/cart/items", json={**body, "quantity": 3}, headers=headers)
    assert (other.status_code, other.json()["error"]) == (422, "IDEMPOTENCY_CONFLICT")
    assert (await figures(db, variant)).held == 4


async def test_a_refusal_is_kept_for_its_key_too(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=1)
    headers = {"Authorization": f"Bearer {new_cart_token()}", "Idempotency-Key": "k"}
    body = {"variant_id": str(variant), "quantity": 2}
    first = await client.post("/api/v1/cart/items", json=body, headers=headers)
    assert first.status_code == 409
    async with db.read() as connection:
        await connection.execute("update stock set on_hand = 50 where variant_id = $1", variant)
    again = await client.post("/api/v1/cart/items", json=body, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (409, "true")
    assert again.json()["details"] == first.json()["details"]


async def test_a_planted_cookie_gets_a_fresh_token_and_a_known_one_stays(
    client: httpx.AsyncClient, db: Database
) -> None:
    variant = await make_product(db)
    planted = new_cart_token()
    client.cookies.set("pannier_cart", planted)
    answer = await client.post("/api/v1/cart/items", json={"variant_id": str(variant)})
    given = answer.headers["set-cookie"].split(";")[0].split("=")[1]
    assert given != planted
    assert (await client.get("/api/v1/cart", headers={"Authorization": f"Bearer {planted}"})).json()["id"] is None
    client.cookies.clear()
    client.cookies.set("pannier_cart", given)
    second = await client.post("/api/v1/cart/items", json={"variant_id": str(variant)})
    assert second.json()["id"] == answer.json()["id"]
    assert given in second.headers["set-cookie"]


async def test_a_first_write_under_a_planted_cookie_is_not_replayed_without_its_token(
    client: httpx.AsyncClient, db: Database
) -> None:
    """The cart's token is told once and then forgotten, so a retry without it cannot be given the cart again."""
    variant = await make_product(db)
    headers = {"Cookie": f"pannier_cart={new_cart_token()}", "Idempotency-Key": "k"}
    answers = []
    for _ in range(2):
        client.cookies.clear()
        answers.append(await client.post("/api/v1/cart/items", json={"variant_id": str(variant)}, headers=headers))
    for answer in answers:
        given = answer.headers["set-cookie"].split(";")[0].split("=")[1]
        mine = await client.get("/api/v1/cart", headers={"Authorization": f"Bearer {given}"})
        assert mine.json()["id"] == answer.json()["id"]
        assert mine.json()["total_quantity"] == 1


async def test_somebody_elses_line_is_not_found(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    mine, yours = new_cart_token(), new_cart_token()
    cart = await client.post(
        "/api/v1/cart/items", json={"variant_id": str(variant)}, headers={"Authorization": f"Bearer {mine}"}
    )
    item = cart.json()["items"][0]["id"]
    headers = {"Authorization": f"Bearer {yours}"}
    await client.post("/api/v1/cart/items", json={"variant_id": str(variant)}, headers=headers)
    stolen = await client.patch(f"/api/v1/cart/items/{item}", json={"quantity": 9}, headers=headers)
    assert (stolen.status_code, stolen.json()["error"]) == (404, "ITEM_NOT_FOUND")
    assert item not in stolen.text.replace(stolen.json()["instance"], "")


async def test_bulk_is_all_or_nothing_unless_told_otherwise(client: httpx.AsyncClient, db: Database) -> None:
    plenty, scarce = await make_product(db, on_hand=10), await make_product(db, on_hand=1)
    items = [{"variant_id": str(plenty), "quantity": 2}, {"variant_id": str(scarce), "quantity": 2}]
    refused = await client.post("/api/v1/cart/bulk/items", json={"items": items})
    assert (refused.status_code, refused.json()["details"]["index"]) == (409, 1)
    assert (await figures(db, plenty)).held == 0
    partly = await client.post("/api/v1/cart/bulk/items", json={"items": items, "atomic": False})
    assert partly.status_code == 200, partly.text
    assert [(r["ok"], r["error"]) for r in partly.json()["results"]] == [(True, None), (False, "INSUFFICIENT_STOCK")]
    cart = partly.json()["cart"]
    assert (cart["version"], cart["total_quantity"]) == (1, 2)
    item = cart["items"][0]["id"]
    more = await client.put("/api/v1/cart/bulk/items", json={"items": [{"id": item, "quantity": 5}]})
    assert more.json()["cart"]["total_quantity"] == 5
    gone = await client.request("DELETE", "/api/v1/cart/bulk/items", json={"ids": [item]})
    assert gone.json()["cart"]["items"] == []
    assert (await figures(db, plenty)).held == 0


async def test_a_hold_that_ran_out_is_flagged_sold_to_others_and_held_again_when_it_can_be(
    client: httpx.AsyncClient, db: Database, clock: ManualClock
) -> None:
    variant, other = await make_product(db, on_hand=2), await make_product(db, on_hand=5)
    mine = {"Authorization": f"Bearer {new_cart_token()}"}
    yours = {"Authorization": f"Bearer {new_cart_token()}"}
    await client.post("/api/v1/cart/items", json={"variant_id": str(variant), "quantity": 2}, headers=mine)
    clock.advance(timedelta(minutes=16))
    seen = (await client.get("/api/v1/cart", headers=mine)).json()
    assert seen["items"][0]["availability"]["flags"] == ["hold_expired"]
    assert seen["items"][0]["availability"]["available"] == 2
    taken = await client.post("/api/v1/cart/items", json={"variant_id": str(variant)}, headers=yours)
    assert taken.status_code == 200
    seen = (await client.get("/api/v1/cart", headers=mine)).json()
    assert seen["items"][0]["availability"]["flags"] == ["hold_expired", "insufficient_stock"]
    assert [m["code"] for m in seen["messages"]] == ["HOLD_EXPIRED", "INSUFFICIENT_STOCK"]
    await client.request(
        "DELETE", "/api/v1/cart/bulk/items", json={"ids": [taken.json()["items"][0]["id"]]}, headers=yours
    )
    again = await client.post("/api/v1/cart/items", json={"variant_id": str(other)}, headers=mine)
    assert all(i["availability"]["flags"] == [] for i in again.json()["items"])
    assert (await figures(db, variant)).held == 2


async def test_a_cart_whose_time_is_up_is_gone_and_a_new_one_begins(
    client: httpx.AsyncClient, db: Database, clock: ManualClock
) -> None:
    variant = await make_product(db)
    headers = {"Authorization": f"Bearer {new_cart_token()}"}
    old = (await client.post("/api/v1/cart/items", json={"variant_id": str(variant)}, headers=headers)).json()
    clock.advance(timedelta(days=31))
    assert (await client.get("/api/v1/cart", headers=headers)).json()["id"] is None
    new = (await client.post("/api/v1/cart/items", json={"variant_id": str(variant)}, headers=headers)).json()
    assert new["id"] != old["id"]
    assert new["total_quantity"] == 1
    async with db.read() as connection:
        assert await connection.fetchval("select status from cart where id = $1", uuid.UUID(old["id"])) == "expired"


async def test_nul_in_a_text_is_told_and_stores_nothing(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    for extra in ({"note": "a\0b"}, {"attributes": {"a": "\0"}}, {"customisation": {"\0": 1}}):
        answer = await client.post("/api/v1/cart/items", json={"variant_id": str(variant), **extra})
        assert (answer.status_code, answer.json()["error"]) == (422, "VALIDATION_FAILED")
    assert (await figures(db, variant)).held == 0


async def test_what_is_nested_too_deeply_is_refused_as_such(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db)
    told = set()
    for depth in range(900, 1000, 5):
        nested = "[" * depth + "1" + "]" * depth
        body = f'{{"variant_id": "{variant}", "customisation": {{"x": {nested}}}}}'
        answer = await client.post("/api/v1/cart/items", content=body, headers={"Content-Type": "application/json"})
        told.add(answer.status_code)
    assert told == {200, 400}
