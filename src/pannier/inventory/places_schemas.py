"""Locations and places on the wire."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pannier.inventory.models import UNITS_MAX
from pannier.inventory.schemas import Items

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Its short name; it never changes.")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewLocation(_Strict):
    """A place where stock lies."""

    code: Code
    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class LocationChanges(_Strict):
    """Whether what lies there is for sale."""

    is_active: Annotated[bool, Field(strict=True)]


class LocationAnswer(_Strict):
    """A location."""

    code: str
    name: str
    is_active: bool


class LocationsAnswer(_Strict):
    """All locations, by code."""

    locations: list[LocationAnswer]


class PlaceUnits(_Strict):
    """So many units at a location."""

    location: Code
    units: Annotated[int, Field(strict=True, ge=0, le=UNITS_MAX)]


class Places(_Strict):
    """Where all units of a variant lie, each location once; none: it is no longer kept, and nothing is on hand."""

    places: Annotated[list[PlaceUnits], Field(max_length=1000)]


class PlaceAnswer(_Strict):
    """Units of a variant at a location."""

    variant_id: uuid.UUID
    location: str
    units: int


class PlacesAnswer(_Strict):
    """By code of location."""

    places: list[PlaceAnswer]


class PackagesRequest(_Strict):
    """What somebody wants; the same variant twice is added up."""

    items: Items


class PackagesAnswer(_Strict):
    """Null when all active locations together have too little."""

    packages: int | None
