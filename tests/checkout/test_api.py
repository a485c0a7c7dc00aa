"""Checkout over HTTP: what a shopper's client sees."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import PannierApp, create_app
from pannier.checkout import CheckoutDocument
from pannier.checkout.schemas import CheckoutState, ShippingOptions
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token, uuid7
from pannier.platform.database import Database
from pannier.platform.hot import HotRoutes
from pannier.platform.settings import Settings
from tests.support.catalogue import make_product
from tests.support.shop import SHOP_C, count

ADDRESS = {"name": "Jane", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}
#: Whether it is the test's own request whose statements count.
_is_asking: ContextVar[bool] = ContextVar("_is_asking", default=False)
DETAILS = {"email": "jane@example.com", "shipping_address": ADDRESS, "payment_method": "invoice"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={**SHOP_C, "database_pool_size": 2, "completion_resume_interval_s": 3600})


@pytest.fixture
def app(settings: Settings, clock: ManualClock) -> PannierApp:
    return create_app(settings, clock=clock)


@pytest_asyncio.fixture
async def client(app: PannierApp) -> AsyncIterator[httpx.AsyncClient]:
    async with app.running():
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {new_cart_token()}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://shop/api/v1", headers=headers) as http:
            yield http


async def begin(client: httpx.AsyncClient, db: Database, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """A checkout of two stools at 100.00."""
    variant = await make_product(db, price_minor=10_000)
    added = await client.post("/cart/items", json={"variant_id": str(variant), "quantity": 2})
    assert added.status_code == 200, added.text
    answer = await client.post("/checkouts", json=details)
    assert answer.status_code == 201, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def test_the_way_to_an_order(client: httpx.AsyncClient, db: Database) -> None:
    session = await begin(client, db)
    path = f"/checkouts/{session['id']}"
    assert session["status"] == "incomplete"
    patched = await client.patch(path, json={"email": "jane@example.com", "shipping_address": ADDRESS})
    assert [entry["field"] for entry in patched.json()["requirements"]] == ["payment_method"]
    options = await client.get(f"{path}/shipping-options")
    ShippingOptions.model_validate_json(options.content)
    assert options.json()["options"][0]["amount"] == {"amount": 1599, "currency": "USD"}
    paid = await client.post(f"{path}/payment", json={"payment_method": "cash_on_delivery"})
    assert paid.json()["status"] == "ready_for_complete"
    assert (await client.post(f"{path}/validate")).json() == paid.json()
    assert (await client.post(f"{path}/calculate")).json()["totals"]["total"]["amount"] == 23_199
    done = await client.post(f"{path}/complete", json={"expected_total": {"amount": 23_199, "currency": "USD"}})
    assert done.status_code == 200, done.text
    CheckoutDocument.model_validate_json(done.content)
    order = done.json()["order"]
    state = await client.get(f"{path}/status")
    CheckoutState.model_validate_json(state.content)
    assert (state.json()["status"], state.json()["order"]) == ("completed", order)
    assert (await client.get(path)).content == done.content
    placed = await client.get(f"/orders/{order['number']}")
    assert placed.json()["totals"] == done.json()["totals"]
    assert (await client.get("/cart")).json()["items"] == []


async def test_a_key_replays_the_answer(client: httpx.AsyncClient, db: Database) -> None:
    session = await begin(client, db, DETAILS)
    path, headers = f"/checkouts/{session['id']}/complete", {"Idempotency-Key": "k-1"}
    first = await client.post(path, json={}, headers=headers)
    again = await client.post(path, json={}, headers=headers)
    assert again.content == first.content
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    other = await client.post(path, json={"expected_total": 1}, headers=headers)
    assert (other.status_code, other.json()["error"]) == (422, "IDEMPOTENCY_CONFLICT")
    assert await count(db, "orders") == 1


async def test_every_change_takes_a_key(client: httpx.AsyncClient, db: Database) -> None:
    session = await begin(client, db)
    path = f"/checkouts/{session['id']}"
    for number, (method, target, body) in enumerate(
        [
            ("POST", "/checkouts", DETAILS),
            ("PATCH", path, {"note": "Ring twice"}),
            ("POST", f"{path}/calculate", None),
            ("POST", f"{path}/payment", {"payment_method": "invoice"}),
            ("POST", f"{path}/cancel", None),
        ]
    ):
        answers = [
            await client.request(method, target, json=body, headers={"Idempotency-Key": f"k-{number}"})
            for _ in range(2)
        ]
        assert answers[0].status_code == 200, answers[0].text
        assert answers[0].content == answers[1].content
        assert answers[1].headers["idempotent-replayed"] == "true"


async def test_a_changed_total_is_told_with_the_figures(client: httpx.AsyncClient, db: Database) -> None:
    session = await begin(client, db, DETAILS)
    answer = await client.post(f"/checkouts/{session['id']}/complete", json={"expected_total": 20_000})
    problem = answer.json()
    assert (answer.status_code, problem["error"], problem["code"]) == (409, "TOTAL_CHANGED", "CHK_005")
    assert problem["details"]["total"] == {"amount": 23_199, "currency": "USD"}
    assert problem["details"]["totals"] == session["totals"]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"email": "not an address"}, "email"),
        ({"email": "a@b.c\u0000om"}, "email"),
        ({"shipping_address": {**ADDRESS, "country": "USA"}}, "shipping_address.country"),
        ({"shipping_address": {**ADDRESS, "country": "us"}}, "shipping_address.country"),
        ({"shipping_address": {**ADDRESS, "line1": "  "}}, "shipping_address.line1"),
        ({"shipping_address": {**ADDRESS, "city": "x" * 201}}, "shipping_address.city"),
        ({"shipping_address": {**ADDRESS, "planet": "Mars"}}, "shipping_address.planet"),
        ({"billing_address": {"name": "Jane"}}, "billing_address.line1"),
        ({"note": "x\u0000"}, "note"),
        ({"line_ids": []}, "line_ids"),
        ({"total": 1}, "total"),
    ],
)
async def test_input_is_checked(client: httpx.AsyncClient, db: Database, change: dict[str, Any], field: str) -> None:
    answer = await client.patch(f"/checkouts/{uuid7()}", json=change)
    assert (answer.status_code, answer.json()["error"]) == (422, "VALIDATION_FAILED")
    assert field in [fault["field"] for fault in answer.json()["details"]["errors"]]


_JSON = "application/json"
_NOBODYS = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.mark.parametrize(
    "method, path, body, status, error",
    [
        ("POST", "/checkouts", {}, 409, "EMPTY_CART"),
        ("GET", f"/checkouts/{_NOBODYS}", None, 404, "CHECKOUT_NOT_FOUND"),
        ("POST", f"/checkouts/{_NOBODYS}/complete", {}, 404, "CHECKOUT_NOT_FOUND"),
        ("GET", "/checkouts/seven", None, 422, "VALIDATION_FAILED"),
        ("POST", f"/checkouts/{_NOBODYS}/complete", {"expected_total": -1}, 422, "VALIDATION_FAILED"),
        ("POST", f"/checkouts/{_NOBODYS}/complete", {"external_reference": "A"}, 401, "LOGIN_REQUIRED"),
    ],
)
async def test_refusals_are_problems(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None, status: int, error: str
) -> None:
    answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path, content, headers, status, error",
    [
        ("seven", b"{}", [], 422, "VALIDATION_FAILED"),
        ("seven", b"{", [], 400, "MALFORMED_JSON"),
        (str(_NOBODYS).upper(), b"{}", [], 404, "CHECKOUT_NOT_FOUND"),
        (_NOBODYS, b"", [], 404, "CHECKOUT_NOT_FOUND"),
        (_NOBODYS, b"null", [], 404, "CHECKOUT_NOT_FOUND"),
        (_NOBODYS, b"[]", [], 422, "VALIDATION_FAILED"),
        (_NOBODYS, b"{", [], 400, "MALFORMED_JSON"),
        (_NOBODYS, b'{"expected_total": NaN}', [], 422, "VALIDATION_FAILED"),
        (_NOBODYS, b'{"unknown": 1}', [], 422, "VALIDATION_FAILED"),
        (_NOBODYS, b"{}", [("Content-Type", "text/plain")], 415, "UNSUPPORTED_MEDIA_TYPE"),
        (_NOBODYS, b"{}", [("Content-Type", "application/vnd.a+json")], 404, "CHECKOUT_NOT_FOUND"),
        (_NOBODYS, b"{}", [("Idempotency-Key", "not one")], 422, "VALIDATION_FAILED"),
        (_NOBODYS, b"{}", [("Idempotency-Key", "not one"), ("Idempotency-Key", "k")], 422, "VALIDATION_FAILED"),
    ],
)
async def test_a_completion_is_judged_alike_by_its_short_cut_and_by_its_route(
    client: httpx.AsyncClient,
    app: PannierApp,
    path: object,
    content: bytes,
    headers: list[tuple[str, str]],
    status: int,
    error: str,
) -> None:
    sent = headers if any(name == "Content-Type" for name, _ in headers) else [("Content-Type", _JSON), *headers]
    answers = []
    for is_short in (True, False):
        if not is_short:
            app.hot = app.edge._hot = HotRoutes(route for route in app.hot.routes if route.operation is not None)
        answers.append(await client.post(f"/checkouts/{path}/complete", content=content, headers=sent))
    assert [(one.status_code, one.json()["error"]) for one in answers] == [(status, error)] * 2
    bodies = [{**one.json(), "request_id": None, "timestamp": None} for one in answers]
    assert bodies[0] == bodies[1]
    assert set(answers[0].headers) == set(answers[1].headers)


async def test_nobody_elses_checkout(client: httpx.AsyncClient, db: Database) -> None:
    session = await begin(client, db, DETAILS)
    path = f"/checkouts/{session['id']}"
    stranger = {"Authorization": f"Bearer {new_cart_token()}"}
    for method, target in [("GET", path), ("GET", f"{path}/status"), ("POST", f"{path}/complete"), ("PATCH", path)]:
        body: dict[str, Any] | None = None if method == "GET" else {}
        answer = await client.request(method, target, json=body, headers=stranger)
        assert (answer.status_code, answer.json()["error"]) == (404, "CHECKOUT_NOT_FOUND")
    staff = {"Authorization": "Bearer a-token-for-tests-only"}
    done = await client.post(f"{path}/complete", json={"external_reference": "ERP-7"}, headers=staff)
    assert done.json()["status"] == "completed"


async def test_completing_takes_four_round_trips(client: httpx.AsyncClient, db: Database) -> None:
    statements: list[str] = []
    shop_db: Database = client._transport.app.state.pannier.db  # type: ignore[attr-defined]  # httpx names it nowhere else
    # One that nobody else gets: everything goes over the other, which asks once for the types it meets.
    async with shop_db.pool.acquire():
        async with shop_db.pool.acquire() as connection:
            # The shop's jobs use it too.
            connection.add_query_logger(lambda record: statements.append(record.query) if _is_asking.get() else None)
        await client.post(f"/checkouts/{(await begin(client, db, DETAILS))['id']}/complete")
        session = await begin(client, db, DETAILS)
        token = _is_asking.set(True)
        answer = await client.post(f"/checkouts/{session['id']}/complete", json={}, headers={"Idempotency-Key": "k"})
        _is_asking.reset(token)
    assert answer.status_code == 200, answer.text
    names = [statement.split("(")[0] for statement in statements]
    assert len(names) == 4, names
    assert names[0].startswith("BEGIN")
    assert "checkout_lock" in names[1]
    assert "checkout_place" in names[2]
    assert names[3].startswith("COMMIT")
