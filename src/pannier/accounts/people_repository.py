"""The statements of what belongs to a person, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.accounts.models import Consent, Erasure, SavedAddress

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_ADDRESS = "id, label, data, is_default, created_at, updated_at"


async def addresses(connection: Connection, user_id: str) -> list[SavedAddress]:
    """The address book, the default first."""
    rows = await connection.fetch(
        f"select {_ADDRESS} from address where user_id = $1 order by is_default desc, created_at, id", user_id
    )
    return [SavedAddress(**dict(row)) for row in rows]


async def lock_book(connection: Connection, user_id: str) -> None:
    """One change of an address book at a time: its default and its size are decided by all its rows."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended('address:' || $1, 0))", user_id)


async def save_address(
    connection: Connection, user_id: str, address_id: uuid.UUID, label: str, data: Mapping[str, Any], now: datetime
) -> bool:
    """Store an address that is new, or the user's own; False when it is somebody else's."""
    found = await connection.fetchval(
        "insert into address as a (id, user_id, label, data, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)"
        " on conflict (id) do update set label = $3, data = $4, updated_at = $5 where a.user_id = $2 returning true",
        address_id,
        user_id,
        label,
        data,
        now,
    )
    return bool(found)


async def make_default(connection: Connection, user_id: str, address_id: uuid.UUID) -> None:
    """The one that forms are filled in with; the unique index wants the old one gone before."""
    await connection.execute(
        "update address set is_default = false where user_id = $1 and is_default and id <> $2", user_id, address_id
    )
    await connection.execute("update address set is_default = true where user_id = $1 and id = $2", user_id, address_id)


async def delete_address(connection: Connection, user_id: str, address_id: uuid.UUID) -> bool:
    """Whether there was such an address of the user's."""
    return (
        await connection.execute("delete from address where user_id = $1 and id = $2", user_id, address_id)
        != "DELETE 0"
    )


async def preferences(connection: Connection, user_id: str) -> Mapping[str, Any]:
    """What the user prefers; empty when nothing was said."""
    found: Mapping[str, Any] | None = await connection.fetchval(
        "select data from preference where user_id = $1", user_id
    )
    return found or {}


async def merge_preferences(connection: Connection, user_id: str, data: Mapping[str, Any], now: datetime) -> None:
    """Change the ones that are named; null takes one away."""
    await connection.execute(
        "insert into preference as p (user_id, data, updated_at) values ($1, jsonb_strip_nulls($2), $3)"
        " on conflict (user_id) do update set data = jsonb_strip_nulls(p.data || $2), updated_at = $3",
        user_id,
        data,
        now,
    )


async def add_consent(
    connection: Connection, consent_id: uuid.UUID, user_id: str, consent: Consent, device: str | None
) -> None:
    """An answer, kept beside all earlier ones."""
    await connection.execute(
        "insert into consent (id, user_id, kind, is_granted, text_version, device, at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        consent_id,
        user_id,
        consent.kind,
        consent.is_granted,
        consent.text_version,
        device,
        consent.at,
    )


async def consents(connection: Connection, user_id: str, *, has_history: bool) -> list[Consent]:
    """What the user said last to each question, or all of it, oldest first."""
    rows = await connection.fetch(
        "select kind, is_granted, text_version, at from consent where user_id = $1 order by at, id", user_id
    )
    found = [Consent(**dict(row)) for row in rows]
    return found if has_history else list({consent.kind: consent for consent in found}.values())


async def erasure(connection: Connection, user_id: str) -> Erasure | None:
    """When the user is to be erased."""
    row = await connection.fetchrow("select asked_at, due_at from erasure where user_id = $1", user_id)
    return None if row is None else Erasure(row["asked_at"], row["due_at"])


async def ask_erasure(connection: Connection, user_id: str, now: datetime, due_at: datetime) -> bool:
    """Whether that is new."""
    tag = await connection.execute(
        "insert into erasure (user_id, asked_at, due_at) values ($1, $2, $3) on conflict do nothing",
        user_id,
        now,
        due_at,
    )
    return tag == "INSERT 0 1"


async def undo_erasure(connection: Connection, user_id: str) -> None:
    """Take it back."""
    await connection.execute("delete from erasure where user_id = $1", user_id)


async def due_erasures(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Users whose time to think about it is over."""
    rows = await connection.fetch("select user_id from erasure where due_at <= $1 order by due_at limit $2", now, limit)
    return [row["user_id"] for row in rows]


async def claim_erasure(connection: Connection, user_id: str, now: datetime) -> bool:
    """Lock a due erasure for this transaction; False when it was taken back, or another process is at it."""
    found = await connection.fetchval(
        "select true from erasure where user_id = $1 and due_at <= $2 for update skip locked", user_id, now
    )
    return bool(found)


async def erase(connection: Connection, user_id: str, account_id: uuid.UUID | None, alias: str, now: datetime) -> None:
    """Delete what belongs to a person. The account's row stays, empty: its id stands in histories."""
    for table in ("address", "preference", "consent", "erasure"):
        await connection.execute(f"delete from {table} where user_id = $1", user_id)
    if account_id is None:
        return
    await connection.execute(
        "delete from account_mail where customer_id = $1 or email_key = (select email_key from customer where id = $1)",
        account_id,
    )
    for table in ("account_link", "account_session"):
        await connection.execute(f"delete from {table} where customer_id = $1", account_id)
    await connection.execute(
        "update customer set email = null, email_key = null, password_hash = null, name = '', status = 'erased',"
        " updated_at = $2 where id = $1",
        account_id,
        now,
    )
    await connection.execute(
        "update event set actor = $2, device = null where aggregate_kind = 'customer' and aggregate_id = $1",
        account_id,
        alias,
    )


async def email_of(connection: Connection, user_id: str) -> str | None:
    """Where mails to a customer go; None for who has no open account here, such as a user of an outside issuer."""
    try:
        account_id = uuid.UUID(user_id)
    except ValueError:
        return None
    email: str | None = await connection.fetchval(
        "select email from customer where id = $1 and status = 'active'", account_id
    )
    return email
