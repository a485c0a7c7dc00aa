"""Registering, signing in and out, and what nobody is told."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from datetime import timedelta

import httpx
import pytest

from pannier.accounts import Letter, Mailer
from pannier.accounts.mailing import PER_HOUR_MAX
from pannier.kernel.clock import ManualClock
from tests.support.accounts import PASSWORD, AccountShop

JANE = "jane@example.com"


async def test_an_account_is_there_once_its_link_is_followed(shop: AccountShop) -> None:
    async with shop.client() as client:
        asked = await client.post("auth/register", json={"email": JANE, "password": PASSWORD, "name": "Jane"})
        early = await client.post("auth/login", json={"email": JANE, "password": PASSWORD})
        await shop.deliver()
        token = shop.mailbox.token(JANE)
        confirmed = await client.post("auth/verify", json={"token": token, "password": PASSWORD})
        again = await client.post("auth/verify", json={"token": token, "password": PASSWORD})
        done = await client.post("auth/login", json={"email": "JANE@example.com", "password": PASSWORD})
        me = await client.get("me", headers={"Authorization": f"Bearer {done.json()['access_token']}"})
    assert (asked.status_code, early.status_code, confirmed.status_code) == (202, 401, 200)
    assert (again.status_code, again.json()["error"]) == (410, "LINK_NOT_VALID")
    assert (me.json()["email"], me.json()["name"], me.json()["role"]) == (JANE, "Jane", "customer")


async def test_nobody_learns_whether_an_address_has_an_account(shop: AccountShop) -> None:
    await shop.account(JANE)
    answers = {}
    async with shop.client() as client:
        for email in (JANE, "nobody@example.com"):
            same = {"x-request-id": "same"}
            told = [
                await client.post("auth/register", json={"email": email, "password": "another long one"}, headers=same),
                await client.post("auth/password/forgot", json={"email": email}, headers=same),
                await client.post("auth/login", json={"email": email, "password": "not the password"}, headers=same),
            ]
            answers[email] = [(one.status_code, one.content, _telling(one.headers)) for one in told]
    await shop.deliver()
    assert answers[JANE] == answers["nobody@example.com"]
    assert [(letter.to, "token=" in letter.text) for letter in shop.mailbox.letters] == [
        (JANE, False),
        (JANE, True),
        ("nobody@example.com", True),
    ]
    # What was asked in Jane's name did not change her password.
    assert (await shop.tokens(JANE))["access_token"]


def _telling(headers: httpx.Headers) -> list[tuple[str, str]]:
    """All of them but the count of requests, which goes down with each."""
    return sorted((name, value) for name, value in headers.items() if name != "ratelimit")


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(shop: AccountShop) -> None:
    from pannier.accounts import Passwords

    # With the real cost of a hash: were it left out for unknown addresses, these would take a tenth of the time.
    shop.app.state.pannier.accounts._passwords = Passwords()
    shop.app.state.pannier.staff_accounts._passwords = Passwords()
    await shop.account(JANE)
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    async with shop.client() as client:
        await client.post("auth/login", json={"email": "first@example.com", "password": "warms up"})
        for number in range(4):
            for kind, email in (("known", JANE), ("unknown", f"nobody{number}@example.com")):
                started = time.perf_counter()
                await client.post("auth/login", json={"email": email, "password": "not the password"})
                took[kind].append(time.perf_counter() - started)
    ratio = statistics.median(took["unknown"]) / statistics.median(took["known"])
    assert 0.4 < ratio < 2.5, took


async def test_guessing_gets_slower_for_known_and_unknown_addresses_alike(
    shop: AccountShop, clock: ManualClock
) -> None:
    await shop.account(JANE)
    async with shop.client() as client:

        async def attempt(email: str, password: str) -> tuple[int, str | None]:
            answer = await client.post("auth/login", json={"email": email, "password": password})
            return answer.status_code, answer.headers.get("retry-after")

        for email in (JANE, "nobody@example.com"):
            seen = [await attempt(email, f"guess {n}") for n in range(6)]
            assert [status for status, _ in seen] == [401] * 5 + [429]
            assert seen[5][1] == "1"
        # While it is closed the right password does not open it either, or the wait would tell.
        assert (await attempt(JANE, PASSWORD))[0] == 429
        clock.advance(timedelta(seconds=1.1))
        assert (await attempt(JANE, "guess 7"))[0] == 401
        assert await attempt(JANE, "guess 8") == (429, "2")
        clock.advance(timedelta(seconds=2.1))
        assert (await attempt(JANE, PASSWORD))[0] == 200
        assert (await attempt(JANE, "guess 9"))[0] == 401


async def test_guesses_at_the_same_moment_do_not_all_get_through(shop: AccountShop) -> None:
    await shop.account(JANE)
    async with shop.client() as client:
        answers = await asyncio.gather(
            *(client.post("auth/login", json={"email": JANE, "password": f"guess {n}"}) for n in range(20))
        )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (5, 15)


async def test_a_forgotten_password_is_chosen_anew_by_link_and_everybody_is_signed_out(
    shop: AccountShop, clock: ManualClock
) -> None:
    await shop.account(JANE)
    before = await shop.tokens(JANE)
    async with shop.client() as client:
        await client.post("auth/password/forgot", json={"email": JANE.upper()})
        await shop.deliver()
        token = shop.mailbox.token(JANE)
        weak = await client.post("auth/password/reset", json={"token": token, "password": "jane@example.com"})
        done = await client.post("auth/password/reset", json={"token": token, "password": "a brand new word"})
        twice = await client.post("auth/password/reset", json={"token": token, "password": "a third password"})
        refreshed = await client.post("auth/refresh", json={"refresh_token": before["refresh_token"]})
        old = await client.post("auth/login", json={"email": JANE, "password": PASSWORD})
        await shop.deliver()
    assert [a.status_code for a in (weak, done, twice, refreshed, old)] == [422, 200, 410, 401, 401]
    assert (await shop.tokens(JANE, "a brand new word"))["access_token"]
    assert "was changed" in shop.mailbox.letters[-1].subject


async def test_a_link_is_good_for_its_time_and_its_purpose_only(shop: AccountShop, clock: ManualClock) -> None:
    await shop.account(JANE)
    async with shop.client() as client:
        await client.post("auth/password/forgot", json={"email": JANE})
        await shop.deliver()
        token = shop.mailbox.token(JANE)
        elsewhere = await client.post("auth/verify", json={"token": token, "password": PASSWORD})
        clock.advance(timedelta(seconds=shop.settings.reset_link_ttl_s + 1))
        late = await client.post("auth/password/reset", json={"token": token, "password": "a brand new word"})
        made_up = await client.post("auth/password/reset", json={"token": "lt_" + "A" * 43, "password": "a new word"})
    assert [a.status_code for a in (elsewhere, late, made_up)] == [410, 410, 410]


async def test_mails_wait_for_a_server_that_is_down_and_one_address_gets_only_so_many(
    shop: AccountShop, clock: ManualClock
) -> None:
    await shop.account(JANE)
    shop.mailbox.is_down = True
    async with shop.client() as client:
        for _ in range(PER_HOUR_MAX + 3):
            await client.post("auth/password/forgot", json={"email": JANE})
    assert await shop.deliver() == 0
    shop.mailbox.is_down = False
    assert await shop.deliver() == 0
    clock.advance(timedelta(seconds=20))
    assert await shop.deliver() == PER_HOUR_MAX
    clock.advance(timedelta(hours=2))
    assert await shop.deliver() == 0


@pytest.mark.parametrize(
    "table, column", [("account_mail", "*"), ("account_link", "*"), ("account_session", "*"), ("customer", "*")]
)
async def test_no_secret_stands_in_the_database(shop: AccountShop, table: str, column: str) -> None:
    async with shop.client() as client:
        await client.post("auth/register", json={"email": JANE, "password": PASSWORD})
        await shop.deliver()
        link = shop.mailbox.token(JANE)
        await client.post("auth/verify", json={"token": link, "password": PASSWORD})
    tokens = await shop.tokens(JANE)
    async with shop.db.read() as connection:
        rows = await connection.fetch(f"select to_jsonb(t)::text from {table} t")
    text = "\n".join(row[0] for row in rows)
    assert rows
    for secret in (PASSWORD, link, tokens["refresh_token"], tokens["access_token"]):
        assert secret not in text
        assert secret.encode().hex() not in text


async def test_a_weak_password_is_refused_before_anything_is_stored(shop: AccountShop) -> None:
    async with shop.client() as client:
        answer = await client.post("auth/register", json={"email": JANE, "password": "password123"})
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (422, "WEAK_PASSWORD", "password")
    assert await shop.deliver() == 0


async def test_without_accounts_of_its_own_the_shop_says_so(shop: AccountShop) -> None:
    shop.app.state.pannier.settings.__dict__["enable_accounts"] = False
    async with shop.client() as client:
        answer = await client.post("auth/login", json={"email": JANE, "password": PASSWORD})
    assert (answer.status_code, answer.json()["error"]) == (404, "ACCOUNTS_OFF")


async def test_a_slow_server_makes_no_second_process_send_a_mail_again(shop: AccountShop, clock: ManualClock) -> None:
    addresses = [f"shopper-{number}@example.com" for number in range(3)]
    async with shop.client() as client:
        for address in addresses:
            await client.post("auth/register", json={"email": address, "password": PASSWORD})
    others: list[int] = []

    class Slow:
        """Takes longer for the first mail than the claim on the others lasts; meanwhile another process comes."""

        async def send(self, letter: Letter) -> None:
            if not others:
                clock.advance(timedelta(seconds=40))
                others.append(await shop.deliver())
            await shop.mailbox.send(letter)

    own = await Mailer(shop.db, shop.settings, Slow()).send_due()
    assert sorted(letter.to for letter in shop.mailbox.letters) == addresses
    assert (own, others) == (1, [2])


async def test_one_address_that_two_confirm_at_the_same_moment_becomes_one_s(shop: AccountShop) -> None:
    for email in (JANE, "john@example.com"):
        await shop.account(email)
        async with shop.client(**await shop.bearer(email)) as client:
            await client.post("me/email", json={"password": PASSWORD, "email": "new@example.com"})
    await shop.deliver()
    links = re.findall(r"token=(\S+)", "\n".join(letter.text for letter in shop.mailbox.letters))
    assert len(links) == 2
    async with shop.client() as client:
        answers = await asyncio.gather(
            *(client.post("auth/verify", json={"token": token, "password": PASSWORD}) for token in links)
        )
    assert sorted(answer.status_code for answer in answers) == [200, 410]
    async with shop.db.read() as connection:
        assert await connection.fetchval("select count(*) from customer where email_key = 'new@example.com'") == 1
