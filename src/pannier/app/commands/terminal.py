"""What a command writes, and where.

Results go to standard output; progress, remarks and refusals go to standard error, so that `> file` and `| jq`
get nothing but the result. With `--json` standard output is one JSON value and nothing else.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pannier.kernel.errors import PannierError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Advance(Protocol):
    """Called with how far it is; `total` is None where nobody knows it, `what` begins another phase."""

    def __call__(self, done: int, total: int | None, what: str = "") -> None: ...


_LINE_EVERY_S = 5.0
_PLAIN_WIDTH = 10_000
#: Columns that are copied or compared, so that no narrow terminal may break them.
_WHOLE = ("id", "at", "kind")


class StoppedError(Exception):
    """The command was interrupted; raised in a thread that still works for it."""


class Terminal:
    """Where one command writes. Every command has one of its own."""

    def __init__(self, *, is_json: bool = False) -> None:
        self.is_json = is_json

    def result(self, value: Any, show: Callable[[], None]) -> None:
        """The result: as JSON, or as `show` writes it for people."""
        if self.is_json:
            write_json(value)
        else:
            show()

    def say(self, text: str = "") -> None:
        """A line of the result, for people. Square brackets are not markup."""
        if not self.is_json:
            sys.stdout.write(f"{text}\n")

    def note(self, text: str) -> None:
        """A remark beside the result."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> None:
        """Rows for people; `numbers` are the columns to be set to the right. Ids and times stay in one piece."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            is_number = column in numbers
            is_whole = is_number or column in _WHOLE
            table.add_column(column, justify="right" if is_number else "left", no_wrap=is_whole, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_printable(cell)) for cell in row))
        console = _console(sys.stdout)
        if sys.stdout.isatty():
            console.print(table)
            return
        # Into a pipe no line is broken and none ends in blanks.
        with console.capture() as captured:
            console.print(table)
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    @contextlib.contextmanager
    def progress(self, what: str, unit: str, *, every: int = 10_000) -> Iterator[Advance]:
        """Show how far something is: a bar on a terminal, else a line for every `every` units.

        When the block is left early, the next call of the yielded function raises StoppedError: a thread that
        is still at work learns of it that way.
        """
        is_stopped = False

        with contextlib.ExitStack() as stack:
            show = stack.enter_context(_bar(what, unit)) if sys.stderr.isatty() else _lines(what, unit, every)

            def advance(done: int, total: int | None, what: str = "") -> None:
                if is_stopped:
                    raise StoppedError
                show(done, total, what)

            try:
                yield advance
            except BaseException:
                is_stopped = True
                raise

    def confirm(self, question: str, *, is_confirmed: bool) -> None:
        """Ask before something that cannot be undone. Raises ConfirmationMissingError where nobody can answer."""
        if is_confirmed:
            return
        if not sys.stdin.isatty() or self.is_json:
            from pannier.app.commands.errors import ConfirmationMissingError

            raise ConfirmationMissingError(f"{question} Add --yes to say that you mean it.")
        try:
            is_meant = typer.confirm(f"{question} Go on?", err=True)
        except typer.Abort:
            self.note("\nStopped. Nothing was changed.")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        if not is_meant:
            self.note("Nothing was changed.")
            raise typer.Exit(EXIT_FAILED)

    @contextlib.contextmanager
    def interruptible(self, said: str) -> Iterator[None]:
        """Let Ctrl+C end the command with exit code 130 and a word on what it left behind."""
        try:
            yield
        except KeyboardInterrupt:
            self.note(f"\nStopped. {said}")
            raise typer.Exit(EXIT_INTERRUPTED) from None


def write_json(value: Any) -> None:
    """One JSON value on standard output, indented for a reader, one line in a pipe."""
    import msgspec

    encoded = msgspec.json.encode(value, enc_hook=str)
    if sys.stdout.isatty():
        encoded = msgspec.json.format(encoded, indent=2)
    sys.stdout.write(encoded.decode() + "\n")


def refuse(error: PannierError, *, is_json: bool) -> None:
    """A refusal as one block on standard error, and as JSON on standard output where that is wanted."""
    if is_json:
        write_json(
            {
                "error": error.error,
                "code": error.code,
                "message": error.message,
                "field": error.field,
                "details": error.details,
            }
        )
    block(error.title, error.message, error.code)


def block(title: str, text: str, code: str | None = None) -> None:
    """A title in red and what is to be done below it, on standard error."""
    head = f"{title} ({code})" if code else title
    if sys.stderr.isatty():
        head = f"\x1b[1;31m{head}\x1b[0m"
    body = "".join(f"  {line}\n" for line in text.splitlines())
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{head}\n{body}")
        sys.stderr.flush()


def fail() -> NoReturn:
    """End with exit code 1: the result says no."""
    raise typer.Exit(EXIT_FAILED)


def _console(stream: Any) -> Console:
    from rich.console import Console

    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def _printable(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = f"{cell:,}" if isinstance(cell, int) else str(cell)
    # A product may be called anything; what it is called must not move the cursor.
    return "".join(character if character.isprintable() else "�" for character in text)


def _lines(what: str, unit: str, every: int) -> Advance:
    phase, last, told_at = what, 0, time.monotonic()

    def show(done: int, total: int | None, what: str = "") -> None:
        nonlocal phase, last, told_at
        if what and what != phase:
            phase, last = what, 0
        is_long_ago = time.monotonic() - told_at > _LINE_EVERY_S and done > last
        if done // every > last // every or is_long_ago:
            last, told_at = done, time.monotonic()
            of = f" of {total:,}" if total is not None else ""
            sys.stderr.write(f"{phase}: {done:,}{of} {unit}\n")
            sys.stderr.flush()

    return show


@contextlib.contextmanager
def _bar(what: str, unit: str) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task(what, total=None)

        def show(done: int, total: int | None, what: str = "") -> None:
            progress.update(task, completed=done, total=total, description=what or None)

        yield show
