"""Promotions, price rules and coupons over HTTP, as staff keep them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.promotions.schemas import (
    AuditPage,
    CouponDocument,
    CouponPage,
    PriceRuleDocument,
    PromotionDocument,
    PromotionPage,
)
from tests.promotions.desk import TEN_PERCENT, claim, fetch, made, staff_desk, value
from tests.support.books import faults


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with staff_desk(settings, clock) as desk:
        yield desk


async def _revision(db: Database) -> int:
    found: int = await value(db, "select revision from price_book_revision")
    return found


async def test_a_promotion_is_made_switched_changed_and_archived(client: httpx.AsyncClient, db: Database) -> None:
    body = {"name": "Spring", "definition": TEN_PERCENT, "starts": "2026-03-01", "ends": "2026-05-31", "limit": 5}
    first = await client.post("/promotions", json=body, headers={"Idempotency-Key": "one"})
    again = await client.post("/promotions", json=body, headers={"Idempotency-Key": "one"})
    assert (first.status_code, first.headers["etag"], again.content) == (201, '"1"', first.content)
    promotion = PromotionDocument.model_validate_json(first.content)
    assert (promotion.is_active, promotion.limit, promotion.used, promotion.is_exhausted) == (False, 5, 0, False)
    assert promotion.definition == TEN_PERCENT
    path, before = f"/promotions/{promotion.id}", await _revision(db)

    on = await client.post(f"{path}/activate", headers={"If-Match": '"1"'})
    still = await client.post(f"{path}/activate")
    changed = await client.patch(path, json={"name": "Summer", "ends": None}, headers={"If-Match": '"2"'})
    late = await client.patch(path, json={"name": "Autumn"}, headers={"If-Match": '"2"'})
    assert (on.json()["is_active"], still.json()["version"], changed.json()["version"]) == (True, 2, 3)
    assert (changed.json()["name"], changed.json()["starts"], changed.json()["ends"]) == ("Summer", "2026-03-01", None)
    assert (late.status_code, late.json()["error"]) == (412, "RECORD_CHANGED")
    assert await _revision(db) == before + 2, "every change makes the book old, and what changes nothing does not"

    gone = await client.delete(path)
    assert (gone.json()["is_active"], gone.json()["archived_at"] is None) == (False, False)
    assert (await client.post(f"{path}/activate")).json()["error"] == "RECORD_ARCHIVED"
    assert (await client.get("/promotions")).json() == {"promotions": [], "next_cursor": None}
    page = PromotionPage.model_validate_json((await client.get("/promotions?archived=true")).content)
    assert [one.id for one in page.promotions] == [promotion.id]
    assert (await client.get(f"/promotions/{uuid7()}")).json()["error"] == "PROMOTION_NOT_FOUND"


async def test_every_change_is_an_event_and_stands_in_the_audit(client: httpx.AsyncClient, db: Database) -> None:
    promotion = await made(client, "/promotions", name="Spring", definition=TEN_PERCENT)
    rule = await made(client, "/price-rules", name="Sale", definition={"percent": 20})
    await client.patch(f"/promotions/{promotion['id']}", json={"limit": 3})
    await client.post(f"/promotions/{promotion['id']}/activate")
    PriceRuleDocument.model_validate((await client.delete(f"/price-rules/{rule['id']}")).json())

    events = await fetch(db, "select type, version, data, actor from event where aggregate_kind = 'promotion'")
    assert [(e["type"], e["version"], e["actor"]) for e in events] == [
        ("promotion.created", 1, "admin"),
        ("promotion.updated", 2, "admin"),
        ("promotion.activated", 3, "admin"),
    ]
    assert (events[1]["data"]["before"]["limit"], events[1]["data"]["after"]["limit"]) == (None, 3)
    whole = AuditPage.model_validate_json((await client.get("/price-audit")).content)
    assert [(e.subject_kind, e.action) for e in whole.entries] == [
        ("price_rule", "archived"),
        ("promotion", "activated"),
        ("promotion", "updated"),
        ("price_rule", "created"),
        ("promotion", "created"),
    ]
    one = f"/price-audit?subject_kind=promotion&subject_id={promotion['id']}&actor=admin&limit=2"
    first = AuditPage.model_validate_json((await client.get(one)).content)
    rest = AuditPage.model_validate_json((await client.get(f"{one}&cursor={first.next_cursor}")).content)
    assert [e.action for e in first.entries + rest.entries] == ["activated", "updated", "created"]
    assert (rest.next_cursor, rest.entries[0].before, rest.entries[0].subject_name) == (None, None, "Spring")
    assert (await client.get("/price-audit?since=2999-01-01T00:00:00Z")).json()["entries"] == []


@pytest.mark.parametrize(
    "body, field, says",
    [
        ({"definition": {}}, "definition.actions", "at least one action"),
        ({"definition": {"actions": [{"type": "order_percnt"}]}}, "definition.actions.0.type", "order_percent"),
        ({"definition": {"actions": [{"type": "order_percent"}]}}, "definition.actions.0.percent", "missing"),
        (
            {"definition": {**TEN_PERCENT, "conditions": [{"type": "min_subtotal", "amount": 9.5}]}},
            "definition.conditions.0.amount",
            "a whole number is wanted",
        ),
        ({"definition": {**TEN_PERCENT, "colour": "red"}}, "definition.colour", "no such field"),
        ({"definition": {**TEN_PERCENT, "limit": 5}}, "definition.limit", "beside it: limit"),
        ({"definition": {**TEN_PERCENT, "lane": "a\0"}}, "definition.lane", "NUL"),
        ({"definition": TEN_PERCENT, "starts": "2026-02-01", "ends": "2026-01-31"}, "ends", "Not before it starts"),
    ],
)
async def test_what_is_wrong_with_a_promotion_is_told_with_its_place(
    client: httpx.AsyncClient, db: Database, body: dict[str, Any], field: str, says: str
) -> None:
    answer = await client.post("/promotions", json={"name": "Spring", **body})
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (422, "VALIDATION_FAILED", field)
    assert says in answer.json()["detail"]
    assert await value(db, "select count(*) from promotion") == 0


async def test_a_change_is_judged_with_what_stays(client: httpx.AsyncClient) -> None:
    made_ = await made(client, "/promotions", name="Spring", definition=TEN_PERCENT, starts="2026-02-01")
    answer = await client.patch(f"/promotions/{made_['id']}", json={"ends": "2026-01-01"})
    assert (answer.status_code, answer.json()["field"]) == (422, "ends")
    rule = await made(client, "/price-rules", name="Sale", definition={"amount": 500})
    answer = await client.patch(f"/price-rules/{rule['id']}", json={"definition": {"amount": 1, "percent": 1}})
    assert (answer.status_code, answer.json()["field"]) == (422, "definition.percent")


async def test_a_limit_counts_what_was_used_before_there_was_one(client: httpx.AsyncClient, db: Database) -> None:
    promotion = await made(client, "/promotions", name="Spring", definition=TEN_PERCENT, is_active=True)
    path = f"/promotions/{promotion['id']}"
    for _ in range(3):
        assert await claim(db, promotions=[promotion["id"]]) == "claimed"
    assert (await client.get(path)).json()["used"] == 3
    low = await client.patch(path, json={"limit": 2})
    assert (low.status_code, low.json()["error"], low.json()["details"]) == (
        409, "LIMIT_BELOW_USED", {"used": 3, "limit": 2},
    )  # fmt: skip
    limited = (await client.patch(path, json={"limit": 4})).json()
    assert (limited["used"], limited["is_exhausted"]) == (3, False)
    assert [await claim(db, promotions=[promotion["id"]]) for _ in range(2)] == ["claimed", "usage_limit"]
    assert (await client.get(path)).json()["is_exhausted"] is True
    open_again = (await client.patch(path, json={"limit": None})).json()
    assert (open_again["used"], open_again["is_exhausted"]) == (4, False)
    assert await faults(db) == {}


async def test_coupons_are_made_found_and_kept_apart(client: httpx.AsyncClient, db: Database) -> None:
    promotion = await made(client, "/promotions", name="Spring", definition=TEN_PERCENT, needs_code=True)
    plain = await made(client, "/promotions", name="Plain", definition=TEN_PERCENT)
    coupon = await made(client, "/coupons", promotion_id=promotion["id"], code=" Straße ", limit=1, per_customer=1)
    CouponDocument.model_validate(coupon)
    assert (coupon["code"], coupon["used"], coupon["is_active"]) == ("Straße", 0, True)
    backwards = {"starts": "2026-02-01", "ends": "2026-01-01"}
    for body, error in (
        ({"promotion_id": promotion["id"], "code": "STRASSE"}, "COUPON_CODE_TAKEN"),
        ({"promotion_id": promotion["id"], "code": "two words"}, "VALIDATION_FAILED"),
        ({"promotion_id": plain["id"], "code": "OTHER"}, "COUPONS_NOT_NEEDED"),
        ({"promotion_id": str(uuid7()), "code": "OTHER"}, "PROMOTION_NOT_FOUND"),
        ({"promotion_id": promotion["id"], "code": "X", **backwards}, "VALIDATION_FAILED"),
    ):
        assert (await client.post("/coupons", json=body)).json()["error"] == error
    page = CouponPage.model_validate_json((await client.get("/coupons?code=STRASSE")).content)
    assert [str(one.id) for one in page.coupons] == [coupon["id"]]
    kept = await client.patch(f"/promotions/{promotion['id']}", json={"needs_code": False})
    assert (kept.status_code, kept.json()["error"]) == (409, "COUPONS_NOT_NEEDED")

    assert await claim(db, "Straße") == "claimed"
    low = await client.patch(f"/coupons/{coupon['id']}", json={"limit": 0})
    assert low.json()["error"] == "LIMIT_BELOW_USED"
    more = (await client.patch(f"/coupons/{coupon['id']}", json={"limit": 2, "per_customer": None})).json()
    assert (more["limit"], more["used"], more["per_customer"]) == (2, 1, None)
    off = (await client.post(f"/coupons/{coupon['id']}/deactivate")).json()
    gone = (await client.delete(f"/coupons/{coupon['id']}")).json()
    assert (off["is_active"], gone["archived_at"] is None) == (False, False)
    await client.delete(f"/promotions/{promotion['id']}")
    late = await client.post("/coupons", json={"promotion_id": promotion["id"], "code": "LATE"})
    assert late.json()["error"] == "RECORD_ARCHIVED"
    assert await faults(db) == {}


async def test_codes_are_made_by_the_thousand_all_different(client: httpx.AsyncClient, db: Database) -> None:
    promotion = await made(client, "/promotions", name="Mailing", definition=TEN_PERCENT, needs_code=True)
    wanted = {"promotion_id": promotion["id"], "count": 12_000, "prefix": "MAIL-"}
    short = await client.post("/coupon-batches", json={**wanted, "length": 4})
    assert (short.status_code, short.json()["error"], short.json()["details"]) == (
        422, "CODES_GUESSABLE", {"length_min": 6},
    )  # fmt: skip
    first = await client.post("/coupon-batches", json=wanted, headers={"Idempotency-Key": "mail"})
    again = await client.post("/coupon-batches", json=wanted, headers={"Idempotency-Key": "mail"})
    batch = first.json()
    assert (first.status_code, again.content, batch["count"]) == (201, first.content, 12_000)
    codes = (await client.get(f"/coupon-batches/{batch['batch_id']}/codes")).json()["codes"]
    assert len(set(codes)) == len(codes) == await value(db, "select count(*) from coupon") == 12_000
    assert all(code.startswith("MAIL-") and len(code) == 15 for code in codes)
    assert await claim(db, codes[0]) == "claimed"
    assert await claim(db, codes[0]) == "usage_limit"
    assert [e["type"] for e in await fetch(db, "select type from event where aggregate_kind = 'coupon_batch'")] == [
        "coupon.generated"
    ]
    page = (await client.get(f"/coupons?batch_id={batch['batch_id']}&limit=5")).json()
    assert (len(page["coupons"]), page["next_cursor"]) == (5, page["coupons"][4]["id"])


async def test_only_staff_see_any_of_it(client: httpx.AsyncClient) -> None:
    for path in ("promotions", "coupons", "price-rules", "gift-cards", "price-audit", "customers/ann/pricing"):
        assert (await client.get(f"/{path}", headers={"Authorization": "Bearer no"})).status_code == 401
