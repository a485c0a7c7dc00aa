"""`pannier user`: what staff do to accounts at the terminal, and what the shop makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from pannier.kernel.clock import SystemClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import PASSWORD, AccountShop, account_shop
from tests.support.command import Done, pannier

ANN, MALLORY = "ann@example.com", "mallory@example.com"


@pytest_asyncio.fixture
async def shop(settings: Settings, db: Database) -> AsyncIterator[AccountShop]:
    async with account_shop(db, settings, SystemClock()) as opened:
        yield opened


def user(shop: AccountShop, *arguments: str, password: str | None = None) -> Done:
    stdin = b"" if password is None else f"{password}\n".encode()
    return pannier("user", *arguments, "--json", stdin=stdin, database_url=shop.settings.database_url)


async def signs_in(shop: AccountShop, email: str, password: str = PASSWORD) -> int:
    async with shop.client() as client:
        return (await client.post("auth/login", json={"email": email, "password": password})).status_code


async def test_somebody_of_the_staff_is_made_and_may_do_what_staff_may(shop: AccountShop) -> None:
    made = user(shop, "create", ANN, "--role", "staff", "--name", "Ann", password=PASSWORD)
    again = user(shop, "create", ANN.upper(), password=PASSWORD)
    weak = user(shop, "create", "bob@example.com", password="password123")
    wrong = user(shop, "create", "bob@example.com", "--role", "emperor", password=PASSWORD)

    assert (made.code, made.json["role"], made.json["name"]) == (0, "staff", "Ann")
    assert (again.code, again.json["error"]) == (1, "EMAIL_TAKEN")
    assert (weak.code, weak.json["error"]) == (1, "WEAK_PASSWORD")
    assert wrong.code == 2
    assert PASSWORD not in made.stdout + made.stderr
    async with shop.client(**(await shop.bearer(ANN))) as client:
        assert (await client.get("admin/products")).status_code == 200


async def test_accounts_are_listed_and_none_is_told_its_secrets(shop: AccountShop) -> None:
    await shop.account(ANN, role="staff", name="Ann")
    await shop.account(MALLORY)
    everybody, staff = user(shop, "list"), user(shop, "list", "--role", "staff")
    found = user(shop, "list", "mall")
    people = pannier("user", "list", database_url=shop.settings.database_url)

    assert [account["email"] for account in everybody.json] == [MALLORY, ANN]
    assert [account["email"] for account in staff.json] == [ANN]
    assert [account["email"] for account in found.json] == [MALLORY]
    assert ANN in people.stdout
    assert "argon2" not in everybody.stdout


async def test_who_is_blocked_is_out_at_once_and_may_come_back(shop: AccountShop) -> None:
    await shop.account(MALLORY)
    headers = await shop.bearer(MALLORY)
    blocked = user(shop, "block", MALLORY)
    await shop.app.state.pannier.identity.ended.refresh()
    async with shop.client(**headers) as client:
        still = (await client.get("me")).status_code
    refused = await signs_in(shop, MALLORY)
    opened = user(shop, "block", MALLORY, "--undo")

    assert (blocked.code, blocked.json["status"], still, refused) == (0, "blocked", 401, 401)
    assert (opened.json["status"], await signs_in(shop, MALLORY)) == ("active", 200)


async def test_a_role_that_was_taken_away_counts_no_more(shop: AccountShop) -> None:
    user_id = await shop.account(ANN, role="admin")
    headers = await shop.bearer(ANN)
    # By its id as well as by its address.
    changed = user(shop, "role", user_id, "customer")
    await shop.app.state.pannier.identity.ended.refresh()
    async with shop.client(**headers) as before, shop.client(**(await shop.bearer(ANN))) as after:
        answers = [(await client.get("admin/products")).status_code for client in (before, after)]

    assert (changed.code, changed.json["role"], answers) == (0, "customer", [401, 403])


async def test_a_password_is_set_anew_and_every_device_is_signed_out(shop: AccountShop) -> None:
    await shop.account(ANN)
    tokens = await shop.tokens(ANN)
    done = user(shop, "reset", ANN, password="a brand new word")
    async with shop.client() as client:
        refreshed = await client.post("auth/refresh", json={"refresh_token": tokens["refresh_token"]})

    assert (done.code, refreshed.status_code) == (0, 401)
    assert [await signs_in(shop, ANN, password) for password in (PASSWORD, "a brand new word")] == [401, 200]
    assert "a brand new word" not in done.stdout + done.stderr


async def test_an_account_that_is_not_there_is_told(shop: AccountShop) -> None:
    for arguments in (("reset", "nobody@example.com"), ("role", "nobody@example.com", "staff"), ("block", "no one")):
        said = user(shop, *arguments, password=PASSWORD)
        assert (said.code, said.json["error"]) == (1, "ACCOUNT_NOT_FOUND"), arguments
