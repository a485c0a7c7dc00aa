"""Zones and tax rates on the wire."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from pannier.kernel.countries import COUNTRIES
from pannier.platform.fields import Request
from pannier.platform.record_routes import RecordDocument
from pannier.tax.models import Area
from pannier.tax.rules import plain_text

_INT_MAX = 2**31 - 1


def _country(value: object) -> object:
    if isinstance(value, str) and value not in COUNTRIES:
        raise ValueError("must be a country's two letters by ISO 3166, such as DE")
    return value


def _number(value: object) -> object:
    # Read as a binary fraction; what was written is its shortest decimal.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("A number")
    return Decimal(str(value))


def _day(value: object) -> object:
    return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else value


Country = Annotated[str, BeforeValidator(_country), Field(json_schema_extra={"enum": [*sorted(COUNTRIES)]})]
Plain = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[ -~]*[A-Za-z0-9][ -~]*$")]
Postal = Annotated[str, Field(min_length=1, max_length=12, pattern=r"^[ -~]*[A-Za-z0-9][ -~]*$")]
ZoneName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="What rates and methods call it by, such as US-CA; it never changes.",
    ),
]
Code = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="What orders call it by, such as vat or gst.")
]
Category = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[^\x00-\x1f\x7f]+$", description="Tax category of goods.")
]
Percent = Annotated[
    Decimal,
    BeforeValidator(_number, json_schema_input_type=float),
    Field(ge=0, le=1000, max_digits=10, decimal_places=6, json_schema_extra={"minimum": 0, "maximum": 1000}),
]
Title = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Order = Annotated[int, Field(ge=0, le=_INT_MAX)]
Day = Annotated[date, BeforeValidator(_day)]


class AreaBody(Request):
    """A country, a region of it, or postal codes between two beginnings, both included."""

    country: Country
    region: Plain | None = Field(None, description="Its code or name, without the country's: CA.")
    postal_from: Postal | None = None
    postal_to: Postal | None = None

    def as_area(self) -> Area:
        """With region and postal codes as areas keep them."""
        return Area(
            self.country, *(text and plain_text(text) for text in (self.region, self.postal_from, self.postal_to))
        )


Areas = Annotated[list[AreaBody], Field(max_length=2000)]


class NewZone(Request):
    """A zone to be made."""

    name: ZoneName
    title: Title = ""
    priority: Order = Field(0, description="Of two zones with equally close areas the higher one counts.")
    areas: Areas = Field([])


class ZoneChanges(Request):
    """What is to change of a zone; `areas` replaces all."""

    title: Title | None = None
    priority: Order | None = None
    areas: Areas | None = None


class AreaDocument(BaseModel):
    """An area as it is kept: region and postal codes in capitals and digits."""

    country: str
    region: str | None
    postal_from: str | None
    postal_to: str | None


class ZoneDocument(RecordDocument):
    """Places that are taxed and shipped to alike."""

    name: str
    title: str
    priority: int
    areas: list[AreaDocument]
    source: str


class ZonePage(BaseModel):
    """Some zones, and where the next page begins."""

    zones: list[ZoneDocument]
    next_cursor: uuid.UUID | None


class NewTaxRate(Request):
    """A rate to be made."""

    code: Code
    title: Title = ""
    category: Category
    zone: ZoneName | None = Field(None, description="Without one it is everywhere.")
    percent: Percent
    is_included: bool = Field(False, description="Whether prices contain it; else it is added.")
    order: Order = Field(0, description="Of several the lower ones come first.")
    is_compound: bool = Field(False, description="Also on the added taxes before it.")
    valid_from: Day | None = Field(None, description="First day.")
    valid_to: Day | None = Field(None, description="Last day.")


class TaxRateChanges(Request):
    """What is to change of a rate, for all its days."""

    title: Title | None = None
    percent: Percent | None = None
    is_included: bool | None = None
    order: Order | None = None
    is_compound: bool | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None


class TaxRateDocument(RecordDocument):
    """A rate, and the days on which it counts."""

    code: str
    title: str
    category: str
    zone: str | None
    percent: float
    is_included: bool
    order: int
    is_compound: bool
    valid_from: date | None
    valid_to: date | None
    source: str


class TaxRatePage(BaseModel):
    """Some rates, and where the next page begins."""

    tax_rates: list[TaxRateDocument]
    next_cursor: uuid.UUID | None


#: Fields that null takes back; null for any other is as if it were left out.
_NULLABLE = frozenset({"valid_from", "valid_to"})


def changes_of(body: Request, *left_out: str) -> dict[str, Any]:
    """What the body says is to change."""
    return {
        name: getattr(body, name)
        for name in body.model_fields_set
        if name not in left_out and (name in _NULLABLE or getattr(body, name) is not None)
    }
