"""Mails by SMTP: encrypted from the start (`smtps`), by STARTTLS (`smtp`), or, where asked for, not (`smtp+plain`)."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib

from pannier.accounts.models import Letter
from pannier.accounts.ports import MailNotSentError
from pannier.kernel.clock import Clock
from pannier.platform.database import in_transaction
from pannier.platform.http import NetworkInsideTransactionError

TIMEOUT_S = 15.0
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


def message_of(letter: Letter, sender: str, clock: Clock) -> EmailMessage:
    """The mail with its headers. Line breaks in an address or a subject are refused by the library: ValueError."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    if letter.unsubscribe is not None:
        # RFC 8058: the reader's mail program may send that POST by itself, and asks nobody anything first.
        message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text)
    return message


class SmtpMail:
    """One connection per mail; a shop sends few of these."""

    def __init__(self, url: str, sender: str, clock: Clock, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("PANNIER_SMTP_URL looks like smtp://user:password@host:587")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._clock = clock
        self._tls = tls

    async def send(self, letter: Letter) -> None:
        """Hand the mail to the server. Raises MailNotSentError."""
        if in_transaction.get():
            raise NetworkInsideTransactionError("a mail: end the transaction, then send")
        try:
            await aiosmtplib.send(
                message_of(letter, self._sender, self._clock),
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._scheme == "smtps",
                start_tls=self._scheme == "smtp",
                tls_context=self._tls,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPResponseException as refusal:
            raise MailNotSentError(f"{type(refusal).__name__} {refusal.code}") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as failure:
            raise MailNotSentError(type(failure).__name__) from None
