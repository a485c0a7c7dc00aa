"""Ways to ship, as the shop keeps them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Literal

__all__ = ["Delivery", "Fulfilment", "ShippingMethodDefinition"]

#: ship: to an address; pickup: fetched by the shopper; digital: nothing is sent.
Fulfilment = Literal["ship", "pickup", "digital"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How long it takes: `handling_days` until it leaves the house, then `days_min` to `days_max` to the door.

    What is ordered after `cutoff` leaves a day later. Only weekdays count, unless `is_on_weekends`.
    """

    days_min: int
    days_max: int
    handling_days: int = 0
    cutoff: time | None = None
    is_on_weekends: bool = False


@dataclass(frozen=True, slots=True)
class ShippingMethodDefinition:
    """A method in the words of a price book: `{id, name, kind, …, position, enabled}`; its id there is `code`.

    Amounts are minor units of `currency`. `delivery` None: nobody says how long it takes.
    """

    id: uuid.UUID
    code: str
    name: str
    currency: str
    fulfilment: Fulfilment
    delivery: Delivery | None
    note: str
    definition: Mapping[str, Any]
