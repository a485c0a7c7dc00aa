"""What the catalogue needs of the stock, which is another capability: the composition root gives it one.

Every call runs on the caller's connection, so that a product and its stock are stored together or not at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pannier.platform.database import Connection


@dataclass(frozen=True, slots=True)
class StockLevel:
    """`available` None is without bound: not counted, or sold beyond the stock without bound."""

    on_hand: int
    available: int | None
    is_tracked: bool
    backorder_max: int | None


@dataclass(frozen=True, slots=True)
class StockChange:
    """Add `quantity` units (may be negative) to what is on hand, and set how the variant is counted.

    A variant without a stock row gets one, with the quantity as its first movement.
    """

    variant_id: uuid.UUID
    quantity: int
    is_tracked: bool
    backorder_max: int | None


class Stock(Protocol):
    """`levels` has no entry for a variant without a stock row.

    `change` books the difference in the ledger.
    """

    async def levels(self, connection: Connection, variants: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, StockLevel]: ...

    async def change(
        self, connection: Connection, changes: Sequence[StockChange], *, actor: str, reason: str
    ) -> None: ...


#: An amount in minor units, and the former price that is shown beside it.
ListPrice = tuple[int, int | None]


class ShelfPrices(Protocol):
    """What the shop's rules make of list prices: the amounts of those variants that cost less than their list says."""

    async def lowered(
        self, connection: Connection, listed: Mapping[uuid.UUID, ListPrice]
    ) -> Mapping[uuid.UUID, int]: ...


class ListPrices:
    """A shop without rules for prices: everything costs what its list says."""

    async def lowered(self, connection: Connection, listed: Mapping[uuid.UUID, ListPrice]) -> Mapping[uuid.UUID, int]:
        del connection, listed
        return {}
