"""Sending the mails that are due: decided and noted in one transaction, sent after it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from pannier.accounts import mail_repository, repository
from pannier.accounts.letters import letter_of
from pannier.accounts.models import LinkPurpose, Mail
from pannier.accounts.ports import MailNotSentError, MailPort
from pannier.kernel.ids import hash_token, new_link_token
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings

BATCH = 20
ATTEMPTS_MAX = 8
#: Mails that one address gets within an hour, whoever asks for them.
PER_HOUR_MAX = 6
#: For so long a mail is nobody else's while it is handed over: longer than a server may take that is let to.
_HANDING_OVER = timedelta(minutes=5)

_logger = logging.getLogger(__name__)
_PURPOSES: dict[str, LinkPurpose] = {"verify": "verify", "reset": "reset", "email": "email"}


class Mailer:
    """Sends the mails of accounts. Two processes at it do not send one mail twice."""

    def __init__(self, db: Database, settings: Settings, port: MailPort) -> None:
        self._db = db
        self._settings = settings
        self._port = port

    async def send_due(self) -> int:
        """Send what is due; answers how many went out. What the server does not take is tried again, later."""
        sent = 0
        while mails := await self._claim():
            for mail in mails:
                sent += await self._send(mail)
        return sent

    async def _claim(self) -> list[Mail]:
        now = self._db.clock.now()
        return await self._db.write(lambda connection: mail_repository.claim_mails(connection, now, BATCH))

    async def _send(self, mail: Mail) -> bool:
        now = self._db.clock.now()
        decided = await self._db.write(lambda connection: self._decide(connection, mail, now))
        if decided is None:
            return False
        mail, dropped, token = decided
        if dropped is None:
            try:
                await self._port.send(
                    letter_of(
                        mail,
                        shop=self._settings.shop_name,
                        base_url=base_url(self._settings),
                        link_token=token,
                        link_h=self._settings.link_ttl_hours,
                        reset_m=self._settings.reset_link_ttl_s / 60,
                    )
                )
            except MailNotSentError as failure:
                _logger.warning("mail %s (%s) was not taken: %s", mail.id, mail.kind, failure)
                if mail.attempts < ATTEMPTS_MAX:
                    due_at = self._db.clock.now() + mail_repository.pause_after(mail.attempts)
                    await self._db.write(lambda connection: mail_repository.hold_mail(connection, mail, due_at))
                    return False
                dropped = "given_up"
        await self._db.write(lambda connection: mail_repository.close_mail(connection, mail.id, now, dropped))
        return dropped is None

    async def _decide(
        self, connection: Connection, mail: Mail, now: datetime
    ) -> tuple[Mail, str | None, str | None] | None:
        """To whom it goes; why it is not sent, if so; the token of its link, which is stored as a digest only.

        None when it is somebody else's by now: those before it in the batch may have taken longer than its claim.
        """
        if not await mail_repository.hold_mail(connection, mail, now + _HANDING_OVER):
            return None
        if await mail_repository.mails_sent_since(connection, mail.email_key, now - timedelta(hours=1)) >= PER_HOUR_MAX:
            return mail, "too_many", None
        purpose = _PURPOSES.get(mail.kind)
        if purpose is None:
            return mail, None, None
        known = await repository.by_email(connection, mail.email_key)
        if known is not None and known[0].email is not None and purpose != "email":
            # To the address that the account has, not to one that was written in another way and reads the same.
            mail = replace(mail, email=known[0].email, customer_id=known[0].id)
        if purpose == "verify" and known is not None:
            return mail, None, None
        if purpose == "reset" and (known is None or known[0].status != "active"):
            return mail, "nobody", None
        if purpose == "email" and known is not None:
            return mail, "taken", None
        token = new_link_token()
        ttl_s = self._settings.reset_link_ttl_s if purpose == "reset" else self._settings.link_ttl_hours * 3600
        expires_at = now + timedelta(seconds=ttl_s)
        await repository.insert_link(connection, hash_token(token), purpose, mail, now, expires_at)
        return mail, None, token


def base_url(settings: Settings) -> str:
    """Where the shop is, for links. Never from a request: its `Host` is whatever the client wrote."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    return f"http://{settings.host}:{settings.port}"
