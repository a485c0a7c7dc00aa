"""The statements of mails on their way."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pannier.accounts.models import Mail

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_MAIL = "id, kind, email, email_key, customer_id, password_hash, name, attempts"


def pause_after(attempts: int) -> timedelta:
    """How long a mail waits after an attempt; `claim_mails` says the same."""
    return timedelta(seconds=min(3600, 15 * 2 ** (attempts - 1)))


async def claim_mails(connection: Connection, now: datetime, limit: int) -> list[Mail]:
    """Mails that are due. Should we die with them, they are due again later; longer after each attempt."""
    rows = await connection.fetch(
        f"""
        update account_mail m
           set attempts = m.attempts + 1, due_at = $1 + make_interval(secs => least(3600, 15 * 2.0 ^ m.attempts))
         where m.id in (
           select id from account_mail where sent_at is null and dropped is null and due_at <= $1
            order by due_at limit $2 for update skip locked)
        returning {", ".join("m." + name for name in _MAIL.split(", "))}
        """,
        now,
        limit,
    )
    return sorted((Mail(**dict(row)) for row in rows), key=lambda mail: mail.id)


async def hold_mail(connection: Connection, mail: Mail, due_at: datetime) -> bool:
    """Keep a claimed mail from being due before a moment; False when somebody has claimed it since, or closed it."""
    tag = await connection.execute(
        "update account_mail set due_at = $3 where id = $1 and attempts = $2 and sent_at is null and dropped is null",
        mail.id,
        mail.attempts,
        due_at,
    )
    return tag == "UPDATE 1"


async def close_mail(connection: Connection, mail_id: uuid.UUID, now: datetime, dropped: str | None = None) -> None:
    """It was sent, or will not be; the hash it may have held is not needed any more."""
    await connection.execute(
        "update account_mail set sent_at = case when $3::text is null then $2::timestamptz end, dropped = $3,"
        " password_hash = null where id = $1",
        mail_id,
        now,
        dropped,
    )


async def mails_sent_since(connection: Connection, key: str, since: datetime) -> int:
    """How many mails an address got."""
    count: int = await connection.fetchval(
        "select count(*) from account_mail where email_key = $1 and created_at > $2 and sent_at is not null", key, since
    )
    return count
