"""How far a replay is: a bar with lines a second on a terminal, a line of text for every so many invoices elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_EVERY = 200


class ReplayProgress:
    """Told of each invoice that is done; writes to standard error, so that the report stays alone."""

    def __init__(self, invoices: int, *, is_quiet: bool = False) -> None:
        self._total = invoices
        self._is_quiet = is_quiet
        self._console = Console(stderr=True)
        columns = (
            TextColumn("Replaying"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("invoices, {task.fields[rate]:,.0f} lines/s"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=self._console, disable=is_quiet or not self._console.is_terminal)
        self._task = self._bar.add_task("replay", total=invoices, rate=0.0)
        self._done = 0
        self._lines = 0
        self._started_at = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, lines: int) -> None:
        """One more invoice, of so many lines, is an order or was refused."""
        self._done += 1
        self._lines += lines
        rate = self._lines / max(0.001, time.monotonic() - self._started_at)
        self._bar.update(self._task, advance=1, rate=rate)
        is_due = self._done % _EVERY == 0 or self._done == self._total
        if is_due and not self._is_quiet and not self._console.is_terminal:
            print(f"{self._done:,} of {self._total:,} invoices, {rate:,.0f} lines/s", file=sys.stderr, flush=True)
