"""Reports over orders, for staff."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from pannier.orders.tax_reporting import ReportUnit, tax_report
from pannier.platform.database import Database
from pannier.platform.hot import service_of
from pannier.platform.principal import ForbiddenError, LoginRequiredError, Principal, require_role
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.platform.records import as_json
from pannier.platform.settings import Settings

Staff = Annotated[Principal, Depends(require_role("staff"))]
Db = Annotated[Database, Depends(service_of(Database))]

admin_router = APIRouter(prefix="/admin/reports", tags=["admin"])


class TaxTotal(BaseModel):
    """All tax in one currency, in minor units."""

    amount: int
    currency: str


class TaxReportRow(BaseModel):
    """What one rate made in one unit of time; without `rate_id`, tax that an order has no rate for."""

    period: date | None
    currency: str
    zone: str | None
    category: str | None
    rate_id: str | None
    percent: float | None
    included: bool | None
    orders: int
    base_minor: int
    tax_minor: int


class TaxReportDocument(BaseModel):
    """The tax of a period; its rows add up to what the orders were charged."""

    model_config = ConfigDict(populate_by_name=True)

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    by: ReportUnit
    totals: list[TaxTotal]
    rows: list[TaxReportRow]


@admin_router.get(
    "/tax",
    response_model=TaxReportDocument,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        **problem_responses(LoginRequiredError, ForbiddenError, ValidationFailedError),
    },
)
async def report_tax(
    db: Db,
    settings: Annotated[Settings, Depends(service_of(Settings))],
    _: Staff,
    first: Annotated[date, Query(alias="from", description="First day, of the shop's time zone.")],
    last: Annotated[date, Query(alias="to", description="Last day.")],
    by: ReportUnit = "month",
    format: Literal["json", "csv"] = "json",  # noqa: A002 # named as the parameter is
) -> Response:
    """The tax of orders placed in a period, by rate and zone, as they froze it. Canceled orders are left out, and so
    is the tax of goods that were taken out or came back."""
    report = await tax_report(db, first, last, by, settings.time_zone)
    if format == "csv":
        name = f'attachment; filename="tax-{first}-{last}.csv"'
        return Response(report.to_csv(), media_type="text/csv", headers={"Content-Disposition": name})
    return Response(as_json(report.to_dict()), media_type="application/json")
