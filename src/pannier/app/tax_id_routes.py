"""Routes of customers' tax ids: taxes know what is good, promotions keep what prices know of a customer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, BeforeValidator, Field

from pannier.kernel.countries import COUNTRIES
from pannier.platform.fields import Request
from pannier.platform.hot import service_of
from pannier.platform.principal import LoginRequiredError
from pannier.platform.problems import problem_responses
from pannier.platform.record_routes import READ_ERRORS, WRITE_ERRORS, Command, Staff, StaffCommand, User, UserCommand
from pannier.platform.records import as_json
from pannier.promotions import CustomerPriceService
from pannier.tax import TaxIdInvalidError, TaxIdResult, TaxIdService

if TYPE_CHECKING:
    from pannier.platform.database import Connection


def _country(value: object) -> object:
    if isinstance(value, str) and value not in COUNTRIES:
        raise ValueError("must be a country's two letters by ISO 3166, such as DE")
    return value


UserId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = Annotated[
    str, Field(min_length=4, max_length=40, pattern=r"^[A-Za-z0-9 ./,-]+$", description="Such as DE 136 695 976.")
]
Country = Annotated[str, BeforeValidator(_country), Field(json_schema_extra={"enum": [*sorted(COUNTRIES)]})]
TaxIds = Annotated[TaxIdService, Depends(service_of(TaxIdService))]
Customers = Annotated[CustomerPriceService, Depends(service_of(CustomerPriceService))]
_ME_ERRORS = (LoginRequiredError, *[error for error in WRITE_ERRORS if error not in READ_ERRORS[:2]])

router = APIRouter(tags=["me"])
admin_router = APIRouter(prefix="/admin/customers", tags=["admin"])


class TaxIdBody(Request):
    """A tax id, such as a VAT id."""

    tax_id: Number
    country: Country | None = Field(None, description="Whose it is, where the id does not begin with it.")


class StaffTaxIdBody(TaxIdBody):
    """A customer's tax id, and what staff have found out themselves."""

    is_valid: bool | None = Field(None, description="Left out: as format, check digits and register say.")
    reason: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


class TaxIdDocument(BaseModel):
    """A tax id and what is known of it. `checked_by` says who found that: `format` is length and check digits."""

    tax_id: str | None
    country: str | None
    is_valid: bool
    reason: str | None
    checked_by: Literal["format", "vies", "staff"] | None
    name: str | None
    checked_at: datetime | None


_NONE: dict[str, Any] = dict.fromkeys(TaxIdDocument.model_fields) | {"is_valid": False}


@router.get("/me/tax-id", response_model=TaxIdDocument, responses=problem_responses(LoginRequiredError))
async def get_my_tax_id(user: User, tax_ids: TaxIds, customers: Customers) -> Response:
    """Your tax id, and what is known of it."""
    return _json(await _known(tax_ids, customers, user.user_id or ""))


@router.put("/me/tax-id", response_model=TaxIdDocument, responses=problem_responses(TaxIdInvalidError, *_ME_ERRORS))
async def set_my_tax_id(
    body: TaxIdBody, user: User, tax_ids: TaxIds, customers: Customers, command: UserCommand
) -> Response:
    """Say your tax id, and that you buy for a business. It is looked at, and looked up where the shop has that done."""
    found = await tax_ids.look_at(body.tax_id, body.country)
    return await _kept(tax_ids, customers, command, user.user_id or "", found)


@router.delete("/me/tax-id", response_model=TaxIdDocument, responses=problem_responses(*_ME_ERRORS))
async def remove_my_tax_id(user: User, customers: Customers, command: UserCommand) -> Response:
    """Take your tax id back: you buy for yourself. What was checked stays on record until you are erased."""
    nothing = {"tax_id": None, "is_tax_id_valid": False, "kind": "individual"}

    async def remove(connection: Connection) -> dict[str, Any]:
        await customers.change(connection, user.user_id or "", nothing, command.cause, command.now, None)
        return _NONE

    return await command.answer(remove)


@admin_router.get("/{user_id}/tax-id", response_model=TaxIdDocument, responses=problem_responses(*READ_ERRORS))
async def get_tax_id(user_id: UserId, tax_ids: TaxIds, customers: Customers, _: Staff) -> Response:
    """A customer's tax id, and what is known of it."""
    return _json(await _known(tax_ids, customers, user_id))


@admin_router.put(
    "/{user_id}/tax-id",
    response_model=TaxIdDocument,
    responses=problem_responses(TaxIdInvalidError, *WRITE_ERRORS),
)
async def set_tax_id(
    user_id: UserId, body: StaffTaxIdBody, tax_ids: TaxIds, customers: Customers, command: Command
) -> Response:
    """Set a customer's tax id. With `is_valid` it is as you say, whatever format and register would."""
    if body.is_valid is None:
        found = await tax_ids.look_at(body.tax_id, body.country)
    else:
        found = tax_ids.as_staff_say(body.tax_id, body.country, is_valid=body.is_valid, reason=body.reason)
    return await _kept(tax_ids, customers, command, user_id, found)


async def _kept(
    tax_ids: TaxIdService, customers: CustomerPriceService, command: StaffCommand, user_id: str, found: TaxIdResult
) -> Response:
    values = {"tax_id": found.number, "is_tax_id_valid": found.is_valid, "kind": "business"}

    async def keep(connection: Connection) -> object:
        kept = await tax_ids.keep(connection, user_id, found, command.now)
        await customers.change(connection, user_id, values, command.cause, command.now, None)
        return kept

    return await command.answer(keep)


async def _known(tax_ids: TaxIdService, customers: CustomerPriceService, user_id: str) -> dict[str, Any]:
    """What the profile says, with the check that found it where there is one."""
    profile = await customers.get(user_id)
    if profile["tax_id"] is None:
        return _NONE
    newest = await tax_ids.newest(user_id)
    if newest is not None and newest["tax_id"] == profile["tax_id"]:
        return {**newest, "is_valid": profile["is_tax_id_valid"]}
    return _NONE | {"tax_id": profile["tax_id"], "is_valid": profile["is_tax_id_valid"]}


def _json(document: object) -> Response:
    return Response(as_json(document), media_type="application/json")
