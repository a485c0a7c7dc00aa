"""Shipping methods, as staff keep them. Every command runs in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import COMMON, Cause, Record, RecordTable
from pannier.shipping.errors import ShippingMethodExistsError, ShippingMethodNotFoundError
from pannier.shipping.ports import DefinitionCheck, KnownZones

if TYPE_CHECKING:
    from pannier.platform.database import Connection

METHODS = RecordTable(
    "shipping_method",
    columns=frozenset(
        {"code", "name", "currency", "fulfilment", "definition", "position", "is_enabled", "days_min", "days_max"}
        | {"handling_days", "cutoff", "is_on_weekends", "note"}
    ),
    shown='r.id, r.code, r.name, r.currency, r.fulfilment, r.definition::text as definition, r."position",'
    " r.is_enabled, r.days_min, r.days_max, r.handling_days, to_char(r.cutoff, 'HH24:MI') as cutoff, r.is_on_weekends,"
    f" r.note, {COMMON}",
    unknown=ShippingMethodNotFoundError,
    json_columns=frozenset({"definition"}),
)
#: What a definition may not say, because the method says it itself.
OWN_WORDS = ("id", "name", "position", "enabled")


class ShippingService:
    """The shipping methods of one shop. `check` reads a definition as quotes will read it."""

    def __init__(self, db: Database, check: DefinitionCheck, known_zones: KnownZones) -> None:
        self._db = db
        self._check = check
        self._known_zones = known_zones

    async def list_methods(self, *, after: uuid.UUID | None, limit: int, is_archived: bool = False) -> list[Record]:
        """Up to `limit` methods behind one of them."""
        async with self._db.read() as connection:
            return await records.page(connection, METHODS, after=after, limit=limit, is_archived=is_archived)

    async def get_method(self, method_id: uuid.UUID) -> Record:
        """Raises ShippingMethodNotFoundError."""
        async with self._db.read() as connection:
            return await records.get(connection, METHODS, method_id)

    async def create_method(
        self, connection: Connection, values: Mapping[str, Any], cause: Cause, now: datetime
    ) -> Record:
        """Make a method. Raises ShippingMethodExistsError, ValidationFailedError."""
        await self._check_definition(connection, values["definition"], values["code"])
        try:
            return await records.create(connection, METHODS, values, cause, now)
        except asyncpg.UniqueViolationError as taken:
            raise ShippingMethodExistsError(
                f"Another shipping method has the code {values['code']}. Choose another code.", field="code"
            ) from taken

    async def change_method(
        self,
        connection: Connection,
        method_id: uuid.UUID,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change a method; its code is what carts and orders call it by, and stays."""
        if "definition" in values:
            await self._check_definition(connection, values["definition"], "method")
        return await records.change(connection, METHODS, method_id, values, cause, now, if_match=if_match)

    async def archive_method(
        self, connection: Connection, method_id: uuid.UUID, cause: Cause, now: datetime, if_match: int | None
    ) -> Record:
        """Nobody can choose it any more; orders that were shipped by it still name it."""
        return await records.archive(connection, METHODS, method_id, cause, now, if_match=if_match)

    async def _check_definition(self, connection: Connection, definition: Mapping[str, Any], code: str) -> None:
        faults = [(f"definition.{word}", "Say this beside the definition") for word in OWN_WORDS if word in definition]
        if faults:
            raise ValidationFailedError.of(faults)
        self._check({**definition, "id": code})
        zones = [zone for zone in definition.get("zones") or () if isinstance(zone, str)]
        unknown = sorted(set(zones) - await self._known_zones(connection, zones)) if zones else []
        if unknown:
            raise ValidationFailedError.of(
                [("definition.zones", f"There is no zone {name!r}; /api/v1/admin/zones has those") for name in unknown]
            )
