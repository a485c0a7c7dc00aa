"""Mails as files, for a shop that is being tried out: what is in them stays out of the log."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pannier.accounts.adapters.smtp import message_of
from pannier.accounts.models import Letter
from pannier.accounts.ports import MailNotSentError
from pannier.kernel.clock import Clock
from pannier.kernel.ids import uuid7


class FolderMail:
    """Each mail is a file `<time-ordered id>.eml` that only the shop's own user can read."""

    def __init__(self, directory: Path, sender: str, clock: Clock) -> None:
        self._directory = directory
        self._sender = sender
        self._clock = clock

    async def send(self, letter: Letter) -> None:
        """Write the mail. Raises MailNotSentError."""
        try:
            await asyncio.to_thread(self._write, bytes(message_of(letter, self._sender, self._clock)))
        except (OSError, ValueError) as failure:
            raise MailNotSentError(type(failure).__name__) from None

    def _write(self, content: bytes) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{uuid7()}.eml"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)


class NoMail:
    """Nothing is sent: mails wait until there is a way."""

    async def send(self, letter: Letter) -> None:  # noqa: ARG002 - whatever it is, it is not sent
        """Raises MailNotSentError."""
        raise MailNotSentError("PANNIER_SMTP_URL is not set")
