"""`pannier import`: a catalogue, or with a first word `tax` or `fx` the rates that others keep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from pannier.app.commands import catalogue
from pannier.app.commands.shop import DataDirOption, JsonOption, actor, in_shop
from pannier.app.commands.terminal import Terminal, fail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pannier.currencies import FxFile, FxImportReport
    from pannier.kernel.findings import Findings
    from pannier.platform.database import Database
    from pannier.platform.records import Cause
    from pannier.tax import RateFile, TaxImportReport

Format = Literal["ibericode", "kdeldycke", "us-states", "node-sales-tax"]
_PROBLEMS_SHOWN = 50
_BYTES_MAX = 50_000_000


class ImportGroup(TyperGroup):
    """Takes a catalogue where the first word names no other kind of file."""

    default_name = "catalogue"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = [self.default_name, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=ImportGroup,
    rich_markup_mode="rich",
    help="Import a catalogue, tax rates or exchange rates.",
)
app.command(name="catalogue")(catalogue.import_)


@app.command()
def tax(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="The files; together they make the history.")],
    format: Annotated[  # noqa: A002 # named as the option is
        Format | None, typer.Option("--format", help="What the files are; by their contents otherwise.")
    ] = None,
    country: Annotated[
        list[str] | None,
        typer.Option("--country", metavar="CC", help="Only this country, by its two letters; may be repeated."),
    ] = None,
    included: Annotated[
        bool | None,
        typer.Option("--included/--added", help="Whether prices contain the tax; VAT is included otherwise."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import tax rates with their history: all of the files, or nothing.

    Every bad row is told by line, column and reason. The same files again change
    nothing. On any day the rate that began last counts; of two files that begin
    one on the same day the first counts. Rates that staff made are left alone.

    [bold]Examples[/]
      [cyan]pannier import tax vat-rates.json vat_rates.csv[/]     EU and UK VAT
      [cyan]pannier import tax us-state-rates.csv[/]
      [cyan]pannier import tax sales_tax_rates.json --country CA[/]

    [bold]Next[/]: /api/v1/admin/tax-rates of `pannier serve` shows them.
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir)
    countries = frozenset(code.upper() for code in country) if country else None
    with terminal.interruptible("No rate was imported."):
        texts = {str(file): _text(file) for file in files}
        report = in_shop(
            settings, terminal, lambda db: _import_tax(db, terminal, texts, format, countries, is_included=included)
        )
    terminal.result(report.to_dict(), lambda: _show_tax(terminal, report))
    if report.outcome == "refused":
        fail()


@app.command()
def fx(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="eurofxref-hist.csv or .zip of the ECB.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import exchange rates by day, as the European Central Bank publishes them.

    All of the file, or nothing. Every bad cell is told by line, column and
    reason; the same file again changes nothing, a newer one adds its days.

    [bold]Example[/]
      [cyan]pannier import fx eurofxref-hist.zip[/]

    [bold]Next[/]: PANNIER_CONVERSION_CURRENCIES says into what prices are converted.
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir)
    with terminal.interruptible("No rate was imported."):
        data = _bytes(file)
        report = in_shop(settings, terminal, lambda db: _import_fx(db, terminal, data))
    terminal.result(report.to_dict(), lambda: _show_fx(terminal, report, str(file)))
    if report.outcome == "refused":
        fail()


async def _import_tax(
    db: Database,
    terminal: Terminal,
    texts: dict[str, str],
    format_: Format | None,
    countries: frozenset[str] | None,
    *,
    is_included: bool | None,
) -> TaxImportReport:
    from pannier.tax import NamedText, import_rates, read_files

    named = [NamedText(name, text, format_) for name, text in texts.items()]
    files: dict[str, RateFile] = read_files(named, countries=countries, is_included=is_included)
    with terminal.progress("Storing", "rates", every=100) as advance:
        return await import_rates(db, files, _cause(), on_progress=advance)


async def _import_fx(db: Database, terminal: Terminal, data: bytes) -> FxImportReport:
    from pannier.currencies import import_fx, read_ecb

    file: FxFile = read_ecb(data)
    with terminal.progress("Storing", "rates", every=20_000) as advance:
        return await import_fx(db, file, _cause(), on_progress=advance)


def _show_tax(terminal: Terminal, report: TaxImportReport) -> None:
    for name, file in report.files.items():
        _show_problems(terminal, name, file.problems)
    if report.outcome == "refused":
        terminal.note("Nothing was imported. Mend these lines and import again.")
        return
    for name, file in report.files.items():
        terminal.say(f"{name}: {len(file.rates):,} rates of {file.source}.")
        for code, count in file.warnings.by_code.most_common():
            first = next(one for one in file.warnings if one.code == code)
            terminal.say(f"    {count:>6,} × {first}")
    terminal.say(
        f"  {report.created:,} new, {report.updated:,} changed, {report.archived:,} archived, "
        f"{report.unchanged:,} as they were; {report.zones:,} new zones."
    )


def _show_fx(terminal: Terminal, report: FxImportReport, name: str) -> None:
    _show_problems(terminal, name, report.file.problems)
    if report.outcome == "refused":
        terminal.note("Nothing was imported. Mend these lines and import again.")
        return
    unchanged = len(report.file.rates) - report.created - report.updated
    terminal.say(f"{name}: {len(report.file.rates):,} rates of {report.file.days:,} days.")
    terminal.say(f"  {report.created:,} new, {report.updated:,} changed, {unchanged:,} as they were.")


def _show_problems(terminal: Terminal, name: str, problems: Findings) -> None:
    listed: Iterable[object] = problems.listed[:_PROBLEMS_SHOWN]
    for finding in listed:
        terminal.note(f"{name}: {finding}")
    if problems.count > _PROBLEMS_SHOWN:
        terminal.note(f"{name}: … and {problems.count - _PROBLEMS_SHOWN:,} more; --json lists the first 1,000.")


def _text(file: Path) -> str:
    from pannier.app.commands.errors import UnreadableFileError

    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{file}: not a text in UTF-8 (byte {error.start:,}).") from error


def _bytes(file: Path) -> bytes:
    from pannier.app.commands.errors import UnreadableFileError

    try:
        with file.open("rb") as opened:
            data = opened.read(_BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableFileError(f"{file}: {error.strerror}. Check the name, and that you may read it.") from error
    if len(data) > _BYTES_MAX:
        raise UnreadableFileError(f"{file}: more than {_BYTES_MAX:,} bytes, which no file of rates has.")
    return data


def _cause() -> Cause:
    from pannier.platform.records import Cause

    return Cause(actor())
