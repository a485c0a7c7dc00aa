"""Hashing passwords: Argon2id by argon2-cffi, in threads, a few at a time."""

from __future__ import annotations

import asyncio
import contextlib

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from pannier.accounts.rules import prepared
from pannier.kernel.ids import new_link_token

#: Hashes under way at once. Each takes 64 MiB and a processor for some 50 ms, which is what makes guessing dear.
AT_ONCE = 2


class Passwords:
    """Makes and checks hashes. `hasher` has the library's parameters: RFC 9106's second recommended choice."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """A hash with its parameters and salt."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, prepared(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether it is the password. Without a hash as much time is spent: nobody learns that there is none."""
        if stored is None:
            if self._nobodys is None:
                self._nobodys = await self.hash(new_link_token())
            await self._verified(password, self._nobodys)
            return False
        return await self._verified(password, stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than are good today."""
        with contextlib.suppress(InvalidHashError):
            return self._hasher.check_needs_rehash(stored)
        return True

    async def _verified(self, password: str, stored: str) -> bool:
        async with self._turns:
            try:
                return await asyncio.to_thread(self._hasher.verify, stored, prepared(password))
            except (Argon2Error, InvalidHashError):
                return False
