"""The statements of accounts, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pannier.accounts.models import Account, EndReason, LinkPurpose, Mail, MailKind, Role, Session
from pannier.kernel.ids import secret_bytes, uuid7

if TYPE_CHECKING:
    import asyncpg

    from pannier.platform.database import Connection

_ACCOUNT = "id, email, name, role, status, created_at"
_SESSION = "s.id, s.customer_id, s.kind, s.device, s.created_at, s.used_at, s.expires_at"
# The digests are those of `platform.tokens.ended.session_subject`.
_LIST_ENDED = """insert into access_ended (subject, ended_at, until, is_final)
  select sha256(convert_to('session:' || id, 'UTF8')), $1::timestamptz, $2, true from ended on conflict do nothing"""
#: Failed attempts are forgotten after a day without one.
ATTEMPTS_KEPT = timedelta(days=1)


async def signing_key(connection: Connection, now: datetime) -> bytes:
    """The shop's own key; made by whoever asks first."""
    await connection.execute(
        "insert into account_key (id, secret, created_at) values (1, $1, $2) on conflict do nothing",
        secret_bytes(32),
        now,
    )
    secret: bytes = await connection.fetchval("select secret from account_key")
    return secret


async def by_email(connection: Connection, key: str) -> tuple[Account, str | None] | None:
    """The account of an address, with its password's hash."""
    row = await connection.fetchrow(f"select {_ACCOUNT}, password_hash from customer where email_key = $1", key)
    return None if row is None else (account_of(row), row["password_hash"])


async def by_id(connection: Connection, account_id: uuid.UUID) -> tuple[Account, str | None] | None:
    """An account, with its password's hash."""
    row = await connection.fetchrow(f"select {_ACCOUNT}, password_hash from customer where id = $1", account_id)
    return None if row is None else (account_of(row), row["password_hash"])


async def page(connection: Connection, text: str, role: str | None, limit: int) -> list[Account]:
    """Accounts by e-mail address or name, newest first."""
    rows = await connection.fetch(
        f"select {_ACCOUNT} from customer where status <> 'erased' and ($2::text is null or role = $2)"
        " and (strpos(email_key, lower($1)) > 0 or strpos(lower(name), lower($1)) > 0) order by id desc limit $3",
        text,
        role,
        limit,
    )
    return [account_of(row) for row in rows]


async def insert(
    connection: Connection,
    email: str,
    key: str,
    password_hash: str | None,
    *,
    name: str = "",
    role: Role = "customer",
    now: datetime,
) -> Account | None:
    """A new account; None when the address has one."""
    row = await connection.fetchrow(
        "insert into customer (id, email, email_key, password_hash, name, role, created_at, updated_at,"
        " password_changed_at) values ($1, $2, $3, $4, $5, $6, $7, $7, $7)"
        f" on conflict on constraint customer_email_unique do nothing returning {_ACCOUNT}",
        uuid7(),
        email,
        key,
        password_hash,
        name,
        role,
        now,
    )
    return None if row is None else account_of(row)


async def change(connection: Connection, account_id: uuid.UUID, now: datetime, **values: Any) -> None:
    """Set columns of an account."""
    names = sorted(values)
    columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, 3))
    await connection.execute(
        f"update customer set {columns}, updated_at = $2 where id = $1", account_id, now, *(values[n] for n in names)
    )


async def note(
    connection: Connection,
    account_id: uuid.UUID,
    event: str,
    data: Mapping[str, Any],
    *,
    actor: str,
    device: str | None,
    correlation: str | None,
    now: datetime,
) -> None:
    """The event of a change, at the account's next version. `data` names nobody."""
    version = await connection.fetchval(
        "update customer set version = version + 1 where id = $1 returning version", account_id
    )
    event_row = {
        "aggregate_id": account_id,
        "version": version,
        "aggregate_kind": "customer",
        "id": uuid7(),
        "type": event,
        "data": data,
    }
    await connection.execute("select event_append($1, $2, $3, $4, $5)", [event_row], actor, device, correlation, now)


async def count_attempt(
    connection: Connection, key: bytes, now: datetime, *, free: int, longest_s: float
) -> datetime | None:
    """Count an attempt before its password is looked at; answers until when this one is not taken, else None.

    The statement that counts is the one that decides, so that attempts at the same moment do not all get through.
    After `free` of them the next has to wait 1 second, then 2, 4 … up to the longest.
    """
    taken = await connection.fetchval(
        """
        insert into account_attempt as a (key, failures, blocked_until, updated_at) values ($1, 1, $2, $2)
        on conflict (key) do update
          set (failures, blocked_until, updated_at) = (
            select n, $2 + make_interval(secs => case when n < $3 then 0 else least($4, 2.0 ^ least(n - $3, 30)) end),
                   $2
              from (select case when a.updated_at < $2 - $5::interval then 1 else a.failures + 1 end) x(n))
        where a.blocked_until <= $2
        returning true
        """,
        key,
        now,
        free,
        longest_s,
        ATTEMPTS_KEPT,
    )
    if taken:
        return None
    until: datetime | None = await connection.fetchval("select blocked_until from account_attempt where key = $1", key)
    return until


async def forget_attempts(connection: Connection, key: bytes) -> None:
    """The password was right: earlier mistakes do not count any more."""
    await connection.execute("delete from account_attempt where key = $1", key)


async def insert_session(connection: Connection, session: Session, digest: bytes) -> None:
    """A device that signs in."""
    await connection.execute(
        "insert into account_session (id, customer_id, kind, secret_hash, device, created_at, used_at, expires_at)"
        " values ($1, $2, $3, $4, $5, $6, $6, $7)",
        session.id,
        session.customer_id,
        session.kind,
        digest,
        session.device,
        session.created_at,
        session.expires_at,
    )


async def rotate(
    connection: Connection,
    session_id: uuid.UUID,
    generation: int,
    digest: bytes,
    next_digest: bytes,
    now: datetime,
    expires_at: datetime,
) -> Account | None:
    """Exchange a refresh token for the next one; None when it is not the session's current one."""
    row = await connection.fetchrow(
        f"""
        update account_session s
           set generation = generation + 1, secret_hash = $4, used_at = $5, expires_at = $6
          from customer c
         where s.id = $1 and s.kind = 'api' and s.generation = $2 and s.secret_hash = $3
           and s.ended_at is null and s.expires_at > $5 and c.id = s.customer_id and c.status = 'active'
        returning {", ".join("c." + name for name in _ACCOUNT.split(", "))}
        """,
        session_id,
        generation,
        digest,
        next_digest,
        now,
        expires_at,
    )
    return None if row is None else account_of(row)


async def end_reused(
    connection: Connection, session_id: uuid.UUID, generation: int, now: datetime, until: datetime
) -> uuid.UUID | None:
    """End a session of which an earlier token came again; answers whose it was. See `end_sessions` for `until`."""
    owner: uuid.UUID | None = await connection.fetchval(
        "with ended as (update account_session set ended_at = $1, ended_reason = 'reused'"
        " where id = $3 and kind = 'api' and ended_at is null and generation > $4 returning id, customer_id),"
        f" listed as ({_LIST_ENDED}) select customer_id from ended",
        now,
        until,
        session_id,
        generation,
    )
    return owner


async def browser_session(
    connection: Connection, session_id: uuid.UUID, digest: bytes, now: datetime
) -> tuple[Account, datetime] | None:
    """Whose browser it is, and when it was noted last that it is in use; None when it is over."""
    row = await connection.fetchrow(
        f"""
        select {", ".join("c." + name for name in _ACCOUNT.split(", "))}, s.used_at
          from account_session s join customer c on c.id = s.customer_id
         where s.id = $1 and s.kind = 'browser' and s.secret_hash = $2 and s.ended_at is null and s.expires_at > $3
           and c.status = 'active'
        """,
        session_id,
        digest,
        now,
    )
    return None if row is None else (account_of(row), row["used_at"])


async def use_session(connection: Connection, session_id: uuid.UUID, now: datetime, expires_at: datetime) -> None:
    """Note that a session is in use."""
    await connection.execute(
        "update account_session set used_at = $2, expires_at = $3 where id = $1 and ended_at is null",
        session_id,
        now,
        expires_at,
    )


async def sessions_of(connection: Connection, account_id: uuid.UUID, now: datetime) -> list[Session]:
    """The devices that are signed in, the one used last first."""
    rows = await connection.fetch(
        f"select {_SESSION} from account_session s where s.customer_id = $1 and s.ended_at is null"
        " and s.expires_at > $2 order by s.used_at desc, s.id desc limit 500",
        account_id,
        now,
    )
    return [Session(**dict(row)) for row in rows]


async def end_sessions(
    connection: Connection,
    account_id: uuid.UUID,
    reason: EndReason,
    now: datetime,
    until: datetime,
    *,
    only: uuid.UUID | None = None,
    but: uuid.UUID | None = None,
) -> int:
    """End the sessions of an account: one, all, or all but one; answers how many.

    Their access tokens, the last of which runs out at `until`, are not taken from now on: see `accounts.ended`.
    """
    ended: int = await connection.fetchval(
        "with ended as (update account_session set ended_at = $1, ended_reason = $4 where customer_id = $3"
        " and ended_at is null and ($5::uuid is null or id = $5) and id is distinct from $6::uuid returning id),"
        f" listed as ({_LIST_ENDED}) select count(*) from ended",
        now,
        until,
        account_id,
        reason,
        only,
        but,
    )
    return ended


async def owner_of_session(connection: Connection, session_id: uuid.UUID, digest: bytes) -> uuid.UUID | None:
    """Whose session a token is of, if it is the current one."""
    owner: uuid.UUID | None = await connection.fetchval(
        "select customer_id from account_session where id = $1 and secret_hash = $2 and ended_at is null",
        session_id,
        digest,
    )
    return owner


async def insert_mail(
    connection: Connection,
    kind: MailKind,
    email: str,
    key: str,
    now: datetime,
    *,
    customer_id: uuid.UUID | None = None,
    password_hash: str | None = None,
    name: str = "",
) -> None:
    """A mail to be sent once this is committed."""
    await connection.execute(
        "insert into account_mail (id, kind, email, email_key, customer_id, password_hash, name, due_at, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        uuid7(),
        kind,
        email,
        key,
        customer_id,
        password_hash,
        name,
        now,
    )


async def insert_link(
    connection: Connection, digest: bytes, purpose: LinkPurpose, mail: Mail, now: datetime, expires_at: datetime
) -> None:
    """The link of a mail."""
    await connection.execute(
        "insert into account_link (token_hash, purpose, customer_id, email, email_key, password_hash, name, created_at,"
        " expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        digest,
        purpose,
        mail.customer_id,
        mail.email,
        mail.email_key,
        mail.password_hash,
        mail.name,
        now,
        expires_at,
    )


async def asker_of_link(connection: Connection, digest: bytes, now: datetime) -> tuple[str | None, bool] | None:
    """The hash of the password of whoever asked for a link that confirms an address, and whether the account is yet
    to be made; None when the link is not good (any more)."""
    row = await connection.fetchrow(
        "select l.purpose = 'verify' as is_new,"
        " case when l.purpose = 'verify' then l.password_hash else c.password_hash end as password_hash"
        " from account_link l left join customer c on c.id = l.customer_id where l.token_hash = $1"
        " and l.purpose in ('verify', 'email') and l.used_at is null and l.expires_at > $2",
        digest,
        now,
    )
    return None if row is None else (row["password_hash"], row["is_new"])


async def use_link(
    connection: Connection, digest: bytes, purposes: list[LinkPurpose], now: datetime
) -> asyncpg.Record | None:
    """Use a link up; None when it is not good (any more)."""
    return await connection.fetchrow(
        "update account_link set used_at = $3 where token_hash = $1 and purpose = any($2) and used_at is null"
        " and expires_at > $3 returning purpose, customer_id, email, email_key, password_hash, name",
        digest,
        purposes,
        now,
    )


async def drop_links(connection: Connection, account_id: uuid.UUID) -> None:
    """No link of an account is good any more."""
    await connection.execute("delete from account_link where customer_id = $1", account_id)


async def prune(connection: Connection, now: datetime) -> None:
    """Delete what is over: links and sessions a month after their end, mails a week after they were made."""
    month, week = now - timedelta(days=30), now - timedelta(days=7)
    await connection.execute("delete from account_link where expires_at < $1", month)
    await connection.execute("delete from account_session where expires_at < $1 or ended_at < $1", month)
    await connection.execute("delete from access_ended where until < $1", now)
    await connection.execute("delete from account_mail where created_at < $1", week)
    await connection.execute("delete from account_attempt where updated_at < $1", now - ATTEMPTS_KEPT)


def account_of(row: asyncpg.Record) -> Account:
    """An account from a row that may hold more."""
    return Account(row["id"], row["email"], row["name"], row["role"], row["status"], row["created_at"])
