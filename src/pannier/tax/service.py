"""Zones and tax rates, as staff keep them. Every command runs in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import COMMON, Cause, Record, RecordTable
from pannier.tax import repository
from pannier.tax.errors import (
    TaxRateNotFoundError,
    TaxRateOverlapError,
    ZoneExistsError,
    ZoneInUseError,
    ZoneNotFoundError,
)
from pannier.tax.models import Area
from pannier.tax.ports import DefinitionCheck
from pannier.tax.rules import area_fault

if TYPE_CHECKING:
    from pannier.platform.database import Connection

ZONES = RecordTable(
    "zone",
    columns=frozenset({"name", "title", "priority", "source"}),
    shown=f"r.id, r.name, r.title, r.priority, {repository.AREAS}, r.source, {COMMON}",
    unknown=ZoneNotFoundError,
)
RATES = RecordTable(
    "tax_rate",
    columns=frozenset(
        {"code", "title", "category", "zone", "percent", "is_included", "order", "is_compound"}
        | {"valid_from", "valid_to", "source"}
    ),
    shown="r.id, r.code, r.title, r.category, r.zone, trim_scale(r.percent) as percent, r.is_included,"
    f' r."order", r.is_compound, r.valid_from, r.valid_to, r.source, {COMMON}',
    unknown=TaxRateNotFoundError,
    called="code",
)


class TaxService:
    """The taxes of one shop. `check` reads a rate as quotes will read it."""

    def __init__(self, db: Database, check: DefinitionCheck) -> None:
        self._db = db
        self._check = check

    async def list_zones(self, *, after: uuid.UUID | None, limit: int, is_archived: bool = False) -> list[Record]:
        """Up to `limit` zones behind one of them."""
        async with self._db.read() as connection:
            return await records.page(connection, ZONES, after=after, limit=limit, is_archived=is_archived)

    async def get_zone(self, zone_id: uuid.UUID) -> Record:
        """Raises ZoneNotFoundError."""
        async with self._db.read() as connection:
            return await records.get(connection, ZONES, zone_id)

    async def create_zone(
        self, connection: Connection, values: Mapping[str, Any], areas: Sequence[Area], cause: Cause, now: datetime
    ) -> Record:
        """Make a zone. Raises ZoneExistsError, ValidationFailedError."""
        _check_areas(areas)

        async def beside(on: Connection, zone_id: uuid.UUID) -> None:
            await repository.write_areas(on, zone_id, areas)

        try:
            return await records.create(connection, ZONES, values, cause, now, beside)
        except asyncpg.UniqueViolationError as taken:
            raise _refusal_of(taken, values) from taken

    async def change_zone(
        self,
        connection: Connection,
        zone_id: uuid.UUID,
        values: Mapping[str, Any],
        areas: Sequence[Area] | None,
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change title, priority and areas; its name is what rates, methods and orders call it by, and stays."""
        _check_areas(areas or ())

        async def beside(on: Connection, changed: uuid.UUID) -> None:
            if areas is not None:
                await repository.write_areas(on, changed, areas)

        try:
            return await records.change(
                connection, ZONES, zone_id, values, cause, now, if_match=if_match, beside=beside
            )
        except asyncpg.UniqueViolationError as taken:
            raise _refusal_of(taken, values) from taken

    async def archive_zone(
        self, connection: Connection, zone_id: uuid.UUID, cause: Cause, now: datetime, if_match: int | None
    ) -> Record:
        """Raises ZoneInUseError while a rate names it that counts."""
        archived = await records.archive(connection, ZONES, zone_id, cause, now, if_match=if_match)
        count = await repository.rates_of_zone(connection, archived["name"])
        if count:
            raise ZoneInUseError(
                f"{count} tax rates name the zone {archived['name']}. Archive them first.",
                details={"tax_rates": count},
            )
        return archived

    async def list_rates(
        self,
        *,
        after: uuid.UUID | None,
        limit: int,
        is_archived: bool = False,
        zone: str | None = None,
        category: str | None = None,
        code: str | None = None,
    ) -> list[Record]:
        """Up to `limit` rates behind one of them: of a zone, a category, a code."""
        equal = {"zone": zone, "category": category, "code": code}
        async with self._db.read() as connection:
            return await records.page(connection, RATES, after=after, limit=limit, is_archived=is_archived, equal=equal)

    async def get_rate(self, rate_id: uuid.UUID) -> Record:
        """Raises TaxRateNotFoundError."""
        async with self._db.read() as connection:
            return await records.get(connection, RATES, rate_id)

    async def create_rate(
        self, connection: Connection, values: Mapping[str, Any], cause: Cause, now: datetime
    ) -> Record:
        """Make a rate. Raises TaxRateOverlapError, ValidationFailedError."""
        await self._check_zone(connection, values.get("zone"))
        try:
            made = await records.create(connection, RATES, values, cause, now)
        except (asyncpg.ExclusionViolationError, asyncpg.CheckViolationError) as refused:
            raise _refusal_of(refused, values) from refused
        self._check(repository.definition_of(made))
        return made

    async def change_rate(
        self,
        connection: Connection,
        rate_id: uuid.UUID,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change it for all its days; for another percentage from a day on, end it and make a new one."""
        await self._check_zone(connection, values.get("zone"))
        try:
            changed = await records.change(connection, RATES, rate_id, values, cause, now, if_match=if_match)
        except (asyncpg.ExclusionViolationError, asyncpg.CheckViolationError) as refused:
            raise _refusal_of(refused, values) from refused
        self._check(repository.definition_of(changed))
        return changed

    async def archive_rate(
        self, connection: Connection, rate_id: uuid.UUID, cause: Cause, now: datetime, if_match: int | None
    ) -> Record:
        """It counts no more, on no day. Orders keep what they were charged."""
        return await records.archive(connection, RATES, rate_id, cause, now, if_match=if_match)

    async def _check_zone(self, connection: Connection, name: str | None) -> None:
        if name is not None and not await repository.keep_zone(connection, name):
            raise ValidationFailedError.of([("zone", f"There is no zone {name!r}; /api/v1/admin/zones has those")])


def _check_areas(areas: Sequence[Area]) -> None:
    faults = [(f"areas.{place}", fault) for place, area in enumerate(areas) if (fault := area_fault(area)) is not None]
    if len(set(areas)) < len(areas):
        faults.append(("areas", "Every area once"))
    if faults:
        raise ValidationFailedError.of(faults)


def _refusal_of(refused: asyncpg.PostgresError, values: Mapping[str, Any]) -> Exception:
    match getattr(refused, "constraint_name", None):
        case "zone_name_unique":
            return ZoneExistsError(f"Another zone is called {values.get('name')}. Choose another name.", field="name")
        case "tax_rate_one_a_day":
            return TaxRateOverlapError(
                "A rate of this code, category and zone has some of these days. End it the day before, or begin later.",
                field="valid_from",
                details={"conflict": str(getattr(refused, "detail", "") or "")},
            )
    return ValidationFailedError.of([("valid_to", "Not before valid_from")])
