"""`pannier settings` and `pannier version`: what is in force."""

from __future__ import annotations

import os
import platform
from typing import Annotated

import typer

from pannier.app.commands.shop import JsonOption
from pannier.app.commands.terminal import Terminal


def settings(
    changed: Annotated[bool, typer.Option("--changed", help="Only those that are not at their default.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every setting, its value and its source.

    Secrets are masked. A setting is an environment variable with the prefix PANNIER_.

    [bold]Examples[/]
      [cyan]pannier settings[/]
      [cyan]pannier settings --changed[/]
      [cyan]PANNIER_HOLD_AT=checkout pannier settings --json | jq .hold_at[/]

    [bold]Next[/]: `pannier doctor` says whether they make sense on this machine.
    """
    from pannier.app.commands.settings_reading import read_settings, setting_values, variable, warnings_of_unknown

    terminal = Terminal(is_json=as_json)
    values = [value for value in setting_values(read_settings()) if not changed or value.source != "default"]
    for warning in warnings_of_unknown(os.environ):
        terminal.note(warning)
    by_name = {value.name: {"value": value.value, "source": value.source, "default": value.default} for value in values}

    def show() -> None:
        if values:
            rows = [(variable(value.name), value.value or "-", value.source) for value in values]
            terminal.table(("setting", "value", "from"), rows)
        else:
            terminal.say("Every setting is at its default; `pannier settings` lists them.")

    terminal.result(by_name, show)


def version(as_json: JsonOption = False) -> None:
    """Print the versions of Pannier, Python and PostgreSQL.

    [bold]Example[/]
      [cyan]pannier version --json[/]
    """
    from pannier import __version__
    from pannier.platform.embedded.binaries import MAJOR_VERSION

    terminal = Terminal(is_json=as_json)
    versions = {"pannier": __version__, "python": platform.python_version(), "embedded_postgresql": MAJOR_VERSION}
    terminal.result(
        versions,
        lambda: terminal.say(
            f"Pannier {__version__} on Python {versions['python']}, with an embedded PostgreSQL {MAJOR_VERSION}"
        ),
    )
