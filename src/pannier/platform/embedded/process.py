"""PostgreSQL as a child process, and what its pid file tells of one that is not ours."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pannier.platform.embedded.account import Account

_PR_SET_PDEATHSIG = 1
# Nothing of the caller's: PGDATA, PGOPTIONS and the like would change what the programs do.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "TZ": "UTC"}


def run(
    account: Account, command: Sequence[str | Path], *, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as `account`; the caller looks at the return code."""
    return subprocess.run(  # noqa: S603 # PostgreSQL's own programs, by their full path
        [str(word) for word in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd="/",
        env=_ENVIRONMENT,
        user=account.uid if account.is_switched_to else None,
        group=account.gid if account.is_switched_to else None,
        extra_groups=[] if account.is_switched_to else None,
    )


def spawn(account: Account, command: Sequence[str | Path], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the server as `account`, with its messages going to `log`.

    It has a session of its own, so that Ctrl+C reaches its owner only, who lets the workers finish first.
    """
    return subprocess.Popen(  # noqa: S603 # PostgreSQL's own program, by its full path
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=_ENVIRONMENT,
        start_new_session=True,
        user=account.uid if account.is_switched_to else None,
        group=account.gid if account.is_switched_to else None,
        extra_groups=[] if account.is_switched_to else None,
        # Runs after the change of user, which would undo it.
        preexec_fn=_stop_with_parent(),
    )


def _stop_with_parent() -> Callable[[], None] | None:
    """Have Linux send the child a fast shutdown when its owner dies, SIGKILL included.

    Linux means the thread that started the child. So this is left out off the main thread, where the
    child would be stopped by a thread's ordinary end; the next start then finds and stops it.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()
    fast_shutdown = int(signal.SIGINT)

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, fast_shutdown, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


@dataclass(frozen=True)
class Postmaster:
    """What `postmaster.pid` says; `status` is `starting`, `ready`, `stopping` or empty."""

    pid: int
    status: str

    @property
    def is_ready(self) -> bool:
        return self.status == "ready"


def read_pid_file(database_files: Path) -> Postmaster | None:
    """The server that runs on these files or did when it died; None when it was stopped in order."""
    try:
        lines = (database_files / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    return Postmaster(int(lines[0]), lines[7].strip() if len(lines) > 7 else "")


def is_postmaster_of(pid: int, database_files: Path) -> bool:
    """Whether process `pid` is PostgreSQL on these files: after a crash the number may be somebody else's."""
    # Not for every worker, which never asks: it takes a twelfth of all they import.
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return False
        # The postmaster works in its data directory, and its children do too; only it is in the pid file.
        return Path(process.cwd()).samefile(database_files)
    except (psutil.Error, OSError):
        return False
