"""`pannier migrate`: the tables of the database, forward and back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, SchemaState, require_current, schema_state
from pannier.app.commands.terminal import Terminal, fail

if TYPE_CHECKING:
    from pannier.platform.settings import Settings


def migrate(
    to: Annotated[
        str | None, typer.Option("--to", metavar="REV", help="Forward to this revision instead of the newest.")
    ] = None,
    down: Annotated[
        str | None,
        typer.Option("--down", metavar="REV", help="Back to this revision; `base` takes all tables away."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 when it is behind.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before going back.")] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database to this version, or back.

    All of it happens in one transaction: it is done, or nothing has changed.
    `pannier serve` does this by itself for its own embedded database; that of
    PANNIER_DATABASE_URL is only ever changed here.

    [bold]Examples[/]
      [cyan]pannier migrate[/]                   to what this version needs
      [cyan]pannier migrate --check[/]           for a deployment script: exit code 1 when behind
      [cyan]pannier migrate --down base --yes[/] takes the shop's tables and data away

    [bold]Next[/]: `pannier serve`.
    """
    from pannier.app.commands.settings_reading import read_settings

    if sum((to is not None, down is not None, check)) > 1:
        raise typer.BadParameter("--to, --down and --check exclude each other; give one of them.")
    terminal = Terminal(is_json=as_json)
    settings = read_settings(data_dir=data_dir)
    with _any_url(settings, terminal) as url:
        before = schema_state(url, settings)
        if not check:
            with terminal.interruptible("Nothing was changed: a migration is one transaction."):
                _move(url, settings, terminal, to=to, down=down, is_confirmed=yes, before=before)
        after = before if check else schema_state(url, settings)
    result = {"before": before.found, "revision": after.found, "needed": after.needed, "is_current": after.is_current}
    terminal.result(result, lambda: terminal.say(_told(before, after, is_check=check)))
    if check and not after.is_current:
        fail()


@contextlib.contextmanager
def _any_url(settings: Settings, terminal: Terminal) -> Iterator[str]:
    """The database's URL, whatever its tables are like."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    from pannier.platform.embedded import lease

    with lease(settings.data_dir, report=terminal.note) as url:
        yield url


def _move(
    url: str,
    settings: Settings,
    terminal: Terminal,
    *,
    to: str | None,
    down: str | None,
    is_confirmed: bool,
    before: SchemaState,
) -> None:
    from alembic.util.exc import CommandError

    from pannier.platform import migrate as migrations

    try:
        if down is not None:
            terminal.confirm(f"Going back to {down} takes away what newer tables hold.", is_confirmed=is_confirmed)
            asyncio.run(migrations.downgrade(url, settings, down))
        elif to is not None:
            asyncio.run(migrations.upgrade(url, settings, to))
        elif not before.is_current:
            if before.is_ahead:
                require_current(before)
            asyncio.run(migrations.upgrade(url, settings))
    except CommandError as error:
        raise typer.BadParameter(f"{error}. The newest revision is {before.needed}.") from None


def _told(before: SchemaState, after: SchemaState, *, is_check: bool) -> str:
    if is_check:
        if after.is_current:
            return f"The database is at {after.found}, as this version needs."
        if after.found == after.needed:
            return "The database's functions are those of another version: run `pannier migrate`."
        if after.is_ahead:
            return f"The database is at {after.found}, which this version does not know."
        return (
            f"The database is at {after.found or 'nothing'}, this version needs {after.needed}: run `pannier migrate`."
        )
    if before.is_current and after.is_current:
        return f"The database is at {after.found} already; there was nothing to do."
    return f"The database went from {before.found or 'nothing'} to {after.found or 'nothing'}."
