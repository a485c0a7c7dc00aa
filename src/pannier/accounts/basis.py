"""What customers and staff do alike to an account."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any

from pannier.accounts import repository, rules
from pannier.accounts.ended import EndedSessions
from pannier.accounts.errors import (
    LinkNotValidError,
    NotBuiltInError,
    SessionOverError,
    TooManyAttemptsError,
    WeakPasswordError,
)
from pannier.accounts.models import Account, EndReason, MailKind, Session, SessionKind, SignedIn
from pannier.accounts.passwords import Passwords
from pannier.accounts.ports import OnLogin
from pannier.kernel.ids import hash_token, is_link_token, uuid7
from pannier.platform.database import Connection, Database
from pannier.platform.observability.context import correlation_id
from pannier.platform.principal import Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.platform.tokens.ended import EndedAccess
from pannier.platform.tokens.own import OwnTokens


class AccountBase:
    """The accounts of one shop. `on_login` is told of everybody who signs in, with the guest's cart token."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        tokens: OwnTokens,
        *,
        passwords: Passwords | None = None,
        on_login: OnLogin | None = None,
        ended: EndedSessions | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self.tokens = tokens
        self._passwords = passwords or Passwords()
        self._on_login = on_login
        self._ended = ended or EndedSessions(db, EndedAccess())
        self._session_ttl = timedelta(days=settings.session_ttl_days)

    @property
    def _now(self) -> datetime:
        return self._db.clock.now()

    def _session_end(self, now: datetime) -> datetime:
        return now + self._session_ttl

    async def _end_sessions(
        self,
        connection: Connection,
        account_id: uuid.UUID,
        reason: EndReason,
        now: datetime,
        *,
        only: uuid.UUID | None = None,
        but: uuid.UUID | None = None,
    ) -> int:
        """End them, and what their access tokens are good for; `_ended.catch_up` is to follow the transaction."""
        until = now + timedelta(seconds=self.tokens.access_ttl_s)
        return await repository.end_sessions(connection, account_id, reason, now, until, only=only, but=but)

    def _check_new(self, password: str, email: str, field: str = "password") -> None:
        telling = [email, email.partition("@")[0], self._settings.shop_name, self._settings.shop_name.replace(" ", "")]
        fault = rules.password_fault(password, length_min=self._settings.password_length_min, telling=telling)
        if fault is not None:
            raise WeakPasswordError(f"The password: {fault}.", field=field)

    async def _ask_mail(self, kind: MailKind, email: str, **more: Any) -> None:
        key, now = rules.email_key(email), self._now
        await self._db.write(lambda c: repository.insert_mail(c, kind, email, key, now, **more))

    async def _count_attempt(self, email_key: str) -> None:
        """Count an attempt, or raise TooManyAttemptsError: for addresses without an account as well."""
        now = self._now
        until = await self._db.write(
            lambda c: repository.count_attempt(
                c,
                attempt_key(email_key),
                now,
                free=self._settings.login_attempts_max,
                longest_s=self._settings.login_block_max_s,
            )
        )
        if until is not None:
            wait_s = max(1, int((until - now).total_seconds() + 0.999))
            raise TooManyAttemptsError(
                f"Too many attempts to sign in with this e-mail address. Try again in {wait_s} seconds, "
                "or ask for a new password.",
                details={"retry_after_s": wait_s},
                headers={"Retry-After": str(wait_s)},
            )

    async def _begin_session(
        self,
        account: Account,
        email_key: str,
        kind: SessionKind,
        device: str | None,
        renewed_hash: str | None,
        replaced: str | None,
    ) -> SignedIn:
        """A new session with secrets of its own, whatever the device came with: nothing that was planted lives on."""
        now, session_id = self._now, uuid7()
        token, digest = self.tokens.make_session(session_id, 0)
        session = Session(session_id, account.id, kind, device, now, now, self._session_end(now))
        old = None if replaced is None else self.tokens.read_session(replaced)

        async def command(connection: Connection) -> None:
            await repository.forget_attempts(connection, attempt_key(email_key))
            if renewed_hash is not None:
                await repository.change(connection, account.id, now, password_hash=renewed_hash)
            if old is not None:
                owner = await repository.owner_of_session(connection, old.session_id, old.digest)
                if owner is not None:
                    await self._end_sessions(connection, owner, "replaced", now, only=old.session_id)
            await repository.insert_session(connection, session, digest)
            await self._note(connection, account.id, "customer.signed_in", now, session_id=session_id, kind=kind)

        await self._db.write(command)
        if old is not None:
            await self._ended.catch_up()
        return self._signed_in(account, session_id, token, now)

    def _signed_in(self, account: Account, session_id: uuid.UUID, token: str, now: datetime) -> SignedIn:
        return SignedIn(
            account,
            session_id,
            token,
            self.tokens.make_access(account.user_id, account.role, session_id, now),
            int(self._session_ttl.total_seconds()),
            int(self.tokens.access_ttl_s),
        )

    async def _own(self, principal: Principal) -> tuple[Account, str | None]:
        """The account of whoever asks, and its password's hash. Raises NotBuiltInError."""
        found = None
        if principal.session_id is not None and principal.user_id is not None:
            async with self._db.read() as connection:
                found = await repository.by_id(connection, uuid.UUID(principal.user_id))
        if found is None:
            raise NotBuiltInError("Your identity provider keeps your account: change this there.")
        return found

    async def _set_password(
        self, connection: Connection, account_id: uuid.UUID, hashed: str, now: datetime, *, but: uuid.UUID | None
    ) -> None:
        """Store it, end the sessions, make open links useless, and tell the owner."""
        await repository.change(connection, account_id, now, password_hash=hashed, password_changed_at=now)
        await self._end_sessions(connection, account_id, "password", now, but=but)
        await repository.drop_links(connection, account_id)
        await self._note(connection, account_id, "customer.password_changed", now)
        found = await repository.by_id(connection, account_id)
        if found is not None and found[0].email is not None:
            email = found[0].email
            await repository.insert_mail(
                connection, "password_changed", email, rules.email_key(email), now, customer_id=account_id
            )

    async def _note(
        self, connection: Connection, account_id: uuid.UUID, event: str, now: datetime, **data: object
    ) -> None:
        await repository.note(
            connection,
            account_id,
            event,
            data,
            actor=str(account_id),
            device=None,
            correlation=correlation_id.get(),
            now=now,
        )


def checked_email(text: str) -> str:
    """An e-mail address. Raises ValidationFailedError."""
    email = rules.email_of(text)
    if email is None:
        raise ValidationFailedError.of([("email", "An e-mail address like jane@example.com")])
    return email


def attempt_key(email_key: str) -> bytes:
    """What attempts for an address are counted by; 32 bytes whatever was written into the field."""
    return hashlib.sha256(b"attempt:" + email_key.encode("utf-8", "replace")).digest()


def link_digest(token: str) -> bytes:
    """What a link is found by. Raises LinkNotValidError for what cannot be a token."""
    if not is_link_token(token):
        raise no_link()
    return hash_token(token)


def no_link() -> LinkNotValidError:
    """The refusal of a link, whatever is wrong with it."""
    return LinkNotValidError("The link was used before or is too old. Ask for a new one.", field="token")


def over() -> SessionOverError:
    """The refusal of a refresh token, whatever is wrong with it."""
    return SessionOverError("The session has ended. Sign in again.", field="refresh_token")
