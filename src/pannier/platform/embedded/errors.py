"""Why an embedded server cannot be had."""

from __future__ import annotations

from pathlib import Path

from pannier.kernel.errors import ErrorKind, PannierError


class EmbeddedServerError(PannierError):
    """The embedded PostgreSQL cannot be started; the message says what to do."""

    kind = ErrorKind.unavailable
    error = "EMBEDDED_DATABASE_FAILED"
    code = "DATABASE_010"
    title = "The embedded database cannot be started"


class DataDirectoryInUseError(EmbeddedServerError):
    """Another process owns the data directory; `owner_pid` is its process id, None when it is unreadable."""

    error = "DATA_DIRECTORY_IN_USE"
    code = "DATABASE_011"
    title = "The data directory is in use"

    def __init__(self, home: Path, owner_pid: int | None) -> None:
        self.owner_pid = owner_pid
        who = f"process {owner_pid}" if owner_pid else "another process"
        stop = f"stop it (kill {owner_pid})" if owner_pid else "stop it"
        super().__init__(
            f"The data directory is in use: {who} runs the database in {home}. "
            f"Either {stop} and try again, or set PANNIER_DATA_DIR to another directory.",
            details={"owner_pid": owner_pid, "directory": str(home)},
        )
