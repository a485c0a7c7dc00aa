"""Gift cards, store credit, points: balances that no race and no repetition makes other than their ledger says."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.promotions import export_customer, forget_customer
from pannier.promotions.schemas import CustomerDocument, CustomerPurses, GiftCardPage, PurseWithMovements
from tests.promotions.desk import fetch, made, staff_desk, value
from tests.support.books import faults


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with staff_desk(settings, clock) as desk:
        yield desk


async def _charge(
    db: Database, purse: str, amount: int, *, order: uuid.UUID | None = None, user: str | None = None
) -> str:
    charges = [{"id": purse, "amount": amount}]
    try:
        await db.write(
            lambda on: on.execute(
                "select purse_charge($1, $2, $3, 'ann', null, now())", order or uuid7(), charges, user
            )
        )
    except asyncpg.PostgresError as refused:
        if refused.sqlstate != "PN011":
            raise
        return str(json.loads(refused.detail or "")["reason"])
    return "paid"


async def test_a_gift_card_is_made_paid_with_and_told_without_its_code(client: httpx.AsyncClient, db: Database) -> None:
    card = await made(client, "/gift-cards", amount=5000, note="For Ann")
    assert (len(card["code"]), card["code"][-4:], card["currency"]) == (19, card["code_end"], "USD")
    typed = card["code"].replace("-", " ").lower()
    (seen,) = json.loads(await value(db, "select purse_documents(array[$1, 'no'], null)", typed))
    assert (seen["id"], seen["balance"], seen["code"]) == (card["id"], 5000, typed)
    order = uuid7()
    assert [await _charge(db, card["id"], 3000, order=order) for _ in range(2)] == ["paid", "paid"]
    assert await _charge(db, card["id"], 3000) == "short"
    for _ in range(2):
        await value(db, "select purse_refund($1)", order)
    await client.post(f"/gift-cards/{card['id']}/adjust", json={"amount": -1500, "reason": "Damaged"})
    low = await client.post(f"/gift-cards/{card['id']}/adjust", json={"amount": -9999})
    assert (low.status_code, low.json()["error"], low.json()["details"]["balance"]) == (409, "BALANCE_SHORT", 3500)
    full = PurseWithMovements.model_validate_json((await client.get(f"/gift-cards/{card['id']}")).content)
    assert [(m.kind, m.amount, m.balance_after) for m in full.movements] == [
        ("adjust", -1500, 3500), ("refund", 3000, 5000), ("charge", -3000, 2000), ("issue", 5000, 5000),
    ]  # fmt: skip
    rows = await fetch(db, "select before::text, after::text from price_audit")
    assert card["code"] not in str(rows)
    assert await faults(db) == {}


async def test_a_gift_card_that_is_off_over_or_taken(client: httpx.AsyncClient, db: Database) -> None:
    card = await made(client, "/gift-cards", amount=100, code="PRINTED-0001", currency="EUR")
    twice = await client.post("/gift-cards", json={"amount": 100, "code": "printed0001"})
    assert (twice.status_code, twice.json()["error"]) == (409, "COUPON_CODE_TAKEN")
    await client.post(f"/gift-cards/{card['id']}/deactivate")
    assert await _charge(db, card["id"], 10) == "inactive"
    await client.post(f"/gift-cards/{card['id']}/activate")
    await client.patch(f"/gift-cards/{card['id']}", json={"ends": "2020-01-01"})
    assert await _charge(db, card["id"], 10) == "expired"
    page = GiftCardPage.model_validate_json((await client.get("/gift-cards?active=true")).content)
    assert [(one.currency, one.balance) for one in page.gift_cards] == [("EUR", 100)]
    await client.delete(f"/gift-cards/{card['id']}")
    assert await _charge(db, card["id"], 10) == "inactive"
    assert (await client.get("/gift-cards")).json()["gift_cards"] == []
    for body in ({"amount": 0}, {"amount": 5, "currency": "XXQ"}, {"amount": 5, "code": "short"}):
        assert (await client.post("/gift-cards", json=body)).status_code == 422


async def test_store_credit_and_points_are_one_purse_each(client: httpx.AsyncClient, db: Database) -> None:
    path = "/customers/ann%40example/store-credit"
    told = await asyncio.gather(*[client.post(path, json={"amount": 100, "reason": "Sorry"}) for _ in range(5)])
    assert {answer.status_code for answer in told} == {200}
    await client.post("/customers/ann%40example/points", json={"amount": 30})
    short = await client.post("/customers/bob/points", json={"amount": -1})
    assert (short.status_code, short.json()["error"]) == (409, "BALANCE_SHORT")
    for _ in range(2):
        await value(
            db, "select purse_earn($1, 'ann@example', 12, $2, 'system', null, now())", uuid.UUID(int=1), uuid7()
        )
    purses = CustomerPurses.model_validate_json((await client.get("/customers/ann%40example/purses")).content).purses
    assert sorted((one.kind, one.currency, one.balance, len(one.movements)) for one in purses) == [
        ("points", None, 42, 2), ("store_credit", "USD", 500, 5),
    ]  # fmt: skip
    credit = next(str(one.id) for one in purses if one.kind == "store_credit")
    assert await _charge(db, credit, 100, user="bob") == "unknown"
    assert (await client.get(f"/gift-cards/{credit}")).json()["error"] == "GIFT_CARD_NOT_FOUND"
    paid = Counter(await asyncio.gather(*[_charge(db, credit, 100, user="ann@example") for _ in range(12)]))
    assert paid == {"paid": 5, "short": 7}
    assert await faults(db) == {}


async def test_points_of_a_canceled_order_are_taken_back_as_far_as_they_are_there(
    client: httpx.AsyncClient, db: Database
) -> None:
    order = uuid7()
    await value(db, "select purse_earn($1, 'ann', 50, $2, 'system', null, now())", order, uuid7())
    (purse,) = (await client.get("/customers/ann/purses")).json()["purses"]
    assert await _charge(db, purse["id"], 20, user="ann") == "paid"
    for _ in range(2):
        await value(db, "select purse_refund($1)", order)
    assert await value(db, "select balance from purse") == 0
    await client.post("/customers/ann/points", json={"amount": 40})
    await value(db, "select purse_refund($1)", order)
    assert await value(db, "select balance from purse") == 40
    assert await faults(db) == {}


async def test_what_prices_know_of_a_customer(client: httpx.AsyncClient, db: Database) -> None:
    nothing = CustomerDocument.model_validate_json((await client.get("/customers/ann/pricing")).content)
    assert (nothing.version, nothing.groups, nothing.kind) == (0, [], "individual")
    assert await value(db, "select customer_document('ann')") is None
    bare = await client.patch("/customers/ann/pricing", json={"is_tax_id_valid": True})
    assert (bare.status_code, bare.json()["field"]) == (422, "is_tax_id_valid")
    body: dict[str, Any] = {"groups": ["trade"], "kind": "business", "tax_id": "DE123456789", "is_tax_id_valid": True}
    kept = await client.patch("/customers/ann/pricing", json=body, headers={"If-Match": '"0"'})
    assert (kept.status_code, kept.headers["etag"]) == (200, '"1"')
    assert json.loads(await value(db, "select customer_document('ann')")) == {
        "id": "ann", "groups": ["trade"], "kind": "business", "tax_id_valid": True, "tax_exempt": False,
    }  # fmt: skip
    late = await client.patch("/customers/ann/pricing", json={"groups": []}, headers={"If-Match": '"0"'})
    assert (late.status_code, late.json()["error"]) == (412, "RECORD_CHANGED")
    other = (await client.patch("/customers/ann/pricing", json={"tax_id": "FR1"})).json()
    assert (other["is_tax_id_valid"], other["groups"], other["version"]) == (False, ["trade"], 2)
    (last, first) = (await client.get("/price-audit?subject_kind=customer&subject_id=ann")).json()["entries"]
    assert (first["action"], last["before"]["tax_id"], last["after"]["tax_id"]) == ("created", "DE123456789", "FR1")


async def test_a_customer_who_is_erased_leaves_figures_and_no_name(
    client: httpx.AsyncClient, db: Database, clock: ManualClock
) -> None:
    await client.patch("/customers/ann/pricing", json={"groups": ["trade"]})
    await client.post("/customers/ann/store-credit", json={"amount": 100})
    async with db.read() as connection:
        known = await export_customer(connection, "ann")
    assert (known["profile"]["groups"], known["purses"][0]["balance"]) == (["trade"], 100)
    await db.write(lambda on: forget_customer(on, "ann", "erased:1", clock.now()))
    left = {
        table: await value(db, f"select count(*) from {table} t where to_jsonb(t)::text like '%\"ann\"%'")
        for table in ("customer_profile", "purse", "purse_movement", "coupon_use", "price_audit", "event")
    }
    assert set(left.values()) == {0}, left
    assert await value(db, "select balance from purse where user_id = 'erased:1'") == 100
    assert await faults(db) == {}
