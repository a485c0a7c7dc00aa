"""Price lists on the wire."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from pannier.catalog.price_lists import ListPrice
from pannier.kernel.currencies import MINOR_DIGITS
from pannier.kernel.money import AMOUNT_MAX
from pannier.kernel.times import in_utc
from pannier.platform.fields import Name, Request
from pannier.platform.record_routes import RecordDocument

_INT_MAX = 2**31 - 1
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _currency(value: object) -> object:
    if isinstance(value, str) and value not in MINOR_DIGITS:
        raise ValueError("must be a currency's three letters by ISO 4217, such as EUR")
    return value


def _moment(value: object) -> object:
    if value is None or isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("must be a time with its zone, such as 2026-11-20T10:00:00Z")
    return datetime.fromisoformat(value.upper())


def _id(value: object) -> object:
    return uuid.UUID(value) if isinstance(value, str) and len(value) == 36 else value


Currency = Annotated[str, BeforeValidator(_currency), Field(json_schema_extra={"enum": [*sorted(MINOR_DIGITS)]})]
Code = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="What prices call it by; it never changes.")
]
Group = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="Group of customers.")
]
ChannelCode = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(in_utc)]
Minor = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="Minor units of the currency.")]
Priority = Annotated[
    int, Field(ge=0, le=_INT_MAX, description="The highest list that has a price counts; the shelf has 0.")
]
VariantId = Annotated[uuid.UUID, BeforeValidator(_id, json_schema_input_type=uuid.UUID)]


class NewPriceList(Request):
    """A list to be made."""

    code: Code
    name: Name
    currency: Currency | None = Field(None, description="Of all its prices; any when left out.")
    customer_group: Group | None = Field(None, description="For this group only; for everybody when left out.")
    priority: Priority = 0
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    is_enabled: bool = True


class PriceListChanges(Request):
    """What is to change of a list."""

    name: Name | None = None
    customer_group: Group | None = None
    priority: Priority | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    is_enabled: bool | None = None


class NewPrice(Request):
    """A price; one with the same variant, currency, channel, group, quantity and beginning takes its place."""

    variant_id: VariantId
    currency: Currency | None = Field(None, description="The list's, else the shop's, when left out.")
    amount: Minor
    compare_at: Minor | None = Field(None, description="What it cost before; above the amount it is a sale.")
    quantity_min: Annotated[int, Field(ge=1, le=1_000_000)] = Field(1, description="For so many units or more.")
    channel: ChannelCode | None = None
    customer_group: Group | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class PricesBody(Request):
    """Prices of a list: all of them are set, or none."""

    prices: Annotated[list[NewPrice], Field(min_length=1, max_length=1000)]


class PriceListDocument(RecordDocument):
    """A price list."""

    code: str
    name: str
    currency: str | None
    customer_group: str | None
    priority: int
    starts_at: datetime | None
    ends_at: datetime | None
    is_enabled: bool


class PriceListPage(BaseModel):
    """Some lists, and where the next page begins."""

    price_lists: list[PriceListDocument]
    next_cursor: uuid.UUID | None


class ListPriceDocument(BaseModel):
    """A price of a list; amounts in minor units."""

    id: uuid.UUID
    variant_id: uuid.UUID
    currency: str
    amount: int
    compare_at: int | None
    quantity_min: int
    channel: str | None
    customer_group: str | None
    valid_from: datetime | None
    valid_to: datetime | None


class ListPricePage(BaseModel):
    """Some prices, and where the next page begins."""

    prices: list[ListPriceDocument]
    next_cursor: uuid.UUID | None


#: Fields that null takes back; null for any other is as if it were left out.
_NULLABLE = frozenset({"customer_group", "starts_at", "ends_at"})


def changes_of(body: PriceListChanges) -> dict[str, Any]:
    """What the body says is to change."""
    return {
        name: getattr(body, name)
        for name in body.model_fields_set
        if name in _NULLABLE or getattr(body, name) is not None
    }


def price_of(body: NewPrice, currency: str) -> ListPrice:
    """The price to be set; `currency` where it names none."""
    return ListPrice(
        body.variant_id,
        body.currency or currency,
        body.amount,
        body.compare_at,
        body.quantity_min,
        body.channel,
        body.customer_group,
        body.valid_from,
        body.valid_to,
    )
