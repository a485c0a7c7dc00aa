"""Shipping methods on the wire."""

from __future__ import annotations

import uuid
from datetime import time
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, JsonValue, model_validator

from pannier.kernel.currencies import MINOR_DIGITS
from pannier.platform.fields import Name, Request, Text
from pannier.platform.record_routes import RecordDocument, decimals_of
from pannier.shipping.models import Fulfilment

_INT_MAX = 2**31 - 1


def _clock(value: object) -> object:
    return time.fromisoformat(value) if isinstance(value, str) and len(value) == 5 else value


def _currency(value: object) -> object:
    if isinstance(value, str) and value not in MINOR_DIGITS:
        raise ValueError("must be a currency's three letters by ISO 4217, such as EUR")
    return value


Currency = Annotated[str, BeforeValidator(_currency), Field(json_schema_extra={"enum": [*sorted(MINOR_DIGITS)]})]
Code = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="What carts and orders call it by, such as express; it never changes.",
    ),
]
Days = Annotated[int, Field(ge=0, le=365)]
Position = Annotated[int, Field(ge=0, le=_INT_MAX)]
Definition = Annotated[
    dict[str, JsonValue],
    Field(
        description='What it costs and when it is available: `{"kind": "flat", "amount": 499, "free_from": 5000}`. '
        "Amounts are minor units. docs/howto/shipping.md has every kind and limit.",
        json_schema_extra={"required": ["kind"]},
    ),
]
Cutoff = Annotated[
    time,
    BeforeValidator(_clock, json_schema_input_type=str),
    Field(json_schema_extra={"pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]


class DeliveryBody(Request):
    """How long it takes: until it leaves the house, then to the door."""

    days_min: Days
    days_max: Days
    handling_days: Days = Field(0, description="Days until it leaves the house.")
    cutoff: Cutoff | None = Field(None, description="What is ordered later counts as ordered the next day.")
    is_on_weekends: bool = Field(False, description="Whether Saturdays and Sundays count.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.days_min > self.days_max:
            raise ValueError("days_max must not be less than days_min")
        return self


class NewShippingMethod(Request):
    """A method to be made."""

    code: Code
    name: Name
    currency: Currency | None = Field(None, description="Of its amounts; the shop's when left out.")
    fulfilment: Fulfilment = "ship"
    definition: Definition
    position: Position = Field(0, description="Order of preference, the lowest first.")
    is_enabled: bool = True
    delivery: DeliveryBody | None = None
    note: Text = Field("", description="For a person: where to fetch it, by whom it comes.")


class ShippingMethodChanges(Request):
    """What is to change of a method; `definition` and `delivery` are replaced as a whole."""

    name: Name | None = None
    fulfilment: Fulfilment | None = None
    definition: Definition | None = None
    position: Position | None = None
    is_enabled: bool | None = None
    delivery: DeliveryBody | None = None
    note: Text | None = None


class DeliveryDocument(BaseModel):
    """How long it takes."""

    days_min: int
    days_max: int
    handling_days: int
    cutoff: str | None
    is_on_weekends: bool


class ShippingMethodDocument(RecordDocument):
    """A way to ship."""

    code: str
    name: str
    currency: str
    fulfilment: Fulfilment
    definition: dict[str, Any]
    position: int
    is_enabled: bool
    delivery: DeliveryDocument | None
    note: str


class ShippingMethodPage(BaseModel):
    """Some methods, and where the next page begins."""

    shipping_methods: list[ShippingMethodDocument]
    next_cursor: uuid.UUID | None


_NO_DELIVERY = {"days_min": None, "days_max": None, "handling_days": 0, "cutoff": None, "is_on_weekends": False}


def values_of(body: NewShippingMethod | ShippingMethodChanges) -> dict[str, Any]:
    """The columns that the body sets."""
    values: dict[str, Any] = {
        name: getattr(body, name)
        for name in (NewShippingMethod.model_fields if isinstance(body, NewShippingMethod) else body.model_fields_set)
        if name != "delivery" and getattr(body, name) is not None
    }
    if "definition" in values:
        values["definition"] = decimals_of(values["definition"], "definition")
    if "delivery" in body.model_fields_set:
        values |= _NO_DELIVERY if body.delivery is None else body.delivery.model_dump()
    return values


def show_method(record: Any) -> dict[str, Any]:
    """A method's record as it is shown: what belongs to the delivery together."""
    document = dict(record)
    delivery = {name: document.pop(name) for name in _NO_DELIVERY}
    return document | {"delivery": None if delivery["days_min"] is None else delivery}
