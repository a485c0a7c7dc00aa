"""The routes of locations, and of what lies where; all for staff."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Response

from pannier.inventory.api import Command, Staff
from pannier.inventory.errors import BelowHeldError, LocationExistsError, LocationNotFoundError, StockNotFoundError
from pannier.inventory.models import Location, Wanted
from pannier.inventory.places_schemas import (
    LocationChanges,
    LocationsAnswer,
    NewLocation,
    PackagesAnswer,
    PackagesRequest,
    Places,
    PlacesAnswer,
)
from pannier.inventory.places_service import PlacesService
from pannier.inventory.schemas import LevelAnswer
from pannier.platform.hot import service_of
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError
from pannier.platform.principal import ForbiddenError, LoginRequiredError
from pannier.platform.problems import ValidationFailedError, problem_responses

if TYPE_CHECKING:
    from pannier.platform.database import Connection

PlacesOf = Annotated[PlacesService, Depends(service_of(PlacesService))]
_READ = problem_responses(LoginRequiredError, ForbiddenError, ValidationFailedError)
_WRITE = (
    LoginRequiredError,
    ForbiddenError,
    ValidationFailedError,
    IdempotencyConflictError,
    IdempotencyInFlightError,
)

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get("/locations", response_model=LocationsAnswer, responses=_READ)
async def list_locations(places: PlacesOf, _: Staff) -> Response:
    """All locations, by code."""
    return _json({"locations": await places.locations()})


@router.post(
    "/locations",
    status_code=201,
    response_model=LocationsAnswer,
    responses=problem_responses(LocationExistsError, *_WRITE),
)
async def create_location(body: NewLocation, places: PlacesOf, command: Command) -> Response:
    """Add a location, where nothing lies yet; answers all."""

    async def act(conn: Connection) -> object:
        return {"locations": await places.create(conn, Location(body.code, body.name))}

    return await command.answer(act, status=201)


@router.patch(
    "/locations/{code}",
    response_model=LocationsAnswer,
    responses=problem_responses(LocationNotFoundError, BelowHeldError, *_WRITE),
)
async def switch_location(code: str, body: LocationChanges, places: PlacesOf, command: Command) -> Response:
    """Switch a location on or off: what lies there is counted as on hand, or not; answers all."""

    async def act(conn: Connection) -> object:
        return {"locations": await places.switch(conn, code, is_active=body.is_active, cause=command.cause)}

    return await command.answer(act)


@router.get("/stock/{variant_id}/places", response_model=PlacesAnswer, responses=_READ)
async def get_places(variant_id: uuid.UUID, places: PlacesOf, _: Staff) -> Response:
    """Where a variant's units lie; nowhere that is known where that is not kept."""
    return _json({"places": await places.places(variant_id)})


@router.put(
    "/stock/{variant_id}/places",
    response_model=LevelAnswer,
    responses=problem_responses(LocationNotFoundError, StockNotFoundError, BelowHeldError, *_WRITE),
)
async def set_places(variant_id: uuid.UUID, body: Places, places: PlacesOf, command: Command) -> Response:
    """Say where a variant's units lie; what is on hand becomes the sum of the active locations."""
    units = {place.location: place.units for place in body.places}
    if len(units) < len(body.places):
        raise ValidationFailedError.of([("places", "Every location once")])
    return await command.answer(lambda conn: places.set_places(conn, variant_id, units, command.cause))


@router.post("/stock-packages", response_model=PackagesAnswer, responses=_READ)
async def count_packages(body: PackagesRequest, places: PlacesOf, _: Staff) -> Response:
    """How many active locations it takes to supply these units; null when all together cannot."""
    wanted = [Wanted(item.variant_id, item.quantity) for item in body.items]
    return _json({"packages": await places.packages(wanted)})


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
