"""Where stock lies: locations, what lies at each, and how many of them it takes to supply somebody."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pannier.inventory import places_repository as repository
from pannier.inventory import rules
from pannier.inventory.errors import LocationExistsError, LocationNotFoundError
from pannier.inventory.models import Cause, Location, Place, StockLevel, Wanted
from pannier.inventory.repository import cause_values
from pannier.inventory.service import InventoryService
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class PlacesService:
    """The locations of one shop. Figures are those of `InventoryService`, which this one counts anew."""

    def __init__(self, db: Database, inventory: InventoryService) -> None:
        self._db = db
        self._inventory = inventory

    async def locations(self) -> list[Location]:
        """All of them, by code."""
        async with self._db.read() as conn:
            return await repository.locations(conn)

    async def create(self, conn: Connection, location: Location) -> list[Location]:
        """Add a location, where nothing lies yet; answers all. Raises LocationExistsError."""
        if not await repository.insert_location(conn, uuid7(), location):
            raise LocationExistsError(f"Another location has the code {location.code}.", field="code")
        return await repository.locations(conn)

    async def switch(self, conn: Connection, code: str, *, is_active: bool, cause: Cause) -> list[Location]:
        """Let what lies at a location be for sale, or not; answers all locations. Raises LocationNotFoundError."""
        offset = self._db.offset
        variants = await repository.switch(conn, code, is_active=is_active, offset=offset, cause=cause_values(cause))
        if variants is None:
            raise _no_location(code)
        for variant_id in variants:
            await self._count(conn, variant_id, await repository.sum_of(conn, variant_id), cause)
        return await repository.locations(conn)

    async def set_places(
        self, conn: Connection, variant_id: uuid.UUID, units: Mapping[str, int], cause: Cause
    ) -> StockLevel:
        """Say where a variant's units lie, by code of location; its figure becomes the sum of the active ones.

        Nothing said: that is no longer kept, and nothing is on hand. Raises LocationNotFoundError, BelowHeldError.
        """
        counted = await repository.write(conn, variant_id, units, self._db.offset, cause_values(cause))
        if counted is None:
            known = {location.code for location in await repository.locations(conn)}
            raise _no_location(next(code for code in units if code not in known))
        return await self._count(conn, variant_id, counted, cause)

    async def places(self, variant_id: uuid.UUID) -> Sequence[Place]:
        """Where a variant's units lie; nowhere that is known where it is not kept."""
        async with self._db.read() as conn:
            return await repository.places(conn, [variant_id])

    async def packages(self, wanted: Iterable[Wanted]) -> int | None:
        """The least number of active locations that together supply these units; None when they cannot."""
        items = rules.together(wanted)
        async with self._db.read() as conn:
            found = await repository.places(conn, [item.variant_id for item in items], is_active=True)
        return rules.packages(items, found)

    async def _count(self, conn: Connection, variant_id: uuid.UUID, units: int, cause: Cause) -> StockLevel:
        level = await self._inventory.count(variant_id, units, cause, conn, is_truth=True)
        await repository.keep(conn, variant_id)
        return level


def _no_location(code: str) -> LocationNotFoundError:
    return LocationNotFoundError(f"There is no location {code}.", field="location", details={"location": code})
