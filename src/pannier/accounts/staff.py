"""Accounts as staff and the command line see them."""

from __future__ import annotations

import uuid

from pannier.accounts import repository, rules
from pannier.accounts.basis import AccountBase, attempt_key, checked_email
from pannier.accounts.errors import AccountNotFoundError, EmailTakenError
from pannier.accounts.models import Account, Role
from pannier.platform.database import Connection


class StaffAccounts(AccountBase):
    """Makes accounts without a mail, and changes what their owners cannot."""

    async def create(self, email: str, password: str, *, role: Role = "customer", name: str = "") -> Account:
        """An account at once, without a mail. Raises EmailTakenError, WeakPasswordError."""
        address = checked_email(email)
        self._check_new(password, address)
        hashed = await self._passwords.hash(password)
        now = self._now

        async def command(connection: Connection) -> Account:
            made = await repository.insert(
                connection, address, rules.email_key(address), hashed, name=name, role=role, now=now
            )
            if made is None:
                raise EmailTakenError(f"{address} has an account already.", field="email")
            await self._note(connection, made.id, "customer.created", now, role=role)
            return made

        return await self._db.write(command)

    async def find(self, email_or_id: str) -> Account:
        """An account by its address or id. Raises AccountNotFoundError."""
        async with self._db.read() as connection:
            try:
                found = await repository.by_id(connection, uuid.UUID(email_or_id))
            except ValueError:
                found = await repository.by_email(connection, rules.email_key(email_or_id.strip()))
        if found is None:
            raise AccountNotFoundError(f"There is no account {email_or_id}.")
        return found[0]

    async def list_all(self, text: str = "", *, role: str | None = None, limit: int = 100) -> list[Account]:
        """Accounts whose address or name contains the text, newest first."""
        async with self._db.read() as connection:
            return await repository.page(connection, text, role, limit)

    async def set_role(self, account: Account, role: Role) -> None:
        """Another role; it counts from the next access token on, so every session ends."""
        now = self._now

        async def command(connection: Connection) -> None:
            await repository.change(connection, account.id, now, role=role)
            await self._end_sessions(connection, account.id, "replaced", now)
            await self._note(connection, account.id, "customer.role_changed", now, role=role)

        await self._db.write(command)
        await self._ended.catch_up()

    async def set_blocked(self, account: Account, *, is_blocked: bool) -> None:
        """Lock an account, or open it again."""
        now = self._now

        async def command(connection: Connection) -> None:
            await repository.change(connection, account.id, now, status="blocked" if is_blocked else "active")
            await self._end_sessions(connection, account.id, "blocked", now)
            await self._note(connection, account.id, "customer.blocked" if is_blocked else "customer.opened", now)

        await self._db.write(command)
        await self._ended.catch_up()

    async def set_password(self, account: Account, password: str) -> None:
        """Another password, without the old one; every device is signed out. Raises WeakPasswordError."""
        self._check_new(password, account.email or "")
        hashed = await self._passwords.hash(password)
        now = self._now

        async def command(connection: Connection) -> None:
            await self._set_password(connection, account.id, hashed, now, but=None)
            await repository.forget_attempts(connection, attempt_key(rules.email_key(account.email or "")))

        await self._db.write(command)
        await self._ended.catch_up()
