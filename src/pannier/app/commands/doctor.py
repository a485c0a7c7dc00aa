"""`pannier doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption
from pannier.app.commands.terminal import Terminal, fail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pannier.app.diagnosis_settings import Finding

_MARKS = {"ok": "ok", "note": "note", "problem": "WRONG"}
_COLOURS = {"ok": "32", "note": "33", "problem": "1;31"}


def doctor(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Find what is wrong, and say what to do.

    Exit code 1 if anything is. It looks at settings, misspelt variables and
    settings that contradict each other; at what is weak where others reach the
    shop; at disk and port; at the database with its version, tables, clock,
    connections and durability, and at a pooler before it. It changes nothing;
    an embedded database that is not running is started for the moment it takes.

    [bold]Examples[/]
      [cyan]pannier doctor[/]
      [cyan]PANNIER_DATABASE_URL=postgresql://… pannier doctor --json[/]
    """
    terminal = Terminal(is_json=as_json)
    findings: list[Finding] = []
    for finding in _findings(data_dir, terminal):
        findings.append(finding)
        if not as_json:
            _show(finding)
    problems = sum(finding.status == "problem" for finding in findings)
    terminal.result({"problems": problems, "findings": findings}, lambda: _show_sum(terminal, findings))
    if problems:
        fail()


def _findings(data_dir: Path | None, terminal: Terminal) -> Iterator[Finding]:
    from pannier.app import diagnosis
    from pannier.app.commands.errors import WrongSettingsError
    from pannier.app.commands.settings_reading import read_settings, warnings_of_unknown
    from pannier.app.diagnosis_settings import Finding

    for warning in warnings_of_unknown(os.environ):
        yield Finding("variables", "problem", warning, "Rename or unset it.")
    try:
        settings = read_settings(data_dir=data_dir)
    except WrongSettingsError as error:
        for fault in error.details["settings"]:
            told = f"{fault['name']}: {fault['problem'].splitlines()[0]}"
            yield Finding("settings", "problem", told, "docs/reference/settings.md tells what it may be.")
        return
    yield Finding("settings", "ok", f"{len(settings.model_fields_set)} set, all of them valid")
    yield from diagnosis.diagnose(settings, terminal.note)


def _show(finding: Finding) -> None:
    mark = f"{_MARKS[finding.status]:<6}"
    if sys.stdout.isatty():
        mark = f"\x1b[{_COLOURS[finding.status]}m{mark}\x1b[0m"
    first, *more = finding.found.splitlines()
    lines = [f"{mark}{finding.about:<12}{first}", *(f"{'':18}{line}" for line in more)]
    if finding.advice:
        lines += [f"{'':18}→ {line}" for line in finding.advice.splitlines()]
    typer.echo("\n".join(lines))


def _show_sum(terminal: Terminal, findings: Sequence[Finding]) -> None:
    problems = sum(finding.status == "problem" for finding in findings)
    notes = sum(finding.status == "note" for finding in findings)
    told = "Nothing is wrong" if not problems else f"{problems} thing{'s are' if problems > 1 else ' is'} wrong"
    terminal.say(f"\n{told}{f', {notes} to think about' if notes else ''}.")
