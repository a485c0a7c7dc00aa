"""`pannier`: the command line.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage or wrong settings, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pannier.app.commands import (
    audit,
    catalogue,
    doctor,
    imports,
    migrate,
    price,
    promotions,
    report,
    serve,
    settings,
    stock,
    user,
)
from pannier.app.commands.terminal import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, refuse

if TYPE_CHECKING:
    from pannier.kernel.errors import PannierError

_DEBUG_VARIABLE = "PANNIER_LOG_LEVEL"

app = typer.Typer(
    name="pannier",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings are environment variables; [cyan]pannier settings[/] lists them.\n\n"
    "Exit codes: 0 done · 1 refused · 2 wrong usage or settings · 130 interrupted.",
)


@app.callback()
def pannier(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and every log line; also PANNIER_LOG_LEVEL=DEBUG.")
    ] = False,
) -> None:
    """The cart, stock and checkout engine: a shop that runs with one command.

    [bold]Begin with[/]

      [cyan]pannier serve --demo[/]    a shop to try, on http://127.0.0.1:8000
      [cyan]pannier import FILE[/]     your products, from a Shopify CSV
      [cyan]pannier doctor[/]          what is wrong, and what to do about it
    """
    if debug:
        os.environ[_DEBUG_VARIABLE] = "DEBUG"


app.command(rich_help_panel="Run")(serve.serve)
app.command(rich_help_panel="Run")(migrate.migrate)
app.add_typer(imports.app, name="import", rich_help_panel="Catalogue and stock")
app.command(rich_help_panel="Catalogue and stock")(catalogue.export)
app.command(rich_help_panel="Catalogue and stock")(catalogue.seed)
app.add_typer(stock.app, name="stock", rich_help_panel="Catalogue and stock")
app.add_typer(promotions.app, name="promotions", rich_help_panel="Prices")
app.add_typer(promotions.coupon_app, name="coupon", rich_help_panel="Prices")
app.add_typer(user.app, name="user", rich_help_panel="People")
app.add_typer(report.app, name="report", rich_help_panel="Look into it")
app.command(rich_help_panel="Look into it")(audit.audit)
app.command(rich_help_panel="Look into it")(price.price)
app.command(rich_help_panel="Look into it")(doctor.doctor)
app.command(name="settings", rich_help_panel="Look into it")(settings.settings)
app.command(rich_help_panel="Look into it")(settings.version)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. A refusal is one block on standard error, never a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    if "--debug" in options:
        # It may stand anywhere, since it is put behind a command that has just failed.
        words.remove("--debug")
        words.insert(0, "--debug")
    is_json = "--json" in options
    try:
        _log_plainly(options)
        app(words, prog_name="pannier")
    except SystemExit as end:
        return _code(end)
    except BrokenPipeError:
        _forget_output()
        return EXIT_FAILED
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 # whatever it is, it is told and not thrown at the reader
        return _explain(error, is_json=is_json)
    return EXIT_OK


def _code(end: SystemExit) -> int:
    if end.code is None:
        return EXIT_OK
    return end.code if isinstance(end.code, int) else EXIT_FAILED


def _explain(error: Exception, *, is_json: bool) -> int:
    from pannier.app.commands.errors import WrongSettingsError
    from pannier.kernel.errors import PannierError

    if _is_debug():
        logging.getLogger("pannier").debug("the command failed", exc_info=error)
    if isinstance(error, PannierError):
        refuse(error, is_json=is_json)
        return EXIT_USAGE if isinstance(error, WrongSettingsError) else EXIT_FAILED
    refuse(_unexpected(error), is_json=is_json)
    return EXIT_FAILED


def _unexpected(error: Exception) -> PannierError:
    from pannier.platform.observability.logs import redact
    from pannier.platform.problems import InternalError

    return InternalError(
        f"{type(error).__name__}: {redact(str(error))}\n"
        "This is a fault of Pannier or of the machine. `pannier doctor` looks for the usual causes;\n"
        "the same command with --debug shows where it happened."
    )


def _log_plainly(options: Sequence[str]) -> None:
    """Warnings as lines for people on standard error; all of it with --debug."""
    is_debug = "--debug" in options or _is_debug()
    logging.basicConfig(
        level=logging.DEBUG if is_debug else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    if not is_debug:
        # What they warn of comes up as a refusal, with what to do about it.
        logging.getLogger("pannier.platform.database").setLevel(logging.ERROR)


def _is_debug() -> bool:
    return os.environ.get(_DEBUG_VARIABLE, "").upper() == "DEBUG"


def _forget_output() -> None:
    """Whoever read our output has gone (`| head`): the interpreter must not try to flush it once more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
