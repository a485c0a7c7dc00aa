"""Zones and tax rates, as the shop keeps them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Area", "Destination", "TaxIdResult", "TaxRateDefinition", "Zone"]


@dataclass(frozen=True, slots=True)
class Area:
    """A country, a region of it, or postal codes between two beginnings, both included.

    Region and postal codes are in capitals and digits: see `rules.plain_text`.
    """

    country: str
    region: str | None = None
    postal_from: str | None = None
    postal_to: str | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """Places that are taxed and shipped to alike. Rates and methods call it by `name`."""

    id: uuid.UUID
    name: str
    title: str
    priority: int
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where something goes, as a shopper wrote it. Country by ISO 3166-1 alpha-2."""

    country: str
    region: str | None = None
    postal_code: str | None = None


@dataclass(frozen=True, slots=True)
class TaxRateDefinition:
    """A rate in the words of a price book: `{id, category, percent, included, zone, order, compound, from, to}`."""

    id: uuid.UUID
    code: str
    title: str
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaxIdResult:
    """What is known of a tax id. `number` is as its country writes it; `reason` says why it is not good.

    `checked_by` is `format` for length and check digits, else the service that was asked.
    """

    number: str
    country: str
    is_valid: bool
    reason: str | None = None
    checked_by: Literal["format", "vies", "staff"] = "format"
    name: str | None = None
