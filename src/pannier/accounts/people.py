"""What belongs to a person, whoever vouches for the user id: addresses, preferences, consents, and the way out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pannier.accounts import people_repository, repository, rules
from pannier.accounts.ended import SHUT_OUT_BEFORE, end_user
from pannier.accounts.errors import AddressNotFoundError, TooManyAddressesError
from pannier.accounts.models import Consent, Erasure, SavedAddress
from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database
from pannier.platform.settings import Settings

ADDRESSES_MAX = 100


class PeopleService:
    """The address books, preferences and consents of one shop's customers."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings

    async def addresses(self, user_id: str) -> list[SavedAddress]:
        """The address book, the default first."""
        async with self._db.read() as connection:
            return await people_repository.addresses(connection, user_id)

    async def save_address(
        self,
        user_id: str,
        label: str,
        data: Mapping[str, Any],
        *,
        address_id: uuid.UUID | None = None,
        is_default: bool = False,
    ) -> SavedAddress:
        """Add an address, or change one. The first one is the default, and so is the one that is said to be.

        Raises AddressNotFoundError, TooManyAddressesError.
        """
        saved_id = address_id or uuid7()
        return await self._db.write(
            lambda c: self.save_within(
                c, user_id, saved_id, label, data, is_new=address_id is None, is_default=is_default
            )
        )

    async def save_within(
        self,
        connection: Connection,
        user_id: str,
        saved_id: uuid.UUID,
        label: str,
        data: Mapping[str, Any],
        *,
        is_new: bool,
        is_default: bool,
    ) -> SavedAddress:
        """`save_address` in the caller's transaction."""
        await people_repository.lock_book(connection, user_id)
        book = {entry.id for entry in await people_repository.addresses(connection, user_id)}
        if not is_new and saved_id not in book:
            raise _no_address()
        if is_new and len(book) >= ADDRESSES_MAX:
            raise TooManyAddressesError(
                f"An address book holds {ADDRESSES_MAX} addresses at most. Delete one first.",
                details={"maximum": ADDRESSES_MAX},
            )
        await people_repository.save_address(connection, user_id, saved_id, label, data, self._db.clock.now())
        if is_default or not book:
            await people_repository.make_default(connection, user_id, saved_id)
        found = await people_repository.addresses(connection, user_id)
        return next(entry for entry in found if entry.id == saved_id)

    async def delete_address(self, user_id: str, address_id: uuid.UUID) -> None:
        """Take an address out of the book; the oldest of the others becomes the default. AddressNotFoundError."""

        async def command(connection: Connection) -> None:
            await people_repository.lock_book(connection, user_id)
            if not await people_repository.delete_address(connection, user_id, address_id):
                raise _no_address()
            left = await people_repository.addresses(connection, user_id)
            if left and not left[0].is_default:
                await people_repository.make_default(connection, user_id, left[0].id)

        await self._db.write(command)

    async def preferences(self, user_id: str) -> Mapping[str, Any]:
        """What the user prefers."""
        async with self._db.read() as connection:
            return await people_repository.preferences(connection, user_id)

    async def prefer(self, user_id: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change preferences; null takes one away."""
        now = self._db.clock.now()

        async def command(connection: Connection) -> Mapping[str, Any]:
            await people_repository.merge_preferences(connection, user_id, changes, now)
            return await people_repository.preferences(connection, user_id)

        return await self._db.write(command)

    async def consents(self, user_id: str, *, has_history: bool = False) -> list[Consent]:
        """What the user said last to each question, or everything ever said."""
        async with self._db.read() as connection:
            return await people_repository.consents(connection, user_id, has_history=has_history)

    async def consent(
        self, user_id: str, kind: str, text_version: str, *, is_granted: bool, device: str | None
    ) -> Consent:
        """Keep an answer with its moment and the version of the text that it was given to."""
        said = Consent(kind, is_granted, text_version, self._db.clock.now())
        await self._db.write(lambda c: people_repository.add_consent(c, uuid7(), user_id, said, device))
        return said

    async def erasure(self, user_id: str) -> Erasure | None:
        """When the user is to be erased; None when that was not asked for."""
        async with self._db.read() as connection:
            return await people_repository.erasure(connection, user_id)

    async def ask_erasure(self, user_id: str, email: str | None = None) -> Erasure:
        """Erase the user in `erase_after_days`, unless it is taken back. Asking again does not put it off."""
        now = self._db.clock.now()
        due_at = now + timedelta(days=self._settings.erase_after_days)

        async def command(connection: Connection) -> Erasure:
            is_new = await people_repository.ask_erasure(connection, user_id, now, due_at)
            if is_new and email is not None:
                await repository.insert_mail(connection, "erasing", email, rules.email_key(email), now)
            found = await people_repository.erasure(connection, user_id)
            assert found is not None
            return found

        return await self._db.write(command)

    async def undo_erasure(self, user_id: str) -> None:
        """Stay. Nothing was erased so far."""
        await self._db.write(lambda c: people_repository.undo_erasure(c, user_id))

    async def due_erasures(self, limit: int = 100) -> list[str]:
        """Users who are to be erased now: their time is over, and no request of theirs is under way any more."""
        async with self._db.read() as connection:
            return await people_repository.due_erasures(connection, self._db.clock.now() - SHUT_OUT_BEFORE, limit)


async def claim_erasure(connection: Connection, db: Database, user_id: str) -> bool:
    """Whether the user is still to be erased, and by this transaction."""
    return await people_repository.claim_erasure(connection, user_id, db.clock.now() - SHUT_OUT_BEFORE)


async def erase(connection: Connection, db: Database, user_id: str, alias: str) -> None:
    """Delete the person's things and empty the account, in the caller's transaction. Their tokens are good no more."""
    await end_user(connection, user_id, db.clock.now())
    account_id = _account_id(user_id)
    if account_id is not None and await repository.by_id(connection, account_id) is None:
        account_id = None
    await people_repository.erase(connection, user_id, account_id, alias, db.clock.now())


def _account_id(user_id: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(user_id)
    except ValueError:
        return None


def _no_address() -> AddressNotFoundError:
    return AddressNotFoundError("Your address book has no such address.", field="id")
