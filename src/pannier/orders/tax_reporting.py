"""The tax of a period, by rate and zone: what the orders froze, to the cent, less what of it was credited since."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pannier.kernel.money import format_amount
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError

ReportUnit = Literal["day", "week", "month", "quarter", "year", "all"]
_COLUMNS = ("period", "currency", "zone", "category", "rate_id", "percent", "included", "orders", "base", "tax")


@dataclass(frozen=True, slots=True)
class TaxRow:
    """What one rate made in one unit of time. `rate_id` None: tax that an order has no rate for.

    `period` is the first day of the unit, None for all of it. Amounts are minor units.
    """

    period: date | None
    currency: str
    zone: str | None
    category: str | None
    rate_id: str | None
    percent: Decimal | None
    is_included: bool | None
    base_minor: int
    tax_minor: int
    orders: int


@dataclass(frozen=True, slots=True)
class TaxReport:
    """The tax of orders placed from a day to another, both included. Canceled orders are left out, and so is the tax of
    goods that were taken out or came back, in the period in which their order was placed."""

    first: date
    last: date
    unit: ReportUnit
    rows: Sequence[TaxRow]

    @property
    def totals(self) -> Mapping[str, int]:
        """All tax by currency, in minor units."""
        totals: dict[str, int] = {}
        for row in self.rows:
            totals[row.currency] = totals.get(row.currency, 0) + row.tax_minor
        return totals

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; amounts in minor units."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "by": self.unit,
            "totals": [{"amount": amount, "currency": currency} for currency, amount in self.totals.items()],
            "rows": [
                {
                    "period": row.period and row.period.isoformat(),
                    "currency": row.currency,
                    "zone": row.zone,
                    "category": row.category,
                    "rate_id": row.rate_id,
                    "percent": row.percent,
                    "included": row.is_included,
                    "orders": row.orders,
                    "base_minor": row.base_minor,
                    "tax_minor": row.tax_minor,
                }
                for row in self.rows
            ],
        }

    def to_csv(self) -> str:
        """A header and a line for each row; amounts with the decimals of their currency."""
        out = io.StringIO(newline="")
        lines = csv.writer(out)
        lines.writerow(_COLUMNS)
        for row in self.rows:
            included = "" if row.is_included is None else "yes" if row.is_included else "no"
            amounts = [format_amount(amount, row.currency) for amount in (row.base_minor, row.tax_minor)]
            cells = (row.zone, row.category, row.rate_id, row.percent, included, row.orders)
            lines.writerow([row.period or "", row.currency, *(_cell(cell) for cell in cells), *amounts])
        return out.getvalue()


async def tax_report(
    db: Database, first: date, last: date, unit: ReportUnit = "month", time_zone: str = "UTC"
) -> TaxReport:
    """The days are those of a time zone. Raises ValidationFailedError when the period ends before it begins."""
    if last < first:
        raise ValidationFailedError.of([("to", "Not before from")])
    zone = ZoneInfo(time_zone)
    begin, end = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
    async with db.read(db.job_patience_s) as connection:
        rows = await connection.fetch("select * from order_tax_report($1, $2, $3, $4)", begin, end, unit, time_zone)
    return TaxReport(first, last, unit, [_row(dict(row)) for row in rows])


def _row(row: Mapping[str, Any]) -> TaxRow:
    return TaxRow(**{**row, "base_minor": int(row["base_minor"]), "tax_minor": int(row["tax_minor"])})


def _cell(value: object) -> object:
    text = "" if value is None else str(value)
    # A spreadsheet would take it for a formula.
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
