"""Whoever is erased is shut out first, acts no more, and is in no answer that was kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from pannier.accounts.ended import SHUT_OUT_BEFORE
from pannier.app import privacy
from pannier.app.privacy import Holder
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings
from tests.support.accounts import PASSWORD, SAME_SITE, AccountShop, account_shop
from tests.support.catalogue import make_product

JANE, JOHN = "jane@example.com", "john@example.com"
SECRET = "a-secret-of-thirty-two-bytes-or-more"


async def test_who_is_to_be_erased_is_shut_out_at_that_moment_and_erased_after_it(
    shop: AccountShop, clock: ManualClock
) -> None:
    user_id = await shop.account(JANE)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    add, services = {"variant_id": str(variant), "quantity": 1}, shop.app.state.pannier
    async with shop.client(**(await shop.bearer(JANE))) as client:
        asked = (await client.post("me/erase", json={"password": PASSWORD})).json()
    due_in = timedelta(days=shop.settings.erase_after_days)
    clock.advance(due_in - timedelta(seconds=30))
    async with shop.client(**(await shop.bearer(JANE))) as program, shop.client() as browser:
        body = {"email": JANE, "password": PASSWORD, "session": "cookie"}
        (await browser.post("auth/login", json=body, headers=SAME_SITE)).raise_for_status()
        await services.identity.ended.refresh()
        assert (await program.post("cart/items", json=add)).status_code == 200
        assert (await browser.get("me")).status_code == 200

        clock.advance(timedelta(seconds=31))

        # Nothing is erased yet, and nothing can be done any more: not even by signing in again.
        assert await services.privacy.erase_due() == 0
        refused = [await program.post("cart/items", json=add), await program.delete("me/erase")]
        assert [(answer.status_code, answer.json()["error"]) for answer in refused] == [(401, "INVALID_TOKEN")] * 2
        assert (await browser.get("me")).status_code == 401
        late = await shop.bearer(JANE)
        clock.advance(SHUT_OUT_BEFORE)
        assert await services.privacy.erase_due() == 1
        await services.identity.ended.refresh()
        for headers in (dict(program.headers), late):
            async with shop.client(**headers) as again:
                assert (await again.post("cart/items", json=add)).status_code == 401
    assert asked["due_at"]
    async with shop.db.read() as connection:
        assert await connection.fetchval("select count(*) from cart where user_id = $1", user_id) == 0


def token(user_id: str, issued_at: float) -> dict[str, str]:
    payload = {"sub": user_id, "aud": "shop", "iat": int(issued_at), "exp": int(issued_at) + 86_400 * 30}
    return {"Authorization": f"Bearer {jwt.encode(payload, SECRET, algorithm='HS256')}"}


async def test_a_token_of_an_outside_issuer_that_is_older_than_the_erasure_is_good_no_more(
    db: Database, settings: Settings
) -> None:
    clock = ManualClock()
    issuer = {"jwt_secret": SecretStr(SECRET), "jwt_audience": ("shop",), "erase_after_days": 0}
    async with account_shop(db, settings, clock, **issuer) as shop:
        old, services = token("theirs", clock.now().timestamp()), shop.app.state.pannier
        async with shop.client(**old) as client:
            assert (await client.post("me/erase", json={})).status_code == 202
            clock.advance(SHUT_OUT_BEFORE + timedelta(seconds=1))
            assert await services.privacy.erase_due() == 1
            await services.identity.ended.refresh()
            refused = await client.get("me")
        clock.advance(timedelta(seconds=1))
        # The provider still knows the user: who comes back is a new customer.
        async with shop.client(**token("theirs", clock.now().timestamp())) as client:
            new = await client.get("me")
    assert (refused.status_code, refused.json()["error"], new.status_code) == (401, "INVALID_TOKEN", 200)


async def test_no_answer_that_is_kept_tells_of_who_was_erased(
    shop: AccountShop, db: Database, clock: ManualClock
) -> None:
    await shop.account(JANE)
    await shop.account(JOHN)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    add: dict[str, Any] = {"variant_id": str(variant), "quantity": 1}
    async with shop.client(**(await shop.bearer(JOHN))) as john:
        await john.post("cart/items", json={**add, "note": "John's own"}, headers={"Idempotency-Key": "1"})
        link = (await john.post("cart/share", json={"mode": "collaborate"})).json()["token"]
    async with shop.client(Authorization=f"Bearer {new_cart_token()}") as guest:
        await guest.post("cart/items", json={**add, "note": "Jane as a guest"}, headers={"Idempotency-Key": "1"})
        signed_in = (await guest.post("auth/login", json={"email": JANE, "password": PASSWORD})).json()
    async with shop.client(Authorization=f"Bearer {signed_in['access_token']}") as jane:
        await jane.post("cart/items", json={**add, "note": "Jane herself"}, headers={"Idempotency-Key": "1"})
        theirs = {**add, "note": "Jane for John", "name": "J."}
        await jane.post(f"shared-carts/{link}/items", json=theirs, headers={"Idempotency-Key": "2"})
        assert await kept(db, "Jane as a guest", "Jane herself", "Jane for John", "John's own") == 4
        await jane.post("me/erase", json={"password": PASSWORD})
    clock.advance(timedelta(days=shop.settings.erase_after_days, minutes=1))

    assert await shop.app.state.pannier.privacy.erase_due() == 1

    assert await kept(db, "Jane as a guest", "Jane herself", "Jane for John") == 0
    assert await kept(db, "John's own") == 1
    async with db.read() as connection:
        left = await connection.fetch("select extra::text from cart_line where extra::text like '%Jane%'")
        others = await connection.fetchval("select user_id from cart where token_hash is not null")
    # The line in John's cart is John's now; the guest's cart that became part of Jane's tells nothing any more.
    assert [row["extra"] for row in left if "Jane for John" not in row["extra"]] == []
    assert others is None


async def kept(db: Database, *texts: str) -> int:
    """How many of the texts stand in an answer that is kept."""
    async with db.read() as connection:
        rows = await connection.fetch("select answer from idempotency_record")
    return sum(any(text in row["answer"] for row in rows) for text in texts)


async def test_a_guest_s_old_token_brings_no_answer_back_after_login(shop: AccountShop) -> None:
    await shop.account(JANE)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    add = {"variant_id": str(variant), "quantity": 1, "note": "for my mother"}
    async with shop.client(Authorization=f"Bearer {new_cart_token()}") as guest:
        first = await guest.post("cart/items", json=add, headers={"Idempotency-Key": "1"})
        await guest.post("auth/login", json={"email": JANE, "password": PASSWORD})
        again = await guest.post("cart/items", json=add, headers={"Idempotency-Key": "1"})
    assert first.json()["items"][0]["note"] == "for my mother"
    # It is a new request of a new guest.
    assert "idempotent-replayed" not in again.headers
    assert again.json()["id"] != first.json()["id"]


async def test_an_erasure_may_take_longer_than_a_request(
    shop: AccountShop, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        return None

    async def slow(connection: Connection, *_: object) -> None:
        await connection.execute("select pg_sleep(2)")

    await shop.account(JANE)
    async with shop.client(**(await shop.bearer(JANE))) as client:
        await client.post("me/erase", json={"password": PASSWORD})
    clock.advance(timedelta(days=shop.settings.erase_after_days, minutes=1))
    monkeypatch.setattr(privacy, "HOLDERS", (*privacy.HOLDERS, Holder("slow", (), nothing, slow)))
    services = shop.app.state.pannier
    monkeypatch.setattr(services.db, "patience_s", 1.5)

    assert await services.privacy.erase_due() == 1
