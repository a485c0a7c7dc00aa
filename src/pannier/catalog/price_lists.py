"""Price lists and the prices in them: of a currency, of a customer group, by quantity, within a time."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from pannier.catalog import price_list_repository as repository
from pannier.catalog.errors import PriceListExistsError, PriceListNotFoundError
from pannier.kernel.ids import uuid7
from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import COMMON, Cause, Record, RecordTable

if TYPE_CHECKING:
    from pannier.platform.database import Connection

LISTS = RecordTable(
    "price_list",
    columns=frozenset({"code", "name", "currency", "customer_group", "priority", "starts_at", "ends_at", "is_enabled"}),
    shown="r.id, r.code, r.name, r.currency, r.customer_group, r.priority,"
    " nullif(r.starts_at, '-infinity') as starts_at,"
    f" nullif(r.ends_at, 'infinity') as ends_at, r.is_enabled, {COMMON}",
    unknown=PriceListNotFoundError,
    called="code",
)
#: The shelf, which every shop has.
DEFAULT_LIST = uuid.UUID("00000000-0000-7000-8000-000000000001")
#: What decides whose price it is; `name` is for people.
_CHANNEL = re.compile("[a-z0-9][a-z0-9_-]{0,62}")
_DECIDING = frozenset({"currency", "customer_group", "priority", "starts_at", "ends_at", "is_enabled"})


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A price to be set. One with the same variant, currency, channel, group, quantity and beginning takes its place.

    `valid_from` and `valid_to` None: always. With `compare_at_minor` above the amount it is a sale.
    """

    variant_id: uuid.UUID
    currency: str
    amount_minor: int
    compare_at_minor: int | None = None
    quantity_min: int = 1
    channel: str | None = None
    customer_group: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


class PriceListService:
    """The price lists of one shop. Every command runs in the caller's transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list_lists(self, *, after: uuid.UUID | None, limit: int, is_archived: bool = False) -> list[Record]:
        """Up to `limit` lists behind one of them."""
        async with self._db.read() as connection:
            return await records.page(connection, LISTS, after=after, limit=limit, is_archived=is_archived)

    async def get_list(self, list_id: uuid.UUID) -> Record:
        """Raises PriceListNotFoundError."""
        async with self._db.read() as connection:
            return await records.get(connection, LISTS, list_id)

    async def create_list(
        self, connection: Connection, values: Mapping[str, Any], cause: Cause, now: datetime
    ) -> Record:
        """Make a list without prices. Raises PriceListExistsError, ValidationFailedError."""
        try:
            return await records.create(connection, LISTS, _stored(values), cause, now)
        except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError) as refused:
            raise _refusal_of(refused) from refused

    async def change_list(
        self,
        connection: Connection,
        list_id: uuid.UUID,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change a list; of the shelf only its name. What is searched follows within moments."""
        try:
            changed = await records.change(connection, LISTS, list_id, _stored(values), cause, now, if_match=if_match)
        except asyncpg.CheckViolationError as refused:
            raise _refusal_of(refused) from refused
        if not _DECIDING.isdisjoint(values):
            await repository.search_anew(connection, changed["code"])
        return changed

    async def archive_list(
        self, connection: Connection, list_id: uuid.UUID, cause: Cause, now: datetime, if_match: int | None
    ) -> Record:
        """Its prices count no more. The shelf cannot be archived."""
        try:
            archived = await records.archive(connection, LISTS, list_id, cause, now, if_match=if_match)
        except asyncpg.CheckViolationError as refused:
            raise _refusal_of(refused) from refused
        await repository.search_anew(connection, archived["code"])
        return archived

    async def prices(
        self, list_id: uuid.UUID, *, variant_id: uuid.UUID | None, after: uuid.UUID | None, limit: int
    ) -> Sequence[Record]:
        """Prices of a list behind one of them; of a variant. Raises PriceListNotFoundError."""
        async with self._db.read() as connection:
            found = await records.get(connection, LISTS, list_id)
            return await repository.prices(connection, found["code"], variant_id, after, limit)

    async def currency_of(self, connection: Connection, list_id: uuid.UUID) -> str | None:
        """The currency of all prices of a list; None where they may have any. Raises PriceListNotFoundError."""
        currency: str | None = (await records.get(connection, LISTS, list_id))["currency"]
        return currency

    async def set_prices(
        self,
        connection: Connection,
        list_id: uuid.UUID,
        prices: Sequence[ListPrice],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Set prices of a list, all or none; answers the list. Raises ValidationFailedError with every fault."""
        changed = await records.change(connection, LISTS, list_id, {}, cause, now, if_match=if_match)
        await self._check(connection, prices, changed)
        await repository.say_cause(connection, cause, now)
        try:
            await repository.write_prices(connection, changed["code"], [(uuid7(), price) for price in prices])
        except asyncpg.CardinalityViolationError as twice:
            raise ValidationFailedError.of([("prices", "Every price once")]) from twice
        await repository.refresh(connection, [price.variant_id for price in prices])
        return changed

    async def remove_price(
        self,
        connection: Connection,
        list_id: uuid.UUID,
        price_id: uuid.UUID,
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Take a price out of a list; answers the list. One that is not there is no fault."""
        changed = await records.change(connection, LISTS, list_id, {}, cause, now, if_match=if_match)
        await repository.say_cause(connection, cause, now)
        variant_id = await repository.delete_price(connection, changed["code"], price_id)
        if variant_id is not None:
            await repository.refresh(connection, [variant_id])
        return changed

    async def keep_channel(self, connection: Connection, code: str, name: str) -> None:
        """Make a sales channel, which prices may then be for, or give it another name. Raises ValidationFailedError."""
        if _CHANNEL.fullmatch(code) is None:
            raise ValidationFailedError.of([("code", "Up to 63 small letters, digits, - and _; begin with a letter")])
        if not name.strip():
            raise ValidationFailedError.of([("name", "What people call it")])
        await repository.keep_channel(connection, code, name.strip())

    async def _check(self, connection: Connection, prices: Sequence[ListPrice], found: Record) -> None:
        known = await repository.known(connection, [price.variant_id for price in prices])
        channels = await repository.channels(connection)
        faults = []
        for place, price in enumerate(prices):
            at = f"prices.{place}"
            if price.variant_id not in known:
                faults.append((f"{at}.variant_id", "There is no such variant"))
            if found["currency"] is not None and price.currency != found["currency"]:
                faults.append((f"{at}.currency", f"The list is in {found['currency']}"))
            if price.channel is not None and price.channel not in channels:
                faults.append((f"{at}.channel", "There is no such channel"))
            if price.valid_from is not None and price.valid_to is not None and price.valid_from >= price.valid_to:
                faults.append((f"{at}.valid_to", "Later than valid_from"))
        if faults:
            raise ValidationFailedError.of(faults)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns; a time that is left open is one that never comes."""
    stored = dict(values)
    for name, open_ in (("starts_at", repository.BEFORE_ALL), ("ends_at", repository.AFTER_ALL)):
        if name in stored and stored[name] is None:
            stored[name] = open_
    return stored


def _refusal_of(refused: asyncpg.PostgresError) -> Exception:
    if isinstance(refused, asyncpg.UniqueViolationError):
        return PriceListExistsError("Another price list has this code. Choose another one.", field="code")
    if "default" in str(getattr(refused, "detail", "")):
        return ValidationFailedError.of([("", "The shelf always counts, for everybody: only its name can change")])
    return ValidationFailedError.of([("ends_at", "Later than starts_at")])
