"""Mails through a real SMTP server: what is sent, by which way, and what becomes of those that are not taken."""

from __future__ import annotations

import logging
import re
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from pannier.accounts import Letter, MailNotSentError, SmtpMail
from pannier.kernel.clock import ManualClock, SystemClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import PASSWORD, AccountShop, account_shop
from tests.support.smtp import PASSWORD as MAIL_PASSWORD
from tests.support.smtp import USER, PostOffice, contexts, post_office

JANE, NEW = "jane@example.com", "jane@new.example"
LETTER = Letter(JANE, "Ein Brief für Sie", "Grüße\n")


def link_in(office: PostOffice) -> str:
    """The token in the newest mail."""
    found = re.search(r"https://shop\.example\.com/account/\w+\?token=(\S+)", office.mails[-1].get_content())
    assert found
    return found[1]


async def send_due(shop: AccountShop) -> int:
    """What the shop's own job does every two seconds."""
    mailer = shop.app.state.pannier.identity.mailer
    assert mailer is not None
    return int(await mailer.send_due())


async def test_an_account_lives_by_its_mails(db: Database, settings: Settings, clock: ManualClock) -> None:
    async with post_office() as office:
        changes = {
            "smtp_url": SecretStr(f"smtp+plain://127.0.0.1:{office.port}"),
            "mail_from": "hello@shop.example.com",
            "public_url": "https://shop.example.com",
        }
        async with account_shop(db, settings, clock, **changes) as shop, shop.client() as client:
            await client.post("auth/register", json={"email": JANE, "password": PASSWORD})
            await send_due(shop)
            confirmed = await client.post("auth/verify", json={"token": link_in(office), "password": PASSWORD})
            await client.post("auth/password/forgot", json={"email": JANE})
            await send_due(shop)
            body = {"token": link_in(office), "password": "a brand new word"}
            chosen = await client.post("auth/password/reset", json=body)
            await send_due(shop)
            tokens = await shop.tokens(JANE, "a brand new word")
            async with shop.client(Authorization=f"Bearer {tokens['access_token']}") as jane:
                await jane.post("me/email", json={"password": "a brand new word", "email": NEW})
                await send_due(shop)
                moved = await client.post(
                    "auth/verify", json={"token": link_in(office), "password": "a brand new word"}
                )
                await send_due(shop)
                me = (await jane.get("me")).json()
    assert [answer.status_code for answer in (confirmed, chosen, moved)] == [200] * 3
    assert me["email"] == NEW
    assert [mail["To"] for mail in office.mails] == [JANE, JANE, JANE, NEW, JANE]
    assert {mail["From"] for mail in office.mails} == {"hello@shop.example.com"}
    assert {mail["Auto-Submitted"] for mail in office.mails} == {"auto-generated"}
    assert len({mail["Message-ID"] for mail in office.mails}) == 5
    assert all(mail["Date"] and mail["Subject"] for mail in office.mails)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_mail_goes_encrypted_and_with_the_password(tmp_path: Path, scheme: str) -> None:
    server, client = contexts(tmp_path)
    async with post_office(server, is_encrypted=scheme == "smtps", asks_password=True) as office:
        url = f"{scheme}://{USER}:{MAIL_PASSWORD}@127.0.0.1:{office.port}"
        await SmtpMail(url, "shop@example.com", SystemClock(), tls=client).send(LETTER)
    assert (office.were_encrypted, office.signed_in_as) == ([True], [USER])
    assert (office.mails[0]["Subject"], office.mails[0].get_content().strip()) == ("Ein Brief für Sie", "Grüße")


async def test_neither_mail_nor_password_goes_to_a_server_that_offers_no_encryption() -> None:
    async with post_office(asks_password=True) as office:
        url = f"smtp://{USER}:{MAIL_PASSWORD}@127.0.0.1:{office.port}"
        with pytest.raises(MailNotSentError):
            await SmtpMail(url, "shop@example.com", SystemClock()).send(LETTER)
    assert (office.mails, office.attempts) == ([], 0)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_neither_goes_to_a_server_whose_certificate_nobody_knows(tmp_path: Path, scheme: str) -> None:
    server, _ = contexts(tmp_path)
    async with post_office(server, is_encrypted=scheme == "smtps", asks_password=True) as office:
        url = f"{scheme}://{USER}:{MAIL_PASSWORD}@127.0.0.1:{office.port}"
        with pytest.raises(MailNotSentError):
            await SmtpMail(url, "shop@example.com", SystemClock(), tls=ssl.create_default_context()).send(LETTER)
    assert (office.mails, office.attempts) == ([], 0)


async def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    server, client = contexts(tmp_path)
    async with post_office(server, asks_password=True) as office:
        url = f"smtp://{USER}:a-wrong-one@127.0.0.1:{office.port}"
        with pytest.raises(MailNotSentError, match="SMTPAuthenticationError 535") as refused:
            await SmtpMail(url, "shop@example.com", SystemClock(), tls=client).send(LETTER)
    assert office.mails == []
    assert not re.search(f"a-wrong-one|{JANE}", str(refused.value))


async def test_what_the_server_does_not_take_is_sent_later_and_no_log_has_the_address(
    db: Database, settings: Settings, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with post_office() as office:
        url = SecretStr(f"smtp+plain://127.0.0.1:{office.port}")
        async with account_shop(db, settings, clock, smtp_url=url) as shop, shop.client() as client:
            office.refusal = "451 try again"
            await client.post("auth/register", json={"email": JANE, "password": PASSWORD})
            first = await send_due(shop)
            office.refusal = None
            early = await send_due(shop)
            clock.advance(timedelta(minutes=1))
            await send_due(shop)
            left = await send_due(shop)
    assert (first, early, left) == (0, 0, 0)
    assert [mail["To"] for mail in office.mails] == [JANE]
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert any("451" in text for text in warned)
    assert not any(JANE in text for text in warned)


async def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    async with post_office() as office:
        port = office.port
    with pytest.raises(MailNotSentError, match="SMTPConnectError"):
        await SmtpMail(f"smtp+plain://127.0.0.1:{port}", "shop@example.com", SystemClock()).send(LETTER)


@pytest.mark.parametrize("to", ["jane@example.com\nBcc: all@example.com", "jane@example.com\r\nX: y"])
async def test_an_address_smuggles_no_header_in(to: str) -> None:
    async with post_office() as office:
        mail = SmtpMail(f"smtp+plain://127.0.0.1:{office.port}", "shop@example.com", SystemClock())
        with pytest.raises(MailNotSentError):
            await mail.send(Letter(to, "A letter", "..."))
    assert office.mails == []
