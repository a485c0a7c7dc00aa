"""Sessions per device: refreshed, stolen, swapped, replayed, planted, ended."""

from __future__ import annotations

import asyncio
import re
import uuid
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pannier.accounts import repository
from pannier.accounts.ended import endings
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import PASSWORD, SAME_SITE, AccountShop, account_shop
from tests.support.catalogue import make_product

JANE, JOHN = "jane@example.com", "john@example.com"


async def refresh(shop: AccountShop, token: str) -> httpx.Response:
    async with shop.client() as client:
        return await client.post("auth/refresh", json={"refresh_token": token})


async def status_of(shop: AccountShop, access_token: str) -> int:
    async with shop.client(Authorization=f"Bearer {access_token}") as client:
        return (await client.get("me")).status_code


async def browser_login(client: httpx.AsyncClient, email: str = JANE) -> httpx.Response:
    body = {"email": email, "password": PASSWORD, "session": "cookie"}
    return await client.post("auth/login", json=body, headers=SAME_SITE)


async def test_a_refresh_token_is_another_one_after_each_use(shop: AccountShop) -> None:
    await shop.account(JANE)
    first = await shop.tokens(JANE)
    second = (await refresh(shop, first["refresh_token"])).raise_for_status().json()
    third = (await refresh(shop, second["refresh_token"])).raise_for_status().json()
    assert len({t["refresh_token"] for t in (first, second, third)}) == 3
    assert await status_of(shop, third["access_token"]) == 200


async def test_a_refresh_token_that_comes_again_ends_the_session_for_thief_and_owner(shop: AccountShop) -> None:
    await shop.account(JANE)
    stolen = (await shop.tokens(JANE))["refresh_token"]
    thiefs = (await refresh(shop, stolen)).raise_for_status().json()
    owners = await refresh(shop, stolen)
    after = await refresh(shop, thiefs["refresh_token"])
    assert (owners.status_code, owners.json()["error"]) == (401, "SESSION_OVER")
    assert (after.status_code, after.json()["error"]) == (401, "SESSION_OVER")
    async with shop.db.read() as connection:
        assert await connection.fetchval("select ended_reason from account_session") == "reused"
        events = await connection.fetch("select type from event where aggregate_kind = 'customer' order by version")
    assert [row["type"] for row in events][-1] == "customer.session_reused"


@pytest.mark.parametrize("is_guarded", [True, False])
async def test_one_refresh_token_used_at_the_same_moment_is_exchanged_once(
    shop: AccountShop, is_guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control looks at the generation first and changes it afterwards."""
    await shop.account(JANE)
    token = (await shop.tokens(JANE))["refresh_token"]
    if not is_guarded:
        meeting = asyncio.Barrier(4)

        async def look_then_change(connection: Any, session_id: uuid.UUID, *_: Any) -> Any:
            row = await connection.fetchrow("select customer_id from account_session where id = $1", session_id)
            await meeting.wait()
            found = await repository.by_id(connection, row["customer_id"])
            return None if found is None else found[0]

        monkeypatch.setattr(repository, "rotate", look_then_change)
    answers = await asyncio.gather(*(refresh(shop, token) for _ in range(4)))
    successes = sum(answer.status_code == 200 for answer in answers)
    assert successes == (1 if is_guarded else 4)


async def test_garbage_and_other_peoples_tokens_end_nobodys_session(shop: AccountShop) -> None:
    await shop.account(JANE)
    token = (await shop.tokens(JANE))["refresh_token"]
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), "rt_" + "A" * 91, token[:40], "x", new_cart_token()):
        assert (await refresh(shop, wrong)).status_code == 401
    assert (await refresh(shop, token)).status_code == 200


async def test_a_browsers_session_is_no_refresh_token_and_the_reverse(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with shop.client() as browser:
        (await browser_login(browser)).raise_for_status()
        cookie = browser.cookies["pannier_account"]
    token = (await shop.tokens(JANE))["refresh_token"]
    assert (await refresh(shop, cookie)).status_code == 401
    async with shop.client(Cookie=f"pannier_account={token}") as client:
        assert (await client.get("me")).status_code == 401


async def test_a_browser_stays_signed_in_beyond_its_access_token(shop: AccountShop, clock: ManualClock) -> None:
    await shop.account(JANE)
    async with shop.client() as browser:
        answer = await browser_login(browser)
        assert (answer.json()["access_token"], answer.json()["refresh_token"]) == (None, None)
        cookies = answer.headers.get_list("set-cookie")
        assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)
        before = browser.cookies["pannier_account_access"]
        clock.advance(timedelta(seconds=shop.settings.access_token_ttl_s + 1))
        later = await browser.get("me")
        assert later.json()["email"] == JANE
        assert browser.cookies["pannier_account_access"] != before
        clock.advance(timedelta(days=shop.settings.session_ttl_days + 1))
        assert (await browser.get("me")).status_code == 401
        assert "pannier_account" not in browser.cookies


async def test_cookies_are_for_https_only_where_the_setting_says_so(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    async with account_shop(db, settings, clock, cart_cookie_secure=True) as shop:
        await shop.account(JANE)
        async with shop.client() as browser:
            cookies = (await browser_login(browser)).headers.get_list("set-cookie")
    assert len(cookies) == 3
    assert all("; Secure" in cookie for cookie in cookies)


async def test_another_sites_page_cannot_act_for_a_browser_that_is_signed_in(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with shop.client() as browser:
        (await browser_login(browser)).raise_for_status()
        for foreign in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://e.com"},
            {},
        ):
            refused = await browser.patch("me", json={"name": "Mallory"}, headers=foreign)
            assert (refused.status_code, refused.json()["error"]) == (403, "FOREIGN_FORM")
        # Nor sign it in to an account of its own.
        planted = await browser.post(
            "auth/login",
            json={"email": JANE, "password": PASSWORD, "session": "cookie"},
            headers={"Sec-Fetch-Site": "cross-site"},
        )
        assert planted.status_code == 403
        assert (await browser.get("me")).json()["name"] is None


async def test_a_session_id_that_was_planted_is_not_the_one_that_is_signed_in(shop: AccountShop) -> None:
    await shop.account(JANE)
    await shop.account(JOHN)
    async with shop.client() as attacker, shop.client() as victim:
        (await browser_login(attacker, JOHN)).raise_for_status()
        planted = dict(attacker.cookies)
        for name, value in planted.items():
            victim.cookies.set(name, value, domain="shop.test")
        (await browser_login(victim, JANE)).raise_for_status()
        assert victim.cookies["pannier_account"] != planted["pannier_account"]
        # What was planted is nobody's any more: not Jane's, and not John's either.
        attacker.cookies.delete("pannier_account_access")
        assert (await attacker.get("me")).status_code == 401
        assert (await victim.get("me")).json()["email"] == JANE


async def test_a_cart_token_that_was_planted_opens_nothing_after_login_and_logout(shop: AccountShop) -> None:
    await shop.account(JANE)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    async with shop.client() as attacker, shop.client() as victim:
        add = {"variant_id": str(variant), "quantity": 1}
        await attacker.post("cart/items", json=add)
        planted = attacker.cookies["pannier_cart"]
        victim.cookies.set("pannier_cart", planted, domain="shop.test")
        (await browser_login(victim)).raise_for_status()
        at_login = victim.cookies["pannier_cart"]
        await victim.post("cart/items", json={**add, "quantity": 7}, headers=SAME_SITE)
        assert (await attacker.get("cart")).json()["total_quantity"] == 0
        (await victim.post("auth/logout", headers=SAME_SITE)).raise_for_status()
        at_logout = victim.cookies["pannier_cart"]
        await victim.post("cart/items", json={**add, "quantity": 3}, headers=SAME_SITE)
        assert (await attacker.get("cart")).json()["total_quantity"] == 0
        assert (await victim.get("cart")).json()["total_quantity"] == 3
    assert len({planted, at_login, at_logout}) == 3


@pytest.mark.parametrize("is_merged", [True, False])
async def test_the_guests_cart_is_merged_at_login_or_kept_under_a_token_of_its_own(
    db: Database, settings: Settings, clock: ManualClock, is_merged: bool
) -> None:
    async with account_shop(db, settings, clock, enable_cart_merge=is_merged) as shop:
        await shop.account(JANE)
        variant = await make_product(shop.db, name="Stool", on_hand=50)
        async with shop.client(Authorization=f"Bearer {new_cart_token()}") as guest:
            await guest.post("cart/items", json={"variant_id": str(variant), "quantity": 2})
            signed_in = (await guest.post("auth/login", json={"email": JANE, "password": PASSWORD})).json()
            assert (await guest.get("cart")).json()["total_quantity"] == 0
        found = []
        for token in (signed_in["access_token"], signed_in["cart_token"]):
            async with shop.client(Authorization=f"Bearer {token}") as client:
                found.append((await client.get("cart")).json()["total_quantity"])
    assert found == ([2, 0] if is_merged else [0, 2])


async def test_what_login_does_to_the_cart_is_a_seam(shop: AccountShop) -> None:
    user_id = await shop.account(JANE)
    told: list[tuple[str, str]] = []

    async def merge(user_id: str, token: str) -> None:
        told.append((user_id, token))

    shop.app.state.pannier.identity.login.merge = merge
    async with shop.client(Authorization=f"Bearer {new_cart_token()}") as guest:
        await guest.post("auth/login", json={"email": JANE, "password": "wrong"})
        signed_in = (await guest.post("auth/login", json={"email": JANE, "password": PASSWORD})).json()
    assert told == [(user_id, signed_in["cart_token"])]


async def test_devices_are_listed_and_signed_out_one_by_one_or_all(shop: AccountShop, clock: ManualClock) -> None:
    await shop.account(JANE)
    async with shop.client(**{"X-Device-Id": "phone"}) as phone:
        phones = (await phone.post("auth/login", json={"email": JANE, "password": PASSWORD})).json()
    clock.advance(timedelta(minutes=1))
    laptop = await shop.tokens(JANE)
    async with shop.client(Authorization=f"Bearer {laptop['access_token']}") as client:
        listed = (await client.get("me/sessions")).json()["sessions"]
        assert [(s["device"], s["is_current"]) for s in listed][1] == ("phone", False)
        assert listed[0]["is_current"]
        assert (await client.delete(f"me/sessions/{listed[1]['id']}")).status_code == 204
        assert (await client.delete(f"me/sessions/{listed[1]['id']}")).status_code == 404
        assert (await refresh(shop, phones["refresh_token"])).status_code == 401
        await shop.tokens(JANE)
        assert (await client.delete("me/sessions", params={"others_only": True})).json() == {"ended": 1}
        assert (await client.delete("me/sessions")).json() == {"ended": 1}
    assert (await refresh(shop, laptop["refresh_token"])).status_code == 401


async def test_a_session_that_was_ended_acts_no_more(shop: AccountShop) -> None:
    await shop.account(JANE)
    tokens = await shop.tokens(JANE)
    async with shop.client() as client:
        gone = await client.post("auth/logout", json={"refresh_token": tokens["refresh_token"]})
    assert gone.status_code == 204
    assert (await refresh(shop, tokens["refresh_token"])).status_code == 401
    assert await status_of(shop, tokens["access_token"]) == 401


ENDINGS = ("logout", "sign out", "password", "reset", "role", "blocked", "reused")


async def end_by(shop: AccountShop, way: str, tokens: dict[str, Any], client: httpx.AsyncClient) -> None:
    staff = shop.app.state.pannier.staff_accounts
    if way == "logout":
        await client.post("auth/logout")
    elif way == "sign out":
        await client.delete("me/sessions")
    elif way == "password":
        async with shop.client(**(await shop.bearer(JANE))) as other:
            await other.post("me/password", json={"password": PASSWORD, "new_password": "a brand new word"})
    elif way == "reset":
        await client.post("auth/password/forgot", json={"email": JANE})
        await shop.deliver()
        body = {"token": shop.mailbox.token(JANE), "password": "a brand new word"}
        await client.post("auth/password/reset", json=body)
    elif way == "role":
        await staff.set_role(await staff.find(JANE), "staff")
    elif way == "blocked":
        await staff.set_blocked(await staff.find(JANE), is_blocked=True)
    else:
        await refresh(shop, tokens["refresh_token"])
        await refresh(shop, tokens["refresh_token"])


@pytest.mark.parametrize("way", ENDINGS)
async def test_however_a_session_ends_its_access_token_ends_with_it_in_every_process(
    shop: AccountShop, db: Database, clock: ManualClock, way: str
) -> None:
    await shop.account(JANE)
    tokens, variant = await shop.tokens(JANE), await make_product(shop.db, name="Stool", on_hand=50)
    add = {"variant_id": str(variant), "quantity": 1}
    async with account_shop(db, shop.settings, clock) as other, AsyncExitStack() as stack:
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        here, there = [await stack.enter_async_context(one.client(**bearer)) for one in (shop, other)]
        assert [(await client.post("cart/items", json=add)).status_code for client in (here, there)] == [200, 200]
        await end_by(shop, way, tokens, here)
        await other.app.state.pannier.identity.ended.refresh()
        answers = [await client.post("cart/items", json=add) for client in (here, there)]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(401, "INVALID_TOKEN")] * 2


async def test_the_list_of_ended_sessions_stays_short(shop: AccountShop, clock: ManualClock) -> None:
    await shop.account(JANE)
    tokens = await shop.tokens(JANE)
    async with shop.client(Authorization=f"Bearer {tokens['access_token']}") as client:
        await client.post("auth/logout")
    clock.advance(timedelta(seconds=shop.settings.access_token_ttl_s + 1))
    async with shop.db.read() as connection:
        assert await endings(connection, clock.now()) == []
        assert await connection.fetchval("select count(*) from access_ended") == 1
        await repository.prune(connection, clock.now())
        assert await connection.fetchval("select count(*) from access_ended") == 0


async def test_an_expired_token_is_told_and_not_passed_over(shop: AccountShop, clock: ManualClock) -> None:
    await shop.account(JANE)
    variant = await make_product(shop.db, name="Stool", on_hand=50)
    tokens = await shop.tokens(JANE)
    clock.advance(timedelta(seconds=shop.settings.access_token_ttl_s + 1))
    async with shop.client(Authorization=f"Bearer {tokens['access_token']}") as client:
        added = await client.post("cart/items", json={"variant_id": str(variant), "quantity": 1})
        refreshed = await client.post("auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (added.status_code, added.json()["error"]) == (401, "INVALID_TOKEN")
    assert 'error="invalid_token"' in added.headers["www-authenticate"]
    assert refreshed.status_code == 200


async def test_changing_the_password_signs_the_others_out(shop: AccountShop) -> None:
    await shop.account(JANE)
    here, there = await shop.tokens(JANE), await shop.tokens(JANE)
    async with shop.client(Authorization=f"Bearer {here['access_token']}") as client:
        wrong = await client.post("me/password", json={"password": "not it", "new_password": "a brand new word"})
        done = await client.post("me/password", json={"password": PASSWORD, "new_password": "a brand new word"})
    assert (wrong.status_code, wrong.json()["error"], done.status_code) == (403, "WRONG_PASSWORD", 204)
    assert (await refresh(shop, there["refresh_token"])).status_code == 401
    assert (await refresh(shop, here["refresh_token"])).status_code == 200


async def test_a_new_address_counts_once_its_link_is_followed(shop: AccountShop) -> None:
    await shop.account(JANE)
    await shop.account(JOHN)
    async with shop.client(**(await shop.bearer(JANE))) as client:
        for email in (JOHN, "jane@new.example"):
            answer = await client.post("me/email", json={"password": PASSWORD, "email": email})
            assert answer.status_code == 202
        await shop.deliver()
        assert [letter.to for letter in shop.mailbox.letters] == ["jane@new.example"]
        assert (await client.get("me")).json()["email"] == JANE
        token = shop.mailbox.token("jane@new.example")
        await client.post("auth/verify", json={"token": token, "password": PASSWORD})
        assert (await client.get("me")).json()["email"] == "jane@new.example"
    await shop.deliver()
    assert shop.mailbox.letters[-1].to == JANE
    assert (await shop.tokens("jane@new.example"))["access_token"]


async def test_a_blocked_account_is_shut_and_so_are_its_sessions(shop: AccountShop, clock: ManualClock) -> None:
    await shop.account(JANE)
    tokens = await shop.tokens(JANE)
    staff = shop.app.state.pannier.staff_accounts
    await staff.set_blocked(await staff.find(JANE), is_blocked=True)
    async with shop.client() as client:
        answer = await client.post("auth/login", json={"email": JANE, "password": PASSWORD})
    assert answer.json()["error"] == "BAD_CREDENTIALS"
    assert (await refresh(shop, tokens["refresh_token"])).status_code == 401


async def test_a_session_is_renewed_on_nothing_that_a_cache_keeps_or_a_monitor_asks(
    shop: AccountShop, clock: ManualClock
) -> None:
    await shop.account(JANE)
    async with shop.client() as client:
        await browser_login(client)
        page = await client.get("http://shop.test/", headers={"Accept": "text/html"})
        assets = re.findall(r'href="(/a/[^"]+\.css)"', page.text)
        assert assets
        clock.advance(timedelta(seconds=shop.settings.access_token_ttl_s + 1))
        for path in (*assets, "/health/live", "/health/ready", "/metrics"):
            answer = await client.get(f"http://shop.test{path}")
            assert (answer.status_code, answer.headers.get_list("set-cookie")) == (200, []), path
        # The session had to be renewed, and is where the answer is the asker's own.
        assert (await client.get("me")).headers.get_list("set-cookie")
