"""`pannier audit`: whether the shop's figures are true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, in_shop
from pannier.app.commands.terminal import Terminal, fail

if TYPE_CHECKING:
    from pannier.app.audit import AuditReport, Breach

_ROWS_SHOWN = 10


def audit(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend figures of stock and carts from the ledger, the holds and the lines.")
    ] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that every figure is right.

    Where one is not, the rows that say so, and exit code 1.

    Stock against its ledger and its holds, carts against their lines, orders
    against their sums, events against their order. It reads one snapshot and
    stops nobody, so it can run while the shop is open.

    [bold]Examples[/]
      [cyan]pannier audit[/]
      [cyan]pannier audit --json[/]       for a nightly job
      [cyan]pannier audit --repair[/]     stock follows its ledger, never vice versa

    [bold]Next[/]: `pannier stock movements VARIANT` shows a ledger.
    """
    from pannier.app.commands.settings_reading import read_settings

    terminal = Terminal(is_json=as_json)
    with terminal.interruptible("Repairs that were done before stay; each is a transaction of its own."):
        report = in_shop(read_settings(data_dir=data_dir), terminal, lambda db: _audit(db, is_repair=repair))
    terminal.result(_as_data(report), lambda: _show(terminal, report))
    if not report.is_clean:
        fail()


async def _audit(db: Any, *, is_repair: bool) -> AuditReport:
    from pannier.app import audit as audits

    return await (audits.repair(db) if is_repair else audits.audit(db))


def _as_data(report: AuditReport) -> dict[str, Any]:
    return {
        "is_clean": report.is_clean,
        "invariants": report.invariants,
        "breaches": [
            {
                "name": breach.name,
                "sentence": breach.sentence,
                "rows": breach.rows,
                "has_more": breach.has_more,
                "is_repairable": breach.is_repairable,
            }
            for breach in report.breaches
        ],
        "repairs": report.repairs,
        "duration_s": round(report.duration_s, 3),
    }


def _show(terminal: Terminal, report: AuditReport) -> None:
    for done in report.repairs:
        terminal.say(_repair(done))
    if report.is_clean:
        terminal.say(f"All {report.invariants} invariants hold ({report.duration_s:.1f} s).")
        return
    terminal.say(f"{len(report.breaches)} of {report.invariants} invariants do not hold:")
    for breach in report.breaches:
        _show_breach(terminal, breach)
    if any(breach.is_repairable for breach in report.breaches):
        terminal.note("`pannier audit --repair` mends what can be mended; make a backup first.")
    else:
        terminal.note("These cannot be mended from other figures. Look at the rows, and keep a backup as it is now.")


def _show_breach(terminal: Terminal, breach: Breach) -> None:
    terminal.say()
    terminal.say(f"{breach.name}: {breach.sentence}.")
    for row in breach.rows[:_ROWS_SHOWN]:
        terminal.say(f"  {_row(row)}")
    hidden = len(breach.rows) - _ROWS_SHOWN
    if hidden > 0:
        more = "or more " if breach.has_more else ""
        terminal.say(f"  … and {hidden} {more}others; --json lists them.")


def _row(row: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())


def _repair(done: Mapping[str, Any]) -> str:
    """What was done, and of the figures only those that are others now."""
    did = str(done["did"])
    now: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for name, value in done.items():
        if name == "before":
            before |= value
        elif isinstance(value, dict):
            now |= {key: figure for key, figure in value.items() if not key.endswith("_before")}
            before |= {key.removesuffix("_before"): figure for key, figure in value.items() if key.endswith("_before")}
        elif name != "did":
            now[name] = value
    said = [
        f"{name} {before[name]} → {value}" if name in before and before[name] != value else f"{name} {value}"
        for name, value in now.items()
        if name.endswith("id") or name not in before or before[name] != value
    ]
    told = f"Not mended: {did.removeprefix('nothing: ')}" if did.startswith("nothing: ") else f"Mended: {did}"
    return f"{told}\n  {', '.join(said)}"
