"""Accounts that somebody else asks for, or asks to be called, in Jane's name: her click alone gives them nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pannier.kernel.clock import ManualClock
from tests.support.accounts import PASSWORD, AccountShop

JANE, MALLORY = "jane@example.com", "mallory@example.com"
MALLORYS = "chosen by somebody else"


async def link_for(shop: AccountShop, email: str) -> str:
    await shop.deliver()
    return shop.mailbox.token(email)


async def test_a_click_on_a_strangers_link_opens_no_account_with_the_strangers_password(shop: AccountShop) -> None:
    async with shop.client() as mallory, shop.client() as jane:
        await mallory.post("auth/register", json={"email": JANE, "password": MALLORYS})
        link = await link_for(shop, JANE)
        clicked = await jane.post("auth/verify", json={"token": link, "password": PASSWORD})
        empty = await jane.post("auth/verify", json={"token": link})
        tried = await mallory.post("auth/login", json={"email": JANE, "password": MALLORYS})
        # What Jane asks for herself is hers, and the stranger's link is worth nothing from then on.
        await jane.post("auth/register", json={"email": JANE, "password": PASSWORD})
        opened = await jane.post("auth/verify", json={"token": await link_for(shop, JANE), "password": PASSWORD})
        late = await mallory.post("auth/verify", json={"token": link, "password": MALLORYS})
        still = await mallory.post("auth/login", json={"email": JANE, "password": MALLORYS})
    assert (clicked.status_code, clicked.json()["error"]) == (403, "WRONG_PASSWORD")
    assert (empty.status_code, tried.status_code) == (422, 401)
    assert (opened.status_code, late.status_code, still.status_code) == (200, 410, 401)
    assert (await shop.tokens(JANE))["access_token"]


async def test_a_mistyped_password_leaves_the_link_good(shop: AccountShop) -> None:
    async with shop.client() as jane:
        await jane.post("auth/register", json={"email": JANE, "password": PASSWORD})
        link = await link_for(shop, JANE)
        mistyped = await jane.post("auth/verify", json={"token": link, "password": "three grey heron"})
        confirmed = await jane.post("auth/verify", json={"token": link, "password": PASSWORD})
    assert (mistyped.status_code, confirmed.status_code) == (403, 200)


async def test_a_click_gives_nobody_elses_account_the_address(shop: AccountShop) -> None:
    await shop.account(MALLORY)
    async with shop.client(**(await shop.bearer(MALLORY))) as mallory, shop.client() as jane:
        await mallory.post("me/email", json={"password": PASSWORD, "email": JANE})
        link = await link_for(shop, JANE)
        clicked = await jane.post("auth/verify", json={"token": link, "password": "jane's own words"})
        assert (await mallory.get("me")).json()["email"] == MALLORY
    assert (clicked.status_code, clicked.json()["error"]) == (403, "WRONG_PASSWORD")


async def test_the_password_of_a_link_is_guessed_slowly_and_that_shuts_nobody_out(
    shop: AccountShop, clock: ManualClock
) -> None:
    async with shop.client() as jane:
        await jane.post("auth/register", json={"email": JANE, "password": PASSWORD})
        link = await link_for(shop, JANE)
        guesses = [
            (await jane.post("auth/verify", json={"token": link, "password": f"guess {n}"})).status_code
            for n in range(shop.settings.login_attempts_max + 1)
        ]
        clock.advance(timedelta(seconds=2))
        confirmed = await jane.post("auth/verify", json={"token": link, "password": PASSWORD})
    assert guesses == [403] * shop.settings.login_attempts_max + [429]
    assert confirmed.status_code == 200


@pytest.mark.parametrize("token", ["lt_" + "A" * 43, "none of ours"])
async def test_a_link_that_is_none_tells_nothing_of_passwords(shop: AccountShop, token: str) -> None:
    async with shop.client() as client:
        answer = await client.post("auth/verify", json={"token": token.replace(" ", "_"), "password": PASSWORD})
    assert (answer.status_code, answer.json()["error"]) == (410, "LINK_NOT_VALID")
