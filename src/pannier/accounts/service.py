"""Accounts: registering, signing in and out, and what needs the password again."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg

from pannier.accounts import repository, rules
from pannier.accounts.basis import AccountBase, attempt_key, checked_email, link_digest, no_link, over
from pannier.accounts.errors import BadCredentialsError, SessionNotFoundError, WrongPasswordError
from pannier.accounts.models import Account, Session, SessionKind, SignedIn
from pannier.platform.database import Connection
from pannier.platform.principal import Principal, Renewal

#: How often it is noted that a browser is in use.
_NOTED_EVERY = timedelta(hours=1)


class AccountService(AccountBase):
    """The accounts of one shop, for those who have one."""

    async def register(self, email: str, password: str, *, name: str = "") -> None:
        """Ask for an account: it is made when the link in the mail is followed.

        Nobody learns whether the address has one already: this stores a request, the same one either way, and only
        the mail differs. Raises WeakPasswordError, ValidationFailedError.
        """
        address = checked_email(email)
        self._check_new(password, address)
        hashed = await self._passwords.hash(password)
        await self._ask_mail("verify", address, password_hash=hashed, name=name)

    async def verify(self, token: str, password: str) -> Account:
        """Follow the link of a mail: makes the account, or changes its address.

        The link proves who reads the address, the password that it is the one who asked. Without it a stranger could
        ask for an account in somebody's name, wait for the click, and share the account.
        Raises LinkNotValidError; WrongPasswordError, after which the link is still good; TooManyAttemptsError.
        """
        digest, now = link_digest(token), self._now
        await self._confirm_asker(digest, password, now)

        async def command(connection: Connection) -> Account:
            link = await repository.use_link(connection, digest, ["verify", "email"], now)
            if link is None:
                raise no_link()
            if link["purpose"] == "verify":
                account = await repository.insert(
                    connection, link["email"], link["email_key"], link["password_hash"], name=link["name"], now=now
                )
                if account is None:
                    raise no_link()
                await self._note(connection, account.id, "customer.registered", now)
                return account
            return await self._change_email(connection, link["customer_id"], link["email"], link["email_key"], now)

        try:
            return await self._db.write(command)
        except asyncpg.UniqueViolationError:
            # Somebody else confirmed the same address at the same moment.
            raise no_link() from None

    async def login(
        self,
        email: str,
        password: str,
        *,
        kind: SessionKind = "api",
        device: str | None = None,
        guest_token: str | None = None,
        replaced: str | None = None,
    ) -> SignedIn:
        """Sign a device in. `replaced` is the session token it had until now, which ends.

        Raises BadCredentialsError after the same time whatever is wrong, TooManyAttemptsError.
        """
        key = rules.email_key(email.strip())[: 4 * rules.EMAIL_LENGTH_MAX]
        await self._count_attempt(key)
        async with self._db.read() as connection:
            found = await repository.by_email(connection, key)
        account, stored = found or (None, None)
        is_right = await self._passwords.matches(password[: 4 * rules.PASSWORD_LENGTH_MAX], stored)
        if not is_right or account is None or account.status != "active":
            raise BadCredentialsError("The e-mail address or the password is not right.")
        renewed = await self._passwords.hash(password) if stored and self._passwords.is_outdated(stored) else None
        signed_in = await self._begin_session(account, key, kind, device, renewed, replaced)
        if self._on_login is None:
            return signed_in
        token = await self._on_login(account, guest_token)
        return replace(signed_in, guest_token=token)

    async def refresh(self, session_token: str) -> SignedIn:
        """Exchange a refresh token for the next one and a new access token.

        A token that was exchanged before ends the session, and with it whoever has its successor: one of the two is
        not the customer. Raises SessionOverError.
        """
        told = self.tokens.read_session(session_token)
        if told is None:
            raise over()
        now = self._now
        token, digest = self.tokens.make_session(told.session_id, told.generation + 1)

        async def command(connection: Connection) -> Account | None:
            account = await repository.rotate(
                connection, told.session_id, told.generation, told.digest, digest, now, self._session_end(now)
            )
            if account is None:
                until = now + timedelta(seconds=self.tokens.access_ttl_s)
                owner = await repository.end_reused(connection, told.session_id, told.generation, now, until)
                if owner is not None:
                    await self._note(connection, owner, "customer.session_reused", now, session_id=told.session_id)
            return account

        account = await self._db.write(command)
        if account is None:
            await self._ended.catch_up()
            raise over()
        return self._signed_in(account, told.session_id, token, now)

    async def renew(self, session_token: str) -> Renewal | None:
        """A new access token for a browser whose session stands; None when it is over."""
        told = self.tokens.read_session(session_token)
        if told is None:
            return None
        now = self._now
        async with self._db.read() as connection:
            found = await repository.browser_session(connection, told.session_id, told.digest, now)
            if found is None:
                return None
            account, used_at = found
            if now - used_at > _NOTED_EVERY:
                await repository.use_session(connection, told.session_id, now, self._session_end(now))
        access = self.tokens.make_access(account.user_id, account.role, told.session_id, now)
        return Renewal(access, int(self._session_ttl.total_seconds()))

    async def logout(self, principal: Principal, session_token: str | None = None) -> None:
        """End the session that asks: by its own token, or by the access token that was made for it."""
        now = self._now
        told = None if session_token is None else self.tokens.read_session(session_token)

        async def command(connection: Connection) -> None:
            if told is not None:
                owner = await repository.owner_of_session(connection, told.session_id, told.digest)
                if owner is not None:
                    await self._end_sessions(connection, owner, "logout", now, only=told.session_id)
            if principal.session_id is not None and principal.user_id is not None:
                owner, session = uuid.UUID(principal.user_id), uuid.UUID(principal.session_id)
                await self._end_sessions(connection, owner, "logout", now, only=session)

        await self._db.write(command)
        await self._ended.catch_up()

    async def forgot(self, email: str) -> None:
        """Ask for a link to choose a new password. Whether there is such an account only the mail tells."""
        await self._ask_mail("reset", checked_email(email))

    async def reset(self, token: str, password: str) -> None:
        """Choose a new password by a link; every device is signed out. Raises LinkNotValidError, WeakPasswordError."""
        self._check_new(password, "")
        hashed = await self._passwords.hash(password)
        now = self._now

        async def command(connection: Connection) -> None:
            link = await repository.use_link(connection, link_digest(token), ["reset"], now)
            if link is None:
                raise no_link()
            self._check_new(password, link["email"])
            await self._set_password(connection, link["customer_id"], hashed, now, but=None)
            await repository.forget_attempts(connection, attempt_key(link["email_key"]))

        await self._db.write(command)
        await self._ended.catch_up()

    async def me(self, principal: Principal) -> Account:
        """The account of whoever asks. Raises NotBuiltInError for users of an outside issuer."""
        return (await self._own(principal))[0]

    async def rename(self, principal: Principal, name: str) -> Account:
        """Change how the customer is called."""
        account = await self.me(principal)
        now = self._now

        async def command(connection: Connection) -> None:
            await repository.change(connection, account.id, now, name=name)
            await self._note(connection, account.id, "customer.changed", now)

        await self._db.write(command)
        return await self.me(principal)

    async def change_password(self, principal: Principal, current: str, password: str) -> None:
        """Another password; every other device is signed out. Raises WrongPasswordError, WeakPasswordError."""
        account = await self.confirm_password(principal, current)
        self._check_new(password, account.email or "", field="new_password")
        hashed = await self._passwords.hash(password)
        now = self._now
        but = None if principal.session_id is None else uuid.UUID(principal.session_id)
        await self._db.write(lambda c: self._set_password(c, account.id, hashed, now, but=but))
        await self._ended.catch_up()

    async def change_email(self, principal: Principal, current: str, email: str) -> None:
        """Ask for another address: it counts once the link that is sent there is followed."""
        account = await self.confirm_password(principal, current)
        await self._ask_mail("email", checked_email(email), customer_id=account.id)

    async def confirm_password(self, principal: Principal, password: str) -> Account:
        """Whether it is really the customer. Raises WrongPasswordError, TooManyAttemptsError, NotBuiltInError."""
        account, stored = await self._own(principal)
        key = rules.email_key(account.email or "")
        await self._count_attempt(key)
        if not await self._passwords.matches(password, stored):
            raise WrongPasswordError("The password is not right, so nothing was changed.", field="password")
        await self._db.write(lambda c: repository.forget_attempts(c, attempt_key(key)))
        return account

    async def sessions(self, principal: Principal) -> list[Session]:
        """The devices that are signed in."""
        account = await self.me(principal)
        async with self._db.read() as connection:
            return await repository.sessions_of(connection, account.id, self._now)

    async def sign_out(self, principal: Principal, session_id: uuid.UUID) -> None:
        """Sign one device out. Raises SessionNotFoundError."""
        account, now = await self.me(principal), self._now
        ended = await self._db.write(lambda c: self._end_sessions(c, account.id, "signed_out", now, only=session_id))
        await self._ended.catch_up()
        if not ended:
            raise SessionNotFoundError("You have no such session.", field="id")

    async def sign_out_everywhere(self, principal: Principal, *, but_here: bool = False) -> int:
        """Sign every device out, or every other one; answers how many."""
        account, now = await self.me(principal), self._now
        but = uuid.UUID(principal.session_id) if but_here and principal.session_id else None
        ended = await self._db.write(lambda c: self._end_sessions(c, account.id, "signed_out", now, but=but))
        await self._ended.catch_up()
        return ended

    async def _confirm_asker(self, digest: bytes, password: str, now: datetime) -> None:
        """Whether the password is the one that was chosen when a link was asked for, or that of its account."""
        async with self._db.read() as connection:
            found = await repository.asker_of_link(connection, digest, now)
        if found is None:
            raise no_link()
        stored, is_new = found
        key = "link:" + digest.hex()
        await self._count_attempt(key)
        if not await self._passwords.matches(password[: 4 * rules.PASSWORD_LENGTH_MAX], stored):
            raise WrongPasswordError(
                "That is not the password that was chosen when this account was asked for. If it was not you who "
                "asked, open an account of your own with this address."
                if is_new
                else "That is not the password of the account that asked for this address.",
                field="password",
            )
        await self._db.write(lambda c: repository.forget_attempts(c, attempt_key(key)))

    async def _change_email(
        self, connection: Connection, account_id: uuid.UUID, email: str, key: str, now: datetime
    ) -> Account:
        found = await repository.by_id(connection, account_id)
        taken = await repository.by_email(connection, key)
        if found is None or found[0].email is None or (taken is not None and taken[0].id != account_id):
            raise no_link()
        old = found[0].email
        await repository.change(connection, account_id, now, email=email, email_key=key)
        await repository.drop_links(connection, account_id)
        await self._note(connection, account_id, "customer.email_changed", now)
        await repository.insert_mail(
            connection, "email_changed", old, rules.email_key(old), now, customer_id=account_id
        )
        return replace(found[0], email=email)
