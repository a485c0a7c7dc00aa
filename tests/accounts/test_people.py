"""What belongs to a customer: addresses, preferences, consents, orders; given out and forgotten."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pannier.app.audit import audit
from pannier.app.privacy import HOLDERS
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from tests.support.accounts import PASSWORD, AccountShop
from tests.support.catalogue import make_product

JANE, JOHN = "jane@example.com", "john@example.com"
ADDRESS = {"name": "Jane Doe", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}


async def buy(client: httpx.AsyncClient, variant: Any, email: str = JANE) -> str:
    add = {"variant_id": str(variant), "quantity": 1, "note": "for Jane's mother"}
    (await client.post("cart/items", json=add)).raise_for_status()
    told = {"email": email, "shipping_address": {**ADDRESS, "phone": "555-0100"}, "payment_method": "invoice"}
    session = (await client.post("checkouts", json=told)).raise_for_status().json()
    done = (await client.post(f"checkouts/{session['id']}/complete", json={})).raise_for_status().json()
    return str(done["order"]["number"])


async def test_an_address_book_has_one_default(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with shop.client(**(await shop.bearer(JANE))) as client:
        first = (await client.post("me/addresses", json={"address": ADDRESS, "label": "Home"})).json()
        key = {"Idempotency-Key": "one"}
        second = await client.post("me/addresses", json={"address": ADDRESS, "is_default": True}, headers=key)
        replayed = await client.post("me/addresses", json={"address": ADDRESS, "is_default": True}, headers=key)
        listed = (await client.get("me/addresses")).json()["addresses"]
        changed = await client.put(f"me/addresses/{first['id']}", json={"address": {**ADDRESS, "city": "Shelbyville"}})
        await client.delete(f"me/addresses/{second.json()['id']}")
        left = (await client.get("me/addresses")).json()["addresses"]
        wrong = await client.post("me/addresses", json={"address": {**ADDRESS, "country": "XX"}})
    assert (first["is_default"], second.status_code, replayed.json()["id"]) == (True, 201, second.json()["id"])
    assert replayed.headers["idempotent-replayed"] == "true"
    assert [(a["id"], a["is_default"]) for a in listed] == [(second.json()["id"], True), (first["id"], False)]
    assert changed.json()["address"]["city"] == "Shelbyville"
    assert [(a["id"], a["is_default"]) for a in left] == [(first["id"], True)]
    assert wrong.status_code == 422


async def test_preferences_change_one_by_one_and_consents_are_kept_with_their_text(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with shop.client(**(await shop.bearer(JANE))) as client:
        await client.patch("me/preferences", json={"preferences": {"language": "de", "newsletter": True}})
        changed = await client.patch("me/preferences", json={"preferences": {"newsletter": None}})
        await client.put("me/consents/newsletter", json={"granted": True, "text_version": "2026-01"})
        await client.put("me/consents/newsletter", json={"granted": False, "text_version": "2026-02"})
        consents = (await client.get("me/consents")).json()["consents"]
        export = (await client.get("me/export")).json()
    assert changed.json() == {"preferences": {"language": "de"}}
    assert [(c["granted"], c["text_version"]) for c in consents] == [(False, "2026-02")]
    assert [c["is_granted"] for c in export["consents"]] == [True, False]


async def test_carts_orders_and_checkouts_follow_the_customer_from_device_to_device(shop: AccountShop) -> None:
    await shop.account(JANE)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    async with shop.client(**(await shop.bearer(JANE))) as phone, shop.client(**(await shop.bearer(JANE))) as laptop:
        number = await buy(phone, variant)
        await phone.post("cart/items", json={"variant_id": str(variant), "quantity": 2})
        cart = (await laptop.get("cart")).json()
        orders = (await laptop.get("orders")).json()["orders"]
        session = (await laptop.post("checkouts", json={})).json()
        same = (await phone.get(f"checkouts/{session['id']}")).status_code
    assert (cart["total_quantity"], cart["owner"]["kind"]) == (2, "user")
    assert ([order["number"] for order in orders], same) == ([number], 200)


@pytest.mark.parametrize("email, is_hers", [(JANE, True), ("Jane@Example.com", True), ("gift@example.com", False)])
async def test_a_guests_orders_with_the_own_address_become_the_customers(
    shop: AccountShop, email: str, is_hers: bool
) -> None:
    await shop.account(JANE)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    async with shop.client() as browser:
        number = await buy(browser, variant, email)
        login = {"email": JANE, "password": PASSWORD, "session": "cookie"}
        (await browser.post("auth/login", json=login, headers={"Sec-Fetch-Site": "same-origin"})).raise_for_status()
        assert (await browser.get(f"orders/{number}")).status_code == (200 if is_hers else 404)


async def test_a_customer_who_is_erased_can_take_it_back_until_it_happens(
    shop: AccountShop, clock: ManualClock
) -> None:
    await shop.account(JANE)
    headers = await shop.bearer(JANE)
    privacy = shop.app.state.pannier.privacy
    async with shop.client(**headers) as client:
        wrong = await client.post("me/erase", json={"password": "not it"})
        asked = await client.post("me/erase", json={"password": PASSWORD})
        assert await privacy.erase_due() == 0
        kept = await client.delete("me/erase")
    clock.advance(timedelta(days=shop.settings.erase_after_days + 1))
    assert (wrong.status_code, asked.status_code, kept.status_code) == (403, 202, 204)
    assert await privacy.erase_due() == 0
    assert (await shop.tokens(JANE))["access_token"]


async def test_who_is_erased_is_nowhere_any_more_and_the_orders_still_add_up(
    shop: AccountShop, db: Database, clock: ManualClock
) -> None:
    user_id = await shop.account(JANE, name="Jane Doe")
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    async with shop.client(**(await shop.bearer(JANE)), **{"X-Device-Id": "janes-phone"}) as client:
        number = await buy(client, variant)
        await client.post("me/addresses", json={"address": ADDRESS})
        await client.put("me/consents/newsletter", json={"granted": True, "text_version": "1"})
        await client.post("cart/items", json={"variant_id": str(variant), "quantity": 2, "note": "Jane's own"})
        export = (await client.get("me/export")).json()
        await client.post("me/erase", json={"password": PASSWORD})
    await shop.deliver()
    assert export["orders"][0]["number"] == number
    assert export["carts"]
    clock.advance(timedelta(days=shop.settings.erase_after_days + 1))

    assert await shop.app.state.pannier.privacy.erase_due() == 1

    async with shop.client() as client:
        gone = await client.post("auth/login", json={"email": JANE, "password": PASSWORD})
    assert gone.status_code == 401
    await shop.app.state.pannier.carts.expire_due()
    await shop.app.state.pannier.history.take()
    async with db.read() as connection:
        tables = await connection.fetch(
            "select table_name from information_schema.tables"
            " where table_schema = 'public' and table_type = 'BASE TABLE'"
        )
        left = {}
        for (table,) in tables:
            rows = await connection.fetch(f"select to_jsonb(t)::text as text from {table} t")
            found = set(
                re.findall(rf"{JANE}|{user_id}|janes-phone|555-0100|Jane's|for Jane", " ".join(r[0] for r in rows))
            )
            if found and table not in {"customer", "event"}:
                left[table] = found
        rows = await connection.fetch(
            "select to_jsonb(t)::text from event t where actor = $1 or device is not null", user_id
        )
        order = await connection.fetchrow("select total_minor, shipping_address, user_id from orders")
    assert left == {}
    assert rows == []
    assert order is not None
    assert order["user_id"].startswith("erased:")
    assert order["shipping_address"]["name"] == "Jane Doe"
    assert (await audit(db)).breaches == []


async def test_every_table_with_a_users_id_is_answered_for(db: Database) -> None:
    ours = {
        "customer",
        "account_session",
        "account_link",
        "account_mail",
        "address",
        "preference",
        "consent",
        "erasure",
    }
    known = ours.union(*(holder.tables for holder in HOLDERS))
    async with db.read() as connection:
        rows = await connection.fetch(
            "select distinct table_name from information_schema.columns where table_schema = 'public'"
            " and column_name in ('user_id', 'customer_id', 'actor', 'email') and table_name <> 'catalog_import'"
        )
    named = {row["table_name"] for row in rows}
    assert named <= known, f"app/privacy.py exports and forgets nothing of {sorted(named - known)}"
