"""Why an embedded server stops again and again: what its log and its disk say."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pannier.platform.embedded.home import Home

#: With less room than this a server cannot even recover: it needs two new files of its write-ahead log.
ROOM_BYTES_MIN = 32 * 1024 * 1024
_LOG_BYTES = 64 * 1024
_NO_SPACE = "No space left on device"
_KILLED = re.compile(r"was terminated by signal 9|out of memory|Cannot allocate memory", re.IGNORECASE)
# One line for each start after a stop that was not in order.
_STOPPED = re.compile(r"database system was not properly shut down")
_GRAVE = re.compile(r"\b(?:PANIC|FATAL):\s+(.+)")
# What it tells everybody while it is not ready, which is not why.
_NOISE = ("the database system is", "terminating connection", "lock file", "connection to client lost")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A reason for a server's stops, `found`, and what to do about it, `advice`."""

    found: str
    advice: str


def trouble_of(home: Home) -> Trouble:
    """What most likely makes the server in `home` stop."""
    free = shutil.disk_usage(home.path).free
    log = tail(home.log)
    if free < ROOM_BYTES_MIN:
        return Trouble(
            f"the disk of {home.database_files} is full ({free / 1e6:,.0f} MB free)",
            f"Free some space there, {ROOM_BYTES_MIN / 1e6:,.0f} MB at least; PostgreSQL then starts by itself.",
        )
    if _KILLED.search(log):
        return Trouble(
            "one of its processes was killed, as the kernel does when memory runs out",
            f"Give the machine more memory, or lower shared_buffers in {home.path / 'local.conf'}.",
        )
    if _NO_SPACE in log:
        return Trouble(
            f"the disk of {home.database_files} was full; now {free / 1e6:,.0f} MB are free",
            "If that is little, free some more: PostgreSQL stops whenever it cannot write.",
        )
    graves = [found[1] for found in _GRAVE.finditer(log) if not found[1].startswith(_NOISE)]
    told = f"the last grave message of its log is: {graves[-1]}" if graves else "its log does not say why"
    return Trouble(told, f"Look into {home.log}.")


def unexpected_stops(home: Home) -> int:
    """How often the newest part of the log tells of a stop that was not in order."""
    return len(_STOPPED.findall(tail(home.log)))


def tail(log: Path, size: int = _LOG_BYTES) -> str:
    """The end of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
