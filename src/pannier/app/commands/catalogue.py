"""`pannier import`, `export` and `seed`: the catalogue in and out."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, actor, in_shop
from pannier.app.commands.terminal import Terminal, fail

if TYPE_CHECKING:
    from pannier.catalog import Findings, ImportReport, Progress
    from pannier.platform.database import Database
    from pannier.platform.settings import Settings

Format = Literal["shopify", "json"]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="What the file is; by its ending otherwise (.json, else Shopify CSV).")
]
CurrencyOption = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="Currency of the prices; PANNIER_CURRENCY otherwise.")
]
_PROBLEMS_SHOWN = 50
_PHASES = {"scan": "Scanning", "check": "Checking", "read": "Storing"}


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", allow_dash=True, help="The file; - reads standard input.")],
    format: FormatOption = None,  # noqa: A002 # named as the option is
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave products with a bad row out, and import the others.")
    ] = False,
    currency: CurrencyOption = None,
    untracked_when_blank: Annotated[
        bool,
        typer.Option(
            "--untracked-when-blank",
            help="Do not count a variant whose inventory tracker is blank; else it is counted, lest it be oversold.",
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell every warning, not one of a kind.")] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a catalogue: all of the file, or nothing.

    Every bad row is told by line, column and reason. The same file again
    changes nothing; a changed file changes what it says anew, and leaves alone
    what was sold or repriced in the shop meanwhile.

    Rates come in by [cyan]pannier import tax FILE[/] and [cyan]pannier import fx FILE[/].

    [bold]Examples[/]
      [cyan]pannier import products.csv[/]
      [cyan]pannier import products.csv --currency EUR --partial[/]
      [cyan]pannier import products.csv --json | jq .problems[/]

    [bold]Next[/]: `pannier stock list`, or open /api/v1/products of `pannier serve`.
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir, currency=currency)
    with (
        _source(file, settings.import_max_bytes) as source,
        terminal.interruptible("Nothing of the file was imported."),
    ):
        report = in_shop(
            settings, terminal, lambda db: _import(db, settings, terminal, source, _format(format, file),
                                                   is_partial=partial, untracked_when_blank=untracked_when_blank)
        )  # fmt: skip
    terminal.result(report.to_dict(), lambda: _show_import(terminal, report, _called(file), is_verbose=verbose))
    if report.outcome == "refused":
        fail()


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", allow_dash=True, help="Where to; - is standard output.")],
    format: FormatOption = None,  # noqa: A002 # named as the option is
    currency: CurrencyOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the catalogue in a format other shops read.

    What an import brought comes back cell for cell, columns that Pannier has
    no use for included. A file that is there is replaced when the new one is
    complete, and not before.

    [bold]Examples[/]
      [cyan]pannier export products.csv[/]
      [cyan]pannier export - | gzip > products.csv.gz[/]

    [bold]Next[/]: import the file elsewhere, or edit it and `pannier import` it here.
    """
    from pannier.app.commands.settings_reading import read_settings

    is_stdout = str(file) == "-"
    if is_stdout and as_json:
        raise typer.BadParameter("--json says what was exported; with - the export itself goes to standard output.")
    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir, currency=currency)
    with terminal.interruptible("No file was written."), _written(file), _target(file) as out:
        report = in_shop(settings, terminal, lambda db: _export(db, settings, terminal, out, _format(format, file)))
    told = f"Exported {report.products:,} products in {report.rows:,} rows to {file}."
    if report.unpriced:
        told += f"\n{report.unpriced:,} variants have no price in {settings.currency} and were left out."
    if is_stdout:
        terminal.note(told.replace(" to -", ""))
    else:
        terminal.result(report.to_dict() | {"file": str(file)}, lambda: terminal.say(told))


def seed(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Put the demo catalogue into an empty shop.

    A dozen products with options, one of them on sale, one low and one out of
    stock; a tax, three ways of shipping, a promotion and a code.
    A shop with products of its own is left as it is.

    [bold]Example[/]
      [cyan]pannier seed[/]

    [bold]Next[/]: `pannier serve`, then open /api/v1/products.
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir)
    with terminal.interruptible("Nothing was put into the shop."):
        report = in_shop(settings, terminal, lambda db: _seed(db, settings))
    made = 0 if report is None else report.created
    told = f"Put {made} demo products into the shop." if made else "The shop has products already; nothing was changed."
    terminal.result({"products": {"created": made}}, lambda: terminal.say(told))


def seed_if_empty(url: str, settings: Settings) -> ImportReport | None:
    """The demo into the database at `url`, with a gift card to try; None when there are products already."""
    import asyncio

    from pannier.kernel.clock import SystemClock
    from pannier.platform.database import Database

    async def run() -> ImportReport | None:
        db = await Database.connect(url, settings, SystemClock())
        try:
            return await _seed(db, settings, has_gift_card=True)
        finally:
            await db.close()

    return asyncio.run(run())


async def _seed(db: Database, settings: Settings, *, has_gift_card: bool = False) -> ImportReport | None:
    from pannier.app.catalogue_stock import CatalogueStock
    from pannier.app.demo_shop import furnish_demo
    from pannier.catalog import seed_demo
    from pannier.inventory import InventoryService

    report = await seed_demo(db, CatalogueStock(InventoryService(db, settings)), currency=settings.currency)
    if report is not None:
        await furnish_demo(db, currency=settings.currency, has_gift_card=has_gift_card)
    return report


async def _import(
    db: Database,
    settings: Settings,
    terminal: Terminal,
    source: Path | bytes,
    kind: Format,
    *,
    is_partial: bool,
    untracked_when_blank: bool,
) -> ImportReport:
    from pannier.app.catalogue_stock import CatalogueStock
    from pannier.catalog import ImportOptions, import_json, import_shopify
    from pannier.inventory import InventoryService

    options = ImportOptions(
        currency=settings.currency, untracked_when_blank=untracked_when_blank, bytes_max=settings.import_max_bytes
    )
    stock = CatalogueStock(InventoryService(db, settings))
    load = import_json if kind == "json" else import_shopify
    with terminal.progress("Reading", "kB") as advance:

        def on_progress(progress: Progress) -> None:
            advance(progress.bytes_done // 1000, progress.bytes_total // 1000, _PHASES[progress.phase])

        return await load(
            db, stock, source, options=options, partial=is_partial, actor=actor(), on_progress=on_progress
        )


async def _export(db: Database, settings: Settings, terminal: Terminal, out: BinaryIO, kind: Format) -> Any:
    from pannier.app.catalogue_stock import CatalogueStock
    from pannier.catalog import export_json, export_shopify
    from pannier.inventory import InventoryService

    stock = CatalogueStock(InventoryService(db, settings))
    save = export_json if kind == "json" else export_shopify
    with terminal.progress("Exporting", "products", every=1_000) as advance:
        return await save(db, stock, out, currency=settings.currency, on_progress=advance)


def _format(asked: Format | None, file: Path) -> Format:
    if asked is not None:
        return asked
    return "json" if file.suffix.lower() == ".json" else "shopify"


@contextlib.contextmanager
def _source(file: Path, bytes_max: int) -> Iterator[Path | bytes]:
    """The file, or what comes from standard input: a byte more than may be is enough to have it refused."""
    from pannier.app.commands.errors import UnreadableFileError

    if str(file) == "-":
        yield sys.stdin.buffer.read(bytes_max + 1)
        return
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise UnreadableFileError(f"{file}: {error.strerror}. Check the name, and that you may read it.") from error
    yield file


class _UnwrittenError(Exception):
    """The output takes no more; the cause says why.

    No OSError: where the database is read, that would mean that the database is gone.
    """


class _Output(io.BufferedWriter):
    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise _UnwrittenError from error

    def close(self) -> None:
        try:
            super().close()
        except OSError as error:
            raise _UnwrittenError from error


@contextlib.contextmanager
def _written(file: Path) -> Iterator[None]:
    from pannier.app.commands.errors import UnreadableFileError

    try:
        yield
    except _UnwrittenError as stopped:
        error = stopped.__cause__
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            target = "standard output" if str(file) == "-" else file
            raise UnreadableFileError(f"{target}: {error.strerror}. No file was written.") from error
        # Nobody reads on, as behind `| head`: that is nothing to complain of.
        raise BrokenPipeError from error


@contextlib.contextmanager
def _target(file: Path) -> Iterator[BinaryIO]:
    """What is written becomes the file when the block ends well, and is thrown away when it does not."""
    from pannier.app.commands.errors import UnreadableFileError

    if str(file) == "-":
        with _Output(io.FileIO(os.dup(sys.stdout.fileno()), "w")) as out:
            yield out
        return
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise UnreadableFileError(f"{file}: {error.strerror}. Choose a folder that you may write to.") from error
    try:
        with _Output(io.FileIO(descriptor, "w")) as out:
            yield out
        # mkstemp makes files for their owner only; this one is like any other file of the user's.
        mask = os.umask(0)
        os.umask(mask)
        Path(draft).chmod(0o666 & ~mask)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _called(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)


def _show_import(terminal: Terminal, report: ImportReport, name: str, *, is_verbose: bool) -> None:
    file = report.file
    if report.outcome == "refused":
        terminal.note(f"Nothing of {name} was imported: {_count(file.problems.count, 'problem')}.")
        for finding in file.problems.listed[:_PROBLEMS_SHOWN]:
            terminal.note(f"  {finding}")
        if file.problems.count > _PROBLEMS_SHOWN:
            terminal.note(f"  … and {file.problems.count - _PROBLEMS_SHOWN:,} more; --json lists the first 1,000.")
        next_step = "Mend these lines and import again"
        if file.is_readable and file.products:
            next_step += f"; or add --partial to import the {file.products:,} good products now"
        terminal.note(f"{next_step}.")
        return
    terminal.say(
        f"{name}: {_count(file.products, 'product')}, {_count(file.variants, 'variant')} in {file.rows:,} rows."
    )
    terminal.say(
        f"  {report.created:,} new, {report.updated:,} changed, {report.unchanged:,} as they were; "
        f"stock of {_count(report.stock_changes, 'variant')} booked."
    )
    if file.left_out:
        terminal.say(f"  {_count(len(file.left_out), 'product')} left out: {_count(file.problems.count, 'problem')}.")
        for finding in file.problems.listed[:_PROBLEMS_SHOWN]:
            terminal.note(f"    {finding}")
    _show_warnings(terminal, file.warnings, is_verbose=is_verbose)


def _show_warnings(terminal: Terminal, warnings: Findings, *, is_verbose: bool) -> None:
    """A line for each kind, with its first place: a file with 10,000 blank SKUs has one thing to say of them."""
    if not warnings.count:
        return
    if is_verbose:
        for finding in warnings.listed:
            terminal.say(f"  {finding}")
        if warnings.count > len(warnings.listed):
            terminal.say(f"  … and {warnings.count - len(warnings.listed):,} more.")
        return
    terminal.say("  To note, each with the first place (--verbose tells all):")
    for code, count in warnings.by_code.most_common():
        first = next((finding for finding in warnings.listed if finding.code == code), None)
        terminal.say(f"    {count:>6,} × {first if first is not None else code}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
