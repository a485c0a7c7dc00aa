"""What prices may ask of others: which taxes are on a basket, and what goods cost. The shop's own is the fallback."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, Protocol


class ProviderError(Exception):
    """A provider gave no answer that can be used; the text says why."""


@dataclass(frozen=True, slots=True)
class PriceQuestionItem:
    """Units of a variant, and what the shop itself would ask for one; None where it has no price."""

    variant_id: str
    sku: str | None
    quantity: int
    amount_minor: int | None


@dataclass(frozen=True, slots=True)
class PriceQuestion:
    """What do these cost, in this currency, for this customer?"""

    currency: str
    channel: str
    customer_id: str | None
    groups: Sequence[str]
    items: Sequence[PriceQuestionItem]


class PriceProvider(Protocol):
    """Answers unit prices in minor units by variant id; the shop's own price counts for those it leaves out."""

    async def prices(self, question: PriceQuestion) -> Mapping[str, int]:
        """Raises ProviderError."""
        ...


@dataclass(frozen=True, slots=True)
class TaxQuestionLine:
    """A line after discounts; `amount_minor` is what it costs before added tax."""

    id: uuid.UUID
    variant_id: str
    quantity: int
    category: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class TaxQuestion:
    """Which taxes are on this basket, on that day, for that place?"""

    currency: str
    on: date
    destination: Mapping[str, Any] | None
    customer_kind: Literal["individual", "business"]
    is_tax_id_valid: bool
    is_tax_exempt: bool
    lines: Sequence[TaxQuestionLine]
    shipping_method: str | None
    shipping_minor: int


@dataclass(frozen=True, slots=True)
class ProviderTax:
    """What one rate makes of one line. `is_included`: the amount contains it; else it is added."""

    rate_id: str
    percent: Decimal
    amount_minor: int
    is_included: bool = False
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class TaxAnswer:
    """The taxes of every line, and of shipping."""

    lines: Mapping[uuid.UUID, Sequence[ProviderTax]]
    shipping: Sequence[ProviderTax]


class TaxProvider(Protocol):
    """Answers the taxes of every line it was asked for."""

    async def taxes(self, question: TaxQuestion) -> TaxAnswer:
        """Raises ProviderError."""
        ...
