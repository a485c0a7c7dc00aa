"""Promotions, coupons, price rules and purses as they are stored. Days are included on both ends."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class ActivePromotion:
    """A promotion that is on and not over, without its coupons: there may be a million of them.

    `definition` is what it gives and when, in the words of a scenario, with numbers as int and Decimal.
    """

    id: uuid.UUID
    name: str
    definition: Mapping[str, Any]
    needs_code: bool
    starts_on: date | None
    ends_on: date | None
    is_exhausted: bool

    def document(self) -> dict[str, Any]:
        """All of it in the words of a scenario.

        How often it was used is not in it, only whether that was the last time: a book that is kept in memory
        would be old after the next order. Whoever has the coupons puts them under `coupons`.
        """
        found: dict[str, Any] = {"id": str(self.id), "name": self.name, **self.definition}
        found |= period_document(self.starts_on, self.ends_on)
        if self.is_exhausted:
            found |= {"limit": 0, "used": 0}
        if self.needs_code:
            found["coupons"] = []
        return found


@dataclass(frozen=True, slots=True)
class ActivePriceRule:
    """A price rule that is on and not over; whether it has begun is the reader's to look at."""

    id: uuid.UUID
    name: str
    definition: Mapping[str, Any]
    starts_on: date | None
    ends_on: date | None

    def document(self) -> dict[str, Any]:
        """What it does to prices, in the words of a scenario, which has no period for it."""
        return {"id": str(self.id), **self.definition}

    def holds(self, on: date) -> bool:
        """Whether it counts on a day."""
        return (self.starts_on is None or self.starts_on <= on) and (self.ends_on is None or on <= self.ends_on)


def period_document(starts_on: date | None, ends_on: date | None) -> dict[str, str]:
    """A period in the words of a scenario."""
    days = {"starts": starts_on, "ends": ends_on}
    return {name: day.isoformat() for name, day in days.items() if day is not None}
