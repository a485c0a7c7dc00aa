"""`pannier report`: figures for the books."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, in_shop
from pannier.app.commands.terminal import Terminal, write_json

if TYPE_CHECKING:
    from pannier.orders import ReportUnit, TaxReport
    from pannier.platform.database import Database

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Figures for the books.")

Unit = Literal["day", "week", "month", "quarter", "year", "all"]
_DAY = ["%Y-%m-%d"]


@app.callback()
def report() -> None:
    """Figures for the books."""


@app.command()
def tax(
    first: Annotated[
        datetime, typer.Option("--from", formats=_DAY, metavar="DAY", help="First day, in the shop's time.")
    ],
    last: Annotated[datetime, typer.Option("--to", formats=_DAY, metavar="DAY", help="Last day.")],
    by: Annotated[Unit, typer.Option("--by", help="A line for each of these.")] = "month",
    as_csv: Annotated[bool, typer.Option("--csv", help="Write it as CSV, for a spreadsheet.")] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report the tax of orders placed in a period, by rate and zone.

    The figures are those that the orders froze, to the cent; canceled orders
    are left out.

    [bold]Examples[/]
      [cyan]pannier report tax --from 2026-01-01 --to 2026-03-31[/]
      [cyan]pannier report tax --from 2026-01-01 --to 2026-12-31 --by quarter --csv > tax.csv[/]
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir)
    found = in_shop(settings, terminal, lambda db: _report(db, first.date(), last.date(), by, settings.time_zone))
    if as_csv and not as_json:
        typer.echo(found.to_csv(), nl=False)
    elif as_json:
        write_json(found.to_dict())
    else:
        _show(terminal, found)


async def _report(db: Database, first: date, last: date, by: ReportUnit, zone: str) -> TaxReport:
    from pannier.orders import tax_report

    return await tax_report(db, first, last, by, zone)


def _show(terminal: Terminal, found: TaxReport) -> None:
    from pannier.kernel.money import format_amount

    columns = ("period", "currency", "zone", "category", "percent", "orders", "base", "tax")
    rows = [
        (
            row.period,
            row.currency,
            row.zone,
            row.category,
            row.percent,
            row.orders,
            format_amount(row.base_minor, row.currency),
            format_amount(row.tax_minor, row.currency),
        )
        for row in found.rows
    ]
    terminal.table(columns, rows, numbers=("percent", "orders", "base", "tax"))
    for currency, amount in found.totals.items():
        terminal.say(f"Tax in all: {format_amount(amount, currency)} {currency}")
