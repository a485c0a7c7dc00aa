"""The routes of zones and tax rates, for staff."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from pannier.platform.hot import service_of
from pannier.platform.problems import problem_responses
from pannier.platform.record_routes import (
    CHANGE_ERRORS,
    READ_ERRORS,
    WRITE_ERRORS,
    Command,
    Cursor,
    IsArchived,
    Limit,
    Staff,
    show,
    show_page,
)
from pannier.tax.errors import (
    TaxRateNotFoundError,
    TaxRateOverlapError,
    ZoneExistsError,
    ZoneInUseError,
    ZoneNotFoundError,
)
from pannier.tax.schemas import (
    NewTaxRate,
    NewZone,
    TaxRateChanges,
    TaxRateDocument,
    TaxRatePage,
    ZoneChanges,
    ZoneDocument,
    ZonePage,
    changes_of,
)
from pannier.tax.service import TaxService

Taxes = Annotated[TaxService, Depends(service_of(TaxService))]
Filter = Annotated[str | None, Query(max_length=63, pattern=r"^[^\x00]*$")]

admin_router = APIRouter(prefix="/admin", tags=["admin"])


@admin_router.get("/zones", response_model=ZonePage, responses=problem_responses(*READ_ERRORS))
async def list_zones(
    taxes: Taxes, _: Staff, cursor: Cursor = None, limit: Limit = 50, archived: IsArchived = False
) -> Response:
    """Zones, in the order in which they were made."""
    return show_page("zones", await taxes.list_zones(after=cursor, limit=limit + 1, is_archived=archived), limit)


@admin_router.post(
    "/zones", status_code=201, response_model=ZoneDocument, responses=problem_responses(ZoneExistsError, *WRITE_ERRORS)
)
async def create_zone(body: NewZone, taxes: Taxes, command: Command) -> Response:
    """Make a zone: places that are taxed and shipped to alike."""
    values, areas = body.model_dump(exclude={"areas"}), [area.as_area() for area in body.areas]
    return await command.answer(
        lambda conn: taxes.create_zone(conn, values, areas, command.cause, command.now), status=201
    )


@admin_router.get(
    "/zones/{zone_id}", response_model=ZoneDocument, responses=problem_responses(ZoneNotFoundError, *READ_ERRORS)
)
async def get_zone(zone_id: uuid.UUID, taxes: Taxes, _: Staff) -> Response:
    """A zone with its areas."""
    return show(await taxes.get_zone(zone_id))


@admin_router.patch(
    "/zones/{zone_id}", response_model=ZoneDocument, responses=problem_responses(ZoneNotFoundError, *CHANGE_ERRORS)
)
async def change_zone(zone_id: uuid.UUID, body: ZoneChanges, taxes: Taxes, command: Command) -> Response:
    """Change a zone; `areas` replaces all of them."""
    values = changes_of(body, "areas")
    areas = None if body.areas is None else [area.as_area() for area in body.areas]
    return await command.answer(
        lambda conn: taxes.change_zone(conn, zone_id, values, areas, command.cause, command.now, command.if_match)
    )


@admin_router.delete(
    "/zones/{zone_id}",
    response_model=ZoneDocument,
    responses=problem_responses(ZoneNotFoundError, ZoneInUseError, *CHANGE_ERRORS),
)
async def archive_zone(zone_id: uuid.UUID, taxes: Taxes, command: Command) -> Response:
    """Archive a zone: no destination lies in it any more. Doing it twice changes nothing."""
    return await command.answer(
        lambda conn: taxes.archive_zone(conn, zone_id, command.cause, command.now, command.if_match)
    )


@admin_router.get("/tax-rates", response_model=TaxRatePage, responses=problem_responses(*READ_ERRORS))
async def list_tax_rates(
    taxes: Taxes,
    _: Staff,
    zone: Filter = None,
    category: Filter = None,
    code: Filter = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    archived: IsArchived = False,
) -> Response:
    """Tax rates, past and future ones included; of a zone, a category, a code."""
    found = await taxes.list_rates(
        after=cursor, limit=limit + 1, is_archived=archived, zone=zone, category=category, code=code
    )
    return show_page("tax_rates", found, limit)


@admin_router.post(
    "/tax-rates",
    status_code=201,
    response_model=TaxRateDocument,
    responses=problem_responses(TaxRateOverlapError, *WRITE_ERRORS),
)
async def create_tax_rate(body: NewTaxRate, taxes: Taxes, command: Command) -> Response:
    """Make a tax rate. Its history is the rates with the same code, category and zone: no two have the same day."""
    values = body.model_dump()
    return await command.answer(lambda conn: taxes.create_rate(conn, values, command.cause, command.now), status=201)


@admin_router.get(
    "/tax-rates/{tax_rate_id}",
    response_model=TaxRateDocument,
    responses=problem_responses(TaxRateNotFoundError, *READ_ERRORS),
)
async def get_tax_rate(tax_rate_id: uuid.UUID, taxes: Taxes, _: Staff) -> Response:
    """A tax rate."""
    return show(await taxes.get_rate(tax_rate_id))


@admin_router.patch(
    "/tax-rates/{tax_rate_id}",
    response_model=TaxRateDocument,
    responses=problem_responses(TaxRateNotFoundError, TaxRateOverlapError, *CHANGE_ERRORS),
)
async def change_tax_rate(tax_rate_id: uuid.UUID, body: TaxRateChanges, taxes: Taxes, command: Command) -> Response:
    """Change a rate for all its days. For another percentage from a day on, end it and make a new one."""
    values = changes_of(body)
    return await command.answer(
        lambda conn: taxes.change_rate(conn, tax_rate_id, values, command.cause, command.now, command.if_match)
    )


@admin_router.delete(
    "/tax-rates/{tax_rate_id}",
    response_model=TaxRateDocument,
    responses=problem_responses(TaxRateNotFoundError, *CHANGE_ERRORS),
)
async def archive_tax_rate(tax_rate_id: uuid.UUID, taxes: Taxes, command: Command) -> Response:
    """Archive a rate: it counts on no day. Orders keep what they were charged. Twice changes nothing."""
    return await command.answer(
        lambda conn: taxes.archive_rate(conn, tax_rate_id, command.cause, command.now, command.if_match)
    )
