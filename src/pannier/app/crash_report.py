"""Why a worker dies again and again, on one page: what happened, what it means, what to do.

A worker says what went wrong as a traceback, bare or inside a line of JSON. Its reader wants neither five of them nor
the forty lines of one: the exception that began it tells the cause, and the cause tells what to do.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pannier.kernel.errors import PannierError
from pannier.platform.observability.logs import redact
from pannier.platform.settings import Settings

_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*)(: .*)?$")
_CHAINED = re.compile(r"(?:direct cause of the following|during handling of the above) exception", re.IGNORECASE)
_WIDTH = 11
_LINE_MAX = 300
_KILLED = "The kernel kills the largest program when memory runs out (`dmesg | grep -i 'killed process'` tells)."


@dataclass(frozen=True, slots=True)
class Cause:
    """What a worker died of, in a line, and what to do about it."""

    told: str
    advice: Sequence[str]


#: Looked for in the exception that began it, in this order.
_KNOWN: Sequence[tuple[str, Cause]] = (
    (
        r"ModuleNotFoundError|ImportError|No module named",
        Cause(
            "a part of the installation is missing, or of another version",
            ["Install Pannier again, with its locked packages, into one fresh virtual environment."],
        ),
    ),
    (
        r"No space left on device|Disk quota exceeded|DiskFull|Errno 28|Errno 122",
        Cause(
            "the disk is full",
            ["Make room (`df -h` tells where), then start again: nothing that was confirmed is lost."],
        ),
    ),
    (
        r"Address already in use|Errno 98",
        Cause("the port is taken", ["`ss -ltnp` shows by whom. Stop it, or choose another one with PANNIER_PORT."]),
    ),
    (
        r"ValidationError|SettingsError",
        Cause("a setting cannot be used", ["`pannier settings` tells which one, and what it may be."]),
    ),
    (
        r"TooManyConnections|too many clients|remaining connection slots",
        Cause(
            "the database takes no more connections",
            ["Lower PANNIER_WORKERS or PANNIER_DATABASE_POOL_SIZE, or raise max_connections of the server."],
        ),
    ),
    (r"MemoryError", Cause("memory ran out", [_KILLED, "Lower PANNIER_WORKERS, or give the machine more."])),
    (
        r"Too many open files|Errno 24",
        Cause(
            "a process may not open enough files",
            ["Raise it: LimitNOFILE=65536 in the unit, `ulimit -n 65536` elsewhere."],
        ),
    ),
    (
        r"PermissionError|Errno 13",
        Cause(
            "a file or socket may not be used by this user", ["Run Pannier as the user who owns its data directory."]
        ),
    ),
)
_OF_DATABASE = re.compile(
    r"asyncpg\.|DatabaseUnavailable|ConnectionRefused|ConnectionReset|ConnectionDoesNotExist|gaierror|TimeoutError|ssl\."
)


def first_exception(said: str) -> str:
    """The exception that began it, as `type: text`; empty when there is none in `said`."""
    found = ""
    is_chained = False
    for line in _plain(said).splitlines():
        if _CHAINED.search(line):
            is_chained = True
        elif line.startswith("Traceback (most recent call last)"):
            # A new traceback is another story, unless it follows from the one before.
            found = found if is_chained else ""
            is_chained = False
        elif not found and (match := _EXCEPTION.match(line)) and (match[2] or line.endswith(("Error", "Exception"))):
            found = line
    return redact(found)[:_LINE_MAX]


def crash_page(head: str, said: str, exit_code: int, settings: Settings, database_url: str, *, answered: bool) -> str:
    """One page for standard error. `head` tells who died and how often, `said` is what it had said last."""
    exception = first_exception(said)
    cause = _cause(exception, exit_code, database_url, answered=answered)
    rows = [("Cause", cause.told)]
    if exception and exception not in cause.told:
        rows.append(("", exception))
    elif not exception and not answered:
        # No exception to name: then its last words are all there is.
        rows += [("", line[:_LINE_MAX]) for line in redact(_plain(said)).splitlines()[-5:]]
    rows += [("Do this" if number == 0 else "", line) for number, line in enumerate(cause.advice)]
    rows.append(("", "`pannier doctor` looks at settings, database, disk and port, and says what to mend."))
    if settings.log_level != "DEBUG":
        rows.append(("More", "PANNIER_LOG_LEVEL=DEBUG shows everything the worker said."))
    lines = [f"  {name:<{_WIDTH}}{line}" for name, text in rows for name, line in _lines(name, text)]
    return "\n".join(["", head, *lines])


def _lines(name: str, text: str) -> Sequence[tuple[str, str]]:
    first, *more = text.splitlines() or [""]
    return [(name, first), *(("", line) for line in more)]


def _cause(exception: str, exit_code: int, database_url: str, *, answered: bool) -> Cause:
    for pattern, cause in _KNOWN:
        if re.search(pattern, exception):
            return cause
    if _OF_DATABASE.search(exception):
        return _of_database(database_url)
    if exit_code == -signal.SIGKILL:
        return Cause("it was killed", [_KILLED, "Lower PANNIER_WORKERS, or give the machine more memory."])
    if exit_code < 0:
        return Cause(
            f"it was ended by signal {-exit_code}, inside a library",
            ["Install Pannier again with its locked packages; if it stays, report it with the lines above."],
        )
    if answered:
        return Cause("it had answered requests; its last messages stand above", ["Look there for what came last."])
    return Cause(
        "the application does not start",
        ["If you changed it, mend the line above. If not, this is a fault of Pannier: please report it."],
    )


def _of_database(url: str) -> Cause:
    """Asked once more from here: the refusal of a moment ago, with its explanation, or that it is back by now."""
    from pannier.app.commands.shop import ask_database

    async def ask() -> None:
        async def nothing(_: object) -> None: ...

        await ask_database(url, nothing)

    try:
        asyncio.run(ask())
    except PannierError as error:
        first, *more = error.message.splitlines()
        return Cause(f"the database cannot be used\n{first}", more)
    return Cause("the database did not answer; by now it does", ["Start again."])


def _plain(said: str) -> str:
    """The messages of lines of JSON, with their tracebacks; other lines as they are."""
    texts = []
    for line in said.splitlines():
        try:
            record = msgspec.json.decode(line) if line.startswith("{") else line
        except msgspec.DecodeError:
            record = line
        if isinstance(record, dict):
            texts += [str(record[name]) for name in ("message", "error") if name in record]
        else:
            texts.append(str(record))
    return "\n".join(texts)
