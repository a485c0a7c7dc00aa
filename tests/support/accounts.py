"""A shop over HTTP with customers in it, and the mails they get."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from argon2 import PasswordHasher

from pannier.accounts import Letter, Mailer, MailNotSentError, Passwords
from pannier.app import create_app
from pannier.app.factory import PannierApp
from pannier.kernel.clock import Clock
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.web import client_of

PASSWORD = "three grey herons"
#: Weak on purpose: what a test waits for is not the hash.
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Mailbox:
    """A `MailPort` that keeps what it is given; with `is_down` it takes nothing."""

    letters: list[Letter] = field(default_factory=list)
    is_down: bool = False

    async def send(self, letter: Letter) -> None:
        if self.is_down:
            raise MailNotSentError("down")
        self.letters.append(letter)

    def token(self, to: str) -> str:
        """The token of the newest link that was sent to an address."""
        for letter in reversed(self.letters):
            found = re.search(r"token=(lt_[A-Za-z0-9_-]{43})", letter.text)
            if letter.to == to and found:
                return found[1]
        raise AssertionError(f"no link was sent to {to}")


@dataclass
class AccountShop:
    """A running application, and what its customers get by mail."""

    app: PannierApp
    db: Database
    settings: Settings
    mailbox: Mailbox

    async def deliver(self) -> int:
        """Send the mails that are due."""
        return await Mailer(self.db, self.settings, self.mailbox).send_due()

    @asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of its own: a browser, or a program, with these headers on every request."""
        async with client_of(self.app, headers=headers, timeout=30) as client:
            client.base_url = httpx.URL("http://shop.test/api/v1/")
            yield client

    async def account(self, email: str = "jane@example.com", **more: Any) -> str:
        """An account; answers its user id."""
        services = self.app.state.pannier
        made = await services.staff_accounts.create(email, PASSWORD, **more)
        return str(made.user_id)

    async def tokens(self, email: str = "jane@example.com", password: str = PASSWORD) -> dict[str, Any]:
        """What signing in answers."""
        async with self.client() as client:
            answer = await client.post("auth/login", json={"email": email, "password": password})
        document: dict[str, Any] = answer.raise_for_status().json()
        return document

    async def bearer(self, email: str = "jane@example.com") -> dict[str, str]:
        """The header of somebody who is signed in."""
        return {"Authorization": f"Bearer {(await self.tokens(email))['access_token']}"}


@asynccontextmanager
async def account_shop(db: Database, settings: Settings, clock: Clock, **changes: Any) -> AsyncIterator[AccountShop]:
    """A shop whose passwords are hashed quickly."""
    settings = settings.model_copy(update={"access_log": "off", **changes})
    app = create_app(settings, clock=clock)
    async with app.running():
        for service in (app.state.pannier.accounts, app.state.pannier.staff_accounts):
            service._passwords = QUICK
        yield AccountShop(app, db, settings, Mailbox())
