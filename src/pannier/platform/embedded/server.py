"""The one process that owns an embedded PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pannier.platform.embedded.account import Account
from pannier.platform.embedded.binaries import Binaries, find_binaries
from pannier.platform.embedded.cluster import DATABASE, make_cluster, set_up_database, write_settings
from pannier.platform.embedded.errors import DataDirectoryInUseError, EmbeddedServerError
from pannier.platform.embedded.home import SOCKET_NAME, Home, Report, make_home, socket_directory
from pannier.platform.embedded.locks import FileLock
from pannier.platform.embedded.process import is_postmaster_of, read_pid_file, spawn
from pannier.platform.embedded.trouble import Trouble, trouble_of

_POLL_S = 0.01
_FIRST_REPORT_S = 3.0
_REPORT_EVERY_S = 5.0
_ORDERLY_STOP_S = 60.0
_LOG_BYTES_MAX = 16 * 1024 * 1024
# The children of a server that was killed hold its shared memory until they have noticed.
_STILL_IN_USE = "pre-existing shared memory block"
_STILL_IN_USE_S = 15.0


def _report_to_stderr(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


class EmbeddedServer:
    """PostgreSQL on the files in `data_dir`, for as long as this object is started.

    Start it on the main thread of a process that lives as long as the server should: on Linux the
    kernel then stops PostgreSQL in order if that process is killed. Elsewhere, and off the main thread,
    a killed owner leaves the server behind, and the next `start` stops it first.

    `report` gets a line of text when something takes long or is put in an unexpected place.
    `is_cancelled` is asked while waiting; when it says so, `start` gives up with InterruptedError.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        report: Report = _report_to_stderr,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.data_dir = data_dir
        self._report = report
        self._is_cancelled = is_cancelled
        self._owner: FileLock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._home: Home | None = None
        self._command: list[str | Path] = []
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self._sockets: Path | None = None

    @property
    def url(self) -> str:
        """Where clients connect, as the role that owns the shop's database and nothing else."""
        assert self._sockets is not None, "the server has not been started"
        host = urllib.parse.quote(str(self._sockets), safe="")
        return f"postgresql://{DATABASE}@/{DATABASE}?host={host}"

    @property
    def home(self) -> Path:
        """The directory with the database files, the server's log and its settings."""
        assert self._home is not None, "the server has not been started"
        return self._home.path

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Start the server, make what is missing, and return its URL.

        Raises DataDirectoryInUseError when another process owns the data directory, EmbeddedServerError
        when the server cannot be started.
        """
        assert self._process is None, "the server is started once"
        home, account = make_home(self.data_dir, self._report)
        self._home, self._account = home, account
        self._owner = self._take_ownership(home)
        try:
            self._start_owned(home, account)
        except BaseException:
            self.stop()
            raise
        return self.url

    def ensure_running(self) -> bool:
        """Start the server again if it has died, and say whether that was so; keeps its log small, too.

        Raises EmbeddedServerError when it cannot be started; call again to try again.
        """
        assert self._home is not None, "the server has not been started"
        if self._process is not None and self._process.poll() is None:
            _bound(self._home.log)
            return False
        try:
            self._launch(self._home)
            self._announce(self._home)
        except OSError as error:
            # A full disk takes not even our own few bytes.
            raise EmbeddedServerError(
                f"PostgreSQL cannot be started: {error.strerror}, {error.filename or self._home.path}."
            ) from error
        return True

    def trouble(self) -> Trouble:
        """What most likely makes the server stop, when it does so again and again."""
        assert self._home is not None, "the server has not been started"
        return trouble_of(self._home)

    def stop(self, *, wait_for_guests_s: float = 0.0) -> None:
        """Stop the server in order and give the data directory free. Does nothing when it is stopped.

        Other commands that use this server are waited for as long as `wait_for_guests_s` seconds.
        """
        if self._home is None or self._owner is None:
            return
        self._home.announcement.unlink(missing_ok=True)
        guests = FileLock(self._home.guests_lock)
        try:
            self._wait_for_guests(guests, wait_for_guests_s)
            if self._process is not None:
                self._stop_process(self._process.pid, self._process.poll)
                self._process = None
        finally:
            guests.release()
            self._owner.release()
            self._owner = None

    def _take_ownership(self, home: Home) -> FileLock:
        lock = FileLock(home.owner_lock)
        if not lock.try_alone():
            raise DataDirectoryInUseError(home.path, lock.read_pid())
        lock.write_pid()
        return lock

    def _start_owned(self, home: Home, account: Account) -> None:
        home.announcement.unlink(missing_ok=True)
        self._stop_leftover(home)
        self._binaries = find_binaries(account)
        make_cluster(home, account, self._binaries)
        self._sockets = socket_directory(home, account)
        settings = write_settings(home, account, self._sockets)
        self._command = [self._binaries.program("postgres"), "-D", home.database_files]
        self._command += ["-c", f"config_file={settings}"]
        self._launch(home)
        set_up_database(account, self._binaries, self._sockets)
        self._announce(home)

    def _announce(self, home: Home) -> None:
        draft = home.announcement.with_suffix(".draft")
        draft.write_text(json.dumps({"url": self.url, "owner_pid": os.getpid()}), encoding="utf-8")
        draft.replace(home.announcement)

    def _stop_leftover(self, home: Home) -> None:
        """Stop a server whose owner was killed, and clear away what a dead one says about itself.

        PostgreSQL itself would refuse to start when the dead server's number was given to another
        process meanwhile; we hold the lock, so we know that nobody else is about to start.
        """
        left = read_pid_file(home.database_files)
        if left is not None and is_postmaster_of(left.pid, home.database_files):
            self._report(f"Stopping the database server that was left running (process {left.pid}).")
            self._stop_process(left.pid, lambda: None if is_postmaster_of(left.pid, home.database_files) else 0)
        (home.database_files / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, home: Home) -> None:
        """Start PostgreSQL and wait until it takes connections, which crash recovery may delay."""
        assert self._account is not None, "start() came before"
        assert self._sockets is not None, "start() came before"
        _bound(home.log)
        self._stop_leftover(home)
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self._sockets / name).unlink(missing_ok=True)
        give_up_at = time.monotonic() + _STILL_IN_USE_S
        while True:
            with home.log.open("ab") as log:
                log_start = log.tell()
                self._process = spawn(self._account, self._command, log)
            if self._becomes_ready(self._process, home):
                return
            messages = _tail(home.log, log_start)
            if _STILL_IN_USE not in messages or time.monotonic() > give_up_at:
                raise EmbeddedServerError(f"PostgreSQL does not start. The end of its log, {home.log}:\n{messages}")
            time.sleep(0.2)

    def _becomes_ready(self, process: subprocess.Popen[bytes], home: Home) -> bool:
        """Wait without limit while the server is at work; False when it ended instead."""
        started_at = time.monotonic()
        report_at = started_at + _FIRST_REPORT_S
        while process.poll() is None:
            if self._is_cancelled():
                raise InterruptedError("stopped while PostgreSQL was starting")
            state = read_pid_file(home.database_files)
            if state is not None and state.pid == process.pid and state.is_ready:
                return True
            now = time.monotonic()
            if now >= report_at:
                report_at = now + _REPORT_EVERY_S
                last_line = _tail(home.log, 0).splitlines()[-1:]
                self._report(f"Waiting for PostgreSQL, {now - started_at:.0f} s: {''.join(last_line)}")
            time.sleep(_POLL_S)
        return False

    def _stop_process(self, pid: int, poll: Callable[[], int | None]) -> None:
        """Fast shutdown; if it takes too long, one that leaves recovery to the next start."""
        for request, patience_s in (
            (signal.SIGINT, _ORDERLY_STOP_S),
            (signal.SIGQUIT, 10.0),
            (signal.SIGKILL, 10.0),
        ):
            if poll() is not None:
                return
            os.kill(pid, request)
            started_at = time.monotonic()
            report_at = started_at + _FIRST_REPORT_S
            while poll() is None and time.monotonic() < started_at + patience_s:
                if time.monotonic() >= report_at:
                    report_at += _REPORT_EVERY_S
                    self._report("Waiting for PostgreSQL to write everything down and stop.")
                time.sleep(_POLL_S)

    def _wait_for_guests(self, guests: FileLock, wait_s: float) -> None:
        give_up_at = time.monotonic() + wait_s
        is_told = False
        while not guests.try_alone():
            if time.monotonic() >= give_up_at:
                return
            if not is_told:
                self._report("Another command is still using the database; waiting for it.")
                is_told = True
            time.sleep(0.05)


def _tail(log: Path, start: int, bytes_max: int = 4096) -> str:
    """The end of what was written to `log` from byte `start` on."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start, size - bytes_max))
        return file.read().decode("utf-8", "replace").strip()


def _bound(log: Path) -> None:
    """Keep `log` and one older file of at most 16 MiB or so each.

    The server appends to the open file, so it is copied and emptied in place; a line written between
    these two steps is lost, which a log of notices can bear.
    """
    try:
        if log.stat().st_size < _LOG_BYTES_MAX:
            return
    except FileNotFoundError:
        log.touch(mode=0o600)
        return
    shutil.copyfile(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
