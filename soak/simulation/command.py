"""`make soak ARGS=--simulate`: ten thousand seeds, on every core, and the first that fails with what led to it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SEEDS = 10_000
_LINE_MAX = 1 << 24
_TRACE_SHOWN = 60
_TELL_EVERY = 500


async def simulate(first: int, seeds: int, console: Console, *, keeps_going: bool = False, traces: bool = False) -> int:
    """Play the seeds; 0 when the books were right after each, else 1, and how to have it again."""
    jobs = min(seeds, os.cpu_count() or 1)
    lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    workers = [
        asyncio.create_task(_work(first + job, jobs, -(-(seeds - job) // jobs), traces, lines)) for job in range(jobs)
    ]
    total: Counter[str] = Counter()
    failed: list[dict[str, Any]] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("seeds", total=seeds)
        left = jobs
        while left:
            said = await lines.get()
            if said is None:
                left -= 1
                continue
            total.update({"seeds": 1, **{name: said[name] for name in ("steps", "orders", "deaths")}})
            progress.update(task, completed=total["seeds"])
            if not console.is_terminal and total["seeds"] % _TELL_EVERY == 0:
                print(f"{total['seeds']} seeds, {total['steps']:,} steps, {len(failed)} broken", flush=True)
            if traces and not said["findings"]:
                console.print("\n".join(said["trace"]), markup=False, highlight=False)
            if said["findings"]:
                failed.append(said)
                _show(said, console)
                if not keeps_going:
                    break
    for worker in workers:
        worker.cancel()
    ended = await asyncio.gather(*workers, return_exceptions=True)
    troubles = [trouble for trouble in ended if isinstance(trouble, Exception)]
    for trouble in troubles:
        console.print(f"[red]A process ended:[/] {trouble}", highlight=False)
    told = f"{total['seeds']:,} seeds, {total['steps']:,} steps, {total['deaths']:,} deaths, {total['orders']:,} orders"
    console.print(f"{told}: {len(failed)} broken.", highlight=False)
    return 1 if failed or troubles else 0


def _show(said: dict[str, Any], console: Console) -> None:
    trace = said["trace"]
    if len(trace) > _TRACE_SHOWN:
        console.print(f"… {len(trace) - _TRACE_SHOWN} steps before", highlight=False)
    console.print("\n".join(trace[-_TRACE_SHOWN:]), markup=False, highlight=False)
    for finding in said["findings"]:
        console.print(f"[red]Broken:[/] {finding}", highlight=False)
    console.print(f'Again: make soak ARGS="--simulate --first {said["seed"]} --seeds 1"', highlight=False)


async def _work(first: int, step: int, count: int, traces: bool, lines: asyncio.Queue[dict[str, Any] | None]) -> None:
    arguments = ["-m", "soak.simulation", f"--first={first}", f"--step={step}", f"--count={count}"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, *(["--trace"] if traces else []), stdout=asyncio.subprocess.PIPE, limit=_LINE_MAX
    )
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            await lines.put(json.loads(line))
        if await process.wait() != 0:
            raise RuntimeError(f"the one from seed {first} on, with {process.returncode}")
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    finally:
        await lines.put(None)
