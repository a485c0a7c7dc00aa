"""Exchange rates by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

__all__ = ["Exchange", "FxRate"]


@dataclass(frozen=True, slots=True)
class FxRate:
    """On that day one unit of `base` was `rate` units of `quote`."""

    base: str
    quote: str
    on: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Exchange:
    """One unit of `source` is `rate` units of `target`, exactly, by rates of that day."""

    source: str
    target: str
    rate: Fraction
    on: date
    #: Who published it.
    provider: str = ""
