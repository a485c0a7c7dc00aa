"""`make bench`: this machine's plain SQL against the same work over HTTP.

Ends with 1 when a bar is missed, an answer was wrong or the audit objects, with 0 otherwise.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import large, pgbench, postgres, pricing, scale, search, starting
from bench.audit import audit
from bench.machine import commit, machine, versions
from bench.models import LOADS, Measurement, Results, bars_of
from bench.report import RESULTS, print_results, write_results
from bench.runner import Plan, Runner
from bench.seeding import SHOP_SETTINGS, SeededShop, Sizes
from bench.serving import served
from bench.wrk import LoadFailedError
from pannier.kernel.clock import SystemClock

SEARCH = "search"
QUICK = Plan(clients=(32,), seconds=4, warm_up_s=1, with_others=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write down, judge."""
    options = _options(arguments)
    plan = _plan(options)
    # A file or a pipe has no width of its own, and the table needs some.
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if options.scale:
        seconds = options.seconds or scale.SECONDS
        is_met = scale.run(options.workers, seconds, options.data_dir, options.results or RESULTS, console)
        return 0 if is_met or options.no_bars else 1
    if options.start:
        return 0 if starting.run(console) or options.no_bars else 1
    if options.large:
        return 0 if large.run(options.workers, options.seconds, console) or options.no_bars else 1
    try:
        results = _measure(plan, options, console)
    except LoadFailedError as failure:
        print(f"The load failed: {failure}", file=sys.stderr)
        return 1
    print_results(results, console)
    if not options.quick or options.results:
        written = write_results(results, options.results or RESULTS)
        console.print("Written: " + ", ".join(os.path.relpath(path) for path in written))
    is_clean = results.audit == "clean"
    are_met = options.no_bars or all(bar.is_met for bar in results.bars)
    return 0 if is_clean and are_met else 1


def _measure(plan: Plan, options: argparse.Namespace, console: Console) -> Results:
    settings = SHOP_SETTINGS | {"workers": options.workers, "rate_limits": not options.no_rate_limits}
    started_at = SystemClock().now().isoformat(timespec="seconds")
    with _progress(console, plan.steps) as (say, told), postgres.started(options.data_dir) as server:
        say("making the databases")
        baselines = [load.baseline for load in plan.loads] + (["add3", "hot1"] if plan.with_others else [])
        pgbench.make_databases(server, tuple(dict.fromkeys(baselines)))
        seeded = SeededShop(server, Sizes())
        seeded.make()
        with served(seeded.url, settings) as shop:
            say("measuring")
            pairs, others = Runner(server, shop, seeded, plan, told).run()
            carts = [] if options.loads else large.measure(shop, seeded, min(plan.seconds, large.SECONDS), told)
        say("pricing")
        quotes = [] if options.no_bars else [pricing.measure(size) for size in pricing.SIZES]
        grown = [] if options.no_bars else [pricing.growth_bar(pricing.growth())]
        searches: list[Measurement] = []
        if options.loads is None or SEARCH in options.loads:
            say("importing a catalogue to search")
            with served(search.make(server), settings) as shop:
                say("searching")
                searches = search.measure(shop.url, plan.seconds, told)
        say("auditing")
        return Results(
            machine=machine(server.directory),
            versions=versions(server),
            settings=settings
            | {"seconds": plan.seconds, "warm_up_s": plan.warm_up_s}
            | {f"postgresql {name}": value for name, value in postgres.SETTINGS.items()}
            | dataclasses.asdict(seeded.sizes),
            commit=commit(),
            started_at=started_at,
            pairs=pairs,
            others=others,
            searches=searches,
            large=carts,
            bars=[]
            if options.no_bars
            else [*bars_of(pairs), *large.bars_of(carts), *pricing.bars(quotes), *grown, *search.bars_of(searches)],
            audit=audit(seeded.url),
        )


@contextmanager
def _progress(console: Console, steps: int) -> Iterator[tuple[Callable[[str], None], Callable[[Measurement], None]]]:
    """Ways to say what is being done and what was measured: a bar on a terminal, a line each elsewhere."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=steps)

        def say(text: str) -> None:
            progress.update(task, description=text)
            if not console.is_terminal:
                print(text, flush=True)

        def told(found: Measurement) -> None:
            text = f"{found.name}, {found.clients} clients: {found.per_second:,.0f}/s"
            progress.update(task, advance=1, description=text)
            if not console.is_terminal:
                print(text, flush=True)

        yield say, told


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    chosen = {load.name: load for load in LOADS}
    return dataclasses.replace(
        plan,
        clients=options.clients or plan.clients,
        seconds=options.seconds or plan.seconds,
        loads=tuple(chosen[name] for name in options.loads if name != SEARCH) if options.loads else plan.loads,
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [*(load.name for load in LOADS), SEARCH]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds of each load at 32 clients, written nowhere"
    )
    parser.add_argument(
        "--scale", action="store_true", help="instead: adding and reading from 1,000 to 1,000,000 carts and products"
    )
    parser.add_argument(
        "--large", action="store_true", help="instead: getting and adding to carts of 10 to 1,000 lines"
    )
    parser.add_argument(
        "--start", action="store_true", help="instead: from a fresh clone to an answer, and later starts"
    )
    parser.add_argument("--clients", type=_numbers, help="such as 1,8,32,64")
    parser.add_argument("--seconds", type=float, help="length of each measurement")
    parser.add_argument("--loads", type=lambda text: _known(text, names), help=f"some of {','.join(names)}")
    parser.add_argument(
        "--workers", type=int, default=WORKERS, help="worker processes of the shop (default %(default)s)"
    )
    parser.add_argument("--no-rate-limits", action="store_true", help="count no requests; by default all are counted")
    parser.add_argument("--no-bars", action="store_true", help="measure only, judge nothing")
    parser.add_argument("--results", type=Path, help="where to write the results (default bench/results)")
    parser.add_argument("--data-dir", type=Path, help="where to make the database (default: the temporary directory)")
    return parser.parse_args(arguments)


#: One a core, though the database and the load generator share them: reads gain by half, writes lose nothing.
WORKERS = os.cpu_count() or 1


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def _known(text: str, names: Sequence[str]) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(names):
        raise argparse.ArgumentTypeError(f"there is no load {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
