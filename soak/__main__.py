"""`make soak`: shoppers, and things that break under them; after each the books must be right.

Ends with 0 when nothing was lost, doubled or late, with 1 and the reasons otherwise. The same seed breaks the same
things in the same order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from soak.faults import KINDS
from soak.report import Report, Struck, table
from soak.run import Crowd, planned, strike
from soak.simulation.command import SEEDS, simulate
from soak.volume import Volume, volume
from soak.world import Plan, world

_ROUNDS = 100
_VOLUME_MIB = 2048


def main(arguments: Sequence[str] | None = None) -> int:
    """Break, check, tell."""
    options = _options(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if options.simulate:
        return asyncio.run(
            simulate(options.first, options.seeds, console, keeps_going=options.keep_going, traces=options.trace)
        )
    with tempfile.TemporaryDirectory(prefix="pannier-soak-logs-") as name, volume(_VOLUME_MIB) as disk:
        logs = options.logs or Path(name)
        logs.mkdir(parents=True, exist_ok=True)
        console.print(f"Seed {options.seed}. {disk.how}", highlight=False)
        report = asyncio.run(_run(options, disk, logs, console))
    if report.struck:
        console.print(table(report.struck))
    told = f"{len(report.struck)} faults in {report.duration_s:.0f} s, {sum(report.acts.values()):,} acts"
    console.print(f"{told}, {report.orders:,} orders, {report.gave_up} shoppers who gave up.", highlight=False)
    if options.report:
        options.report.write_text(json.dumps(report.as_data(), indent=1) + "\n", encoding="utf-8")
    for finding in report.findings:
        console.print(f"[red]Broken:[/] {finding}", highlight=False)
    if report.findings:
        again = f'make soak ARGS="--seed {options.seed} --rounds {len(report.struck)}"'
        console.print(f"Again: {again}; --logs DIRECTORY keeps what the servers say.", highlight=False)
        return 1
    console.print("After each of them the audit was clean and every acknowledged write was there, once.")
    return 0


async def _run(options: argparse.Namespace, disk: Volume, logs: Path, console: Console) -> Report:
    plan = Plan(options.seed, shoppers=options.shoppers)
    machine = {"cores": os.cpu_count(), "kernel": platform.release(), "memory": psutil.virtual_memory().total}
    report = Report(options.seed, {"kinds": options.kinds, "shoppers": plan.shoppers, "disk": disk.how}, machine)
    draw = random.Random(f"{options.seed}/strikes")
    faults = planned(options.seed, options.kinds)
    async with world(disk, logs, plan) as shop:
        crowd = Crowd(shop, plan.shoppers)
        async with crowd.shopping():
            started_at = time.monotonic()
            with _progress(console, options) as told:
                while _goes_on(options, report, time.monotonic() - started_at):
                    one = await strike(crowd, next(faults), draw, len(report.struck) + 1)
                    report.struck.append(one)
                    told(one, time.monotonic() - started_at)
            report.duration_s = round(time.monotonic() - started_at, 1)
            everybody = [*crowd.shoppers, *crowd.gone]
        report.shoppers, report.gave_up = len(everybody), len(crowd.gone)
        report.orders = sum(len(shopper.journal.orders) for shopper in everybody)
        report.acts, report.answers = dict(shop.street.acts), dict(shop.street.answers)
    return report


def _goes_on(options: argparse.Namespace, report: Report, elapsed_s: float) -> bool:
    if report.findings and not options.keep_going:
        return False
    if options.minutes is not None:
        return elapsed_s < float(options.minutes) * 60
    return len(report.struck) < int(options.rounds)


@contextmanager
def _progress(console: Console, options: argparse.Namespace) -> Iterator[Callable[[Struck, float], None]]:
    """A way to say what has been survived: a bar on a terminal, a line each elsewhere."""
    total = options.rounds if options.minutes is None else options.minutes * 60
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("shopping", total=total)

        def told(one: Struck, elapsed_s: float) -> None:
            text = (
                f"{one.kind}: {one.name}, served again after {one.recovery_s:.2f} s (whole after {one.whole_s:.2f} s)"
            )
            done = one.number if options.minutes is None else elapsed_s
            progress.update(task, completed=done, description=text)
            if not console.is_terminal:
                print(f"{one.number:4d}  {text}" + ("  BROKEN" if one.findings else ""), flush=True)

        yield told


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__.partition("\n")[0])
    how_long = parser.add_mutually_exclusive_group()
    how_long.add_argument("--rounds", type=int, default=_ROUNDS, help="how many faults (default %(default)s)")
    how_long.add_argument("--minutes", type=float, help="how long instead")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="breaks the same things in the same order")
    parser.add_argument("--kinds", type=_kinds, default=KINDS, help=f"some of {','.join(KINDS)}")
    parser.add_argument("--shoppers", type=int, default=8, help="how many shop at a time (default %(default)s)")
    simulation = parser.add_argument_group("the simulation of completions, in place of all that")
    simulation.add_argument("--simulate", action="store_true", help="play seeds; docs/explanation/simulation.md")
    simulation.add_argument("--seeds", type=int, default=SEEDS, help="how many (default %(default)s)")
    simulation.add_argument("--first", type=int, default=0, help="the first of them (default %(default)s)")
    simulation.add_argument("--trace", action="store_true", help="tell who did what, also when all is well")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first thing that breaks")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write everything that was found, as JSON")
    parser.add_argument("--logs", type=Path, metavar="DIRECTORY", help="keep the servers' messages there")
    return parser.parse_args(arguments)


def _kinds(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(KINDS):
        raise argparse.ArgumentTypeError(f"there is no kind {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
