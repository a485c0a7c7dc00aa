"""The stock as the catalogue asks for it: two capabilities that know nothing of each other meet here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pannier.catalog import StockChange
from pannier.catalog import StockLevel as CatalogueLevel
from pannier.inventory import BelowHeldError, Cause, InventoryService, LevelRow

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class CatalogueStock:
    """Gives the catalogue levels, and books what an import says of them; see `catalog.ports.Stock`."""

    def __init__(self, inventory: InventoryService) -> None:
        self._inventory = inventory

    async def levels(self, connection: Connection, variants: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, CatalogueLevel]:
        found = await self._inventory.get_levels(connection, variants)
        return {
            variant: CatalogueLevel(level.on_hand, level.available, level.is_tracked, level.backorder_max)
            for variant, level in found.items()
        }

    async def change(self, connection: Connection, changes: Sequence[StockChange], *, actor: str, reason: str) -> None:
        rows = [
            LevelRow(change.variant_id, change.quantity, change.is_tracked, change.backorder_max) for change in changes
        ]
        done = await self._inventory.add_levels(connection, rows, Cause(actor, reason))
        if done.refused:
            first = done.refused[0]
            raise BelowHeldError(
                f"The file takes stock away that is promised: variant {first.variant_id} has {first.held} units in "
                f"carts and orders ({len(done.refused)} such variants). Import again when they are free, or leave "
                "their quantities out of the file.",
                details={"held": first.held, "variants": [str(refused.variant_id) for refused in done.refused]},
            )
