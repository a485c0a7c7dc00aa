"""The embedded server for a command that does not care who runs it."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from pannier.platform.embedded.errors import DataDirectoryInUseError
from pannier.platform.embedded.home import Home, Report, existing_home
from pannier.platform.embedded.locks import FileLock
from pannier.platform.embedded.process import is_postmaster_of, read_pid_file
from pannier.platform.embedded.server import EmbeddedServer

# An owner that is just starting may be in crash recovery; one that is stopping is soon gone.
_PATIENCE_S = 60.0
_LONG_S = 7 * 24 * 3600.0


def running_url(data_dir: Path) -> str | None:
    """The URL of the server that runs on `data_dir` and is set up, None when there is none.

    The answer is true for the moment only; `lease` keeps the server for as long as it is needed.
    """
    home = existing_home(data_dir)
    return None if home is None else _url(home)


@contextlib.contextmanager
def lease(data_dir: Path, *, report: Report | None = None) -> Iterator[str]:
    """The URL of the server on `data_dir`: the running one, or one that is started for the `with` block.

    Whoever owns the running server waits for its guests before it stops it, `pannier serve` for a few
    seconds and a command such as `pannier import` to their end. Raises EmbeddedServerError.
    """
    give_up_at = time.monotonic() + _PATIENCE_S
    with contextlib.ExitStack() as cleanup:
        _let_sigterm_unwind(cleanup)
        url: str | None = None
        while url is None:
            server = EmbeddedServer(data_dir, report=report) if report else EmbeddedServer(data_dir)
            try:
                server.start()
                cleanup.callback(server.stop, wait_for_guests_s=_LONG_S)
                url = server.url
            except DataDirectoryInUseError:
                url = _as_guest(data_dir, cleanup)
                if url is None and time.monotonic() > give_up_at:
                    raise
                time.sleep(0.05)
        yield url


def _as_guest(data_dir: Path, cleanup: contextlib.ExitStack) -> str | None:
    """Become a guest of the running server; None when it is not up yet or is stopping."""
    home = existing_home(data_dir)
    if home is None:
        return None
    guest = FileLock(home.guests_lock)
    if not guest.try_shared():
        return None
    url = _url(home)
    if url is None:
        guest.release()
        return None
    cleanup.callback(guest.release)
    return url


def _url(home: Home) -> str | None:
    try:
        said = json.loads(home.announcement.read_text(encoding="utf-8"))
        state = read_pid_file(home.database_files)
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if state is None or not state.is_ready or not is_postmaster_of(state.pid, home.database_files):
        return None
    return str(said["url"])


def _let_sigterm_unwind(cleanup: contextlib.ExitStack) -> None:
    """Let SIGTERM end the program the way Ctrl+C does, so that the server is stopped on the way out.

    Lasts until `cleanup` closes. A program that has a handler of its own keeps it.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)
        cleanup.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
