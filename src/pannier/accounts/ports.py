"""The outside world of accounts."""

from __future__ import annotations

from typing import Protocol

from pannier.accounts.models import Account, Letter


class MailPort(Protocol):
    """Sends a mail. Raises MailNotSentError when it was not taken; it is tried again then."""

    async def send(self, letter: Letter) -> None: ...


class MailNotSentError(Exception):
    """The mail was not taken. The text says why and names no address."""


class OnLogin(Protocol):
    """What becomes of a guest's cart when the credentials were right: answers the guest token from now on.

    Called once per login, outside any transaction, with the token the guest came with, or None.
    """

    async def __call__(self, account: Account, guest_token: str | None, /) -> str | None: ...
