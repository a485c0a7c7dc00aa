"""`pannier serve`: the one parent process.

It owns the listening socket, the database server and the workers. These import what they need while the
database starts, and begin once it is there. It stops in the other order: workers finish their requests, then
PostgreSQL writes everything down. What dies in between is started again. The process has one thread; all its
waiting is in one place (`_wait`).
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

from pydantic import SecretStr

from pannier.app.between import DEFAULT_APP, LAST_CALL_S, MULTIPROCESS_VARIABLE, URL_VARIABLE
from pannier.app.crash_report import crash_page, first_exception
from pannier.app.listening import CannotListenError, address, listen
from pannier.app.welcome import NextSteps, look_around, welcome
from pannier.app.worker_process import WorkerProcess, described
from pannier.platform.embedded import EmbeddedServer, EmbeddedServerError
from pannier.platform.settings import Settings

CRASHES_MAX = 5
CRASH_WINDOW_S = 30.0
_BACKOFF_FIRST_S = 0.1
_BACKOFF_MAX_S = 5.0
# Short, since a disk that has room again should not have to wait for us.
_DATABASE_BACKOFF_MAX_S = 5.0
DATABASE_STOPS_MAX = 5
DATABASE_STOPS_WINDOW_S = 60.0
_TICK_S = 1.0
# On top of the grace for requests: for the application's own shutdown.
_STOP_MARGIN_S = 5.0
_GUESTS_S = 10.0
_STOPPING = "Stopping: requests under way are being finished. Ctrl+C again stops at once."
_GOOD_BYE = "The shop is closed and everything is stored. Good-bye."
_GOOD_BYE_FORCED = "The shop is closed; requests under way were cut off, what had been confirmed is stored. Good-bye."


def run_server(
    settings: Settings,
    *,
    prepare: Callable[[str], None],
    app: str = DEFAULT_APP,
    next_steps: NextSteps = look_around,
) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP, and return the exit code.

    0 after an orderly stop, 130 after one that was forced by a second signal, 1 when the shop cannot
    be served; the reason has then been written to standard error. `prepare` gets the database's URL once
    it takes connections and before the first worker starts; what it raises goes through. `app` names the
    application as `module:factory`. `next_steps` is called with the address once the shop is open; the lines
    it returns are printed.
    """
    with contextlib.ExitStack() as stack, _Signals() as signals:
        good_bye: list[str] = []
        # Left last, when the database has stopped: what is said then has happened.
        stack.callback(lambda: _say("".join(good_bye)) if good_bye else None)
        try:
            listener = stack.enter_context(listen(settings.host, settings.port))
            environment = stack.enter_context(_worker_environment(settings))
            database, url = None, settings.database_url
            if url is None:
                database = EmbeddedServer(settings.data_dir, report=_say, is_cancelled=signals.wants_stop)
            supervisor = _Supervisor(settings, listener, environment, app, database, signals, next_steps)
            supervisor.warm_up()
            stack.callback(supervisor.end_waiting)
            if database is not None:
                url = database.start()
                stack.callback(database.stop, wait_for_guests_s=_GUESTS_S)
            assert url is not None, "it is named, or the server's own"
            prepare(url)
            code = supervisor.run(url)
            if code != 1:
                good_bye.append(_GOOD_BYE if code == 0 else _GOOD_BYE_FORCED)
            return code
        except (CannotListenError, EmbeddedServerError) as error:
            _say(error.message)
            return 1
        except (KeyboardInterrupt, InterruptedError):
            _say("Stopped before the shop was up.")
            return 130


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()


class _Signals:
    """Requests to stop. Before the shop is up the first one breaks off whatever is going on."""

    def __init__(self) -> None:
        self.count = 0
        self.is_serving = False
        self.wake_up, self._wake_end = socket.socketpair()
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1

    def wants_stop(self) -> bool:
        return self.count > 0

    def __enter__(self) -> Self:
        for end in (self.wake_up, self._wake_end):
            end.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._on_stop)
        # A child's end must wake us; with its default the signal would be dropped unseen.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._wakeup_before = signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.wake_up.close()
        self._wake_end.close()

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if not self.is_serving and self.count == 1:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _worker_environment(settings: Settings) -> Iterator[dict[str, str]]:
    """The environment that makes `Settings()` in a worker what `settings` is here, once it knows of the database."""
    environment = dict(os.environ)
    for name in settings.model_fields_set:
        value, variable = getattr(settings, name), f"PANNIER_{name.upper()}"
        if value is None:
            environment.pop(variable, None)
        else:
            environment[variable] = _as_text(value)
    environment.pop(URL_VARIABLE, None)
    if settings.database_url is None and settings.smtp_url is None and settings.mail_dir is None:
        # A worker is given the embedded database's address like that of any other, and keeps its mails all the same.
        environment["PANNIER_MAIL_DIR"] = str((settings.data_dir / "mails").absolute())
    if settings.workers == 1:
        yield environment
        return
    # Workers add their metrics up in files; the supervisor's own variable is for `forget_worker`.
    before = os.environ.get(MULTIPROCESS_VARIABLE)
    directory = tempfile.mkdtemp(prefix="pannier-metrics-")
    environment[MULTIPROCESS_VARIABLE] = os.environ[MULTIPROCESS_VARIABLE] = directory
    try:
        yield environment
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        if before is None:
            del os.environ[MULTIPROCESS_VARIABLE]
        else:
            os.environ[MULTIPROCESS_VARIABLE] = before


def _as_text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return json.dumps(value if isinstance(value, dict) else list(value), default=str)
    return str(value)


@dataclass
class _Slot:
    """The place of one worker; the processes in it come and go."""

    number: int
    worker: WorkerProcess | None = None
    start_at: float = 0.0
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=CRASHES_MAX))


class _Supervisor:
    """Keeps the workers and the database running until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        environment: dict[str, str],
        app: str,
        database: EmbeddedServer | None,
        signals: _Signals,
        next_steps: NextSteps,
    ) -> None:
        self._next_steps = next_steps
        self._settings = settings
        self._listener = listener
        self._address = address(listener)
        self._environment = environment
        self._app = app
        self._database = database
        self._database_retry_at = 0.0
        self._database_failures = 0
        self._database_stops: deque[float] = deque(maxlen=DATABASE_STOPS_MAX)
        self._signals = signals
        self._slots = [_Slot(number) for number in range(1, settings.workers + 1)]
        self._selector = selectors.DefaultSelector()
        self._is_announced = False
        self._url: str | None = None

    def warm_up(self) -> None:
        """Start the workers before the database is there: what they import takes as long as that does."""
        for slot in self._slots:
            self._start_worker(slot)

    def end_waiting(self) -> None:
        """End the workers that have nothing to wait for any more, because the database did not start."""
        for slot in self._slots:
            if self._url is None and slot.worker is not None:
                slot.worker.end()

    def run(self, url: str) -> int:
        self._signals.is_serving = True
        self._url = url
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.go(url)
        self._selector.register(self._signals.wake_up, selectors.EVENT_READ, self._drain_wake_up)
        failure: str | None = None
        try:
            while not self._signals.wants_stop() and failure is None:
                self._start_due_workers()
                self._wait(self._next_deadline() - time.monotonic())
                failure = self._reap()
                self._mind_database()
                self._announce()
            if failure is not None:
                _say(failure)
        finally:
            is_orderly = self._stop_workers()
            self._selector.close()
        if failure is not None:
            return 1
        return 0 if is_orderly else 130

    def _start_due_workers(self) -> None:
        for slot in self._slots:
            if slot.worker is None and slot.start_at <= time.monotonic():
                self._start_worker(slot)

    def _start_worker(self, slot: _Slot) -> None:
        is_debug = self._settings.log_level == "DEBUG"
        slot.worker = WorkerProcess(self._listener, self._environment, self._app, passes_on=is_debug)
        self._selector.register(slot.worker.control, selectors.EVENT_READ, slot.worker.read_control)
        self._selector.register(slot.worker.stderr, selectors.EVENT_READ, slot.worker.read_stderr)
        if self._url is not None:
            slot.worker.go(self._url)

    def _next_deadline(self) -> float:
        waiting = [slot.start_at for slot in self._slots if slot.worker is None]
        return min([time.monotonic() + _TICK_S, *waiting])

    def _wait(self, timeout_s: float) -> None:
        """Until a signal comes, a child ends or says something, or the time is over."""
        for key, _ in self._selector.select(max(0.0, timeout_s)):
            if not key.data():
                self._selector.unregister(key.fileobj)

    def _drain_wake_up(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            while self._signals.wake_up.recv(256):
                pass
        return True

    def _reap(self) -> str | None:
        """Give the place of each worker that ended to a new one, or say why that makes no sense any more."""
        for slot in self._slots:
            worker = slot.worker
            exit_code = worker.exit_code() if worker is not None else None
            if worker is None or exit_code is None:
                continue
            self._forget(worker)
            slot.worker = None
            now = time.monotonic()
            slot.crashes.append(now)
            recent = [at for at in slot.crashes if at > now - CRASH_WINDOW_S]
            if len(recent) >= CRASHES_MAX:
                return self._crash_loop(slot, worker, exit_code)
            delay_s = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2 ** (len(recent) - 1))
            slot.start_at = now + delay_s
            why = "" if worker.is_ready else first_exception(worker.last_words())
            told = f"{described(exit_code)}{f' ({why})' if why else ''}"
            _say(f"Worker {slot.number} ended {told}; it is started again in {delay_s:.1f} s.")
        return None

    def _forget(self, worker: WorkerProcess) -> None:
        for source in (worker.control, worker.stderr):
            with contextlib.suppress(KeyError):
                self._selector.unregister(source)
        while worker.read_stderr():
            # Whoever inherited the pipe keeps it open, and then an empty one does not end.
            if not _is_readable(worker.stderr):
                break
        worker.close()
        if MULTIPROCESS_VARIABLE in os.environ:
            from pannier.platform.observability.metrics import forget_worker

            forget_worker(worker.pid)

    def _crash_loop(self, slot: _Slot, worker: WorkerProcess, exit_code: int) -> str:
        head = (
            f"Pannier gives up: worker {slot.number} ended {CRASHES_MAX} times in {CRASH_WINDOW_S:.0f} s, "
            f"the last time {described(exit_code)}."
        )
        assert self._url is not None, "it runs"
        return crash_page(head, worker.last_words(), exit_code, self._settings, self._url, answered=worker.is_ready)

    def _mind_database(self) -> None:
        """Start PostgreSQL again when it died; meanwhile the workers answer 503 where they need it."""
        if self._database is None or time.monotonic() < self._database_retry_at:
            return
        try:
            if self._database.ensure_running():
                _say("PostgreSQL had ended and runs again.")
                self._explain_database_stops()
            self._database_failures = 0
        except InterruptedError:
            return
        except EmbeddedServerError as error:
            delay_s = min(_DATABASE_BACKOFF_MAX_S, 2.0**self._database_failures)
            self._database_failures += 1
            self._database_retry_at = time.monotonic() + delay_s
            _say(f"{error.message}\nIt is tried again in {delay_s:.0f} s.")
            self._explain_database_stops()

    def _explain_database_stops(self) -> None:
        """Say why PostgreSQL keeps stopping, once it has done so often enough in a short time."""
        assert self._database is not None, "it has just stopped"
        now = time.monotonic()
        self._database_stops.append(now)
        if len(self._database_stops) < DATABASE_STOPS_MAX or self._database_stops[0] < now - DATABASE_STOPS_WINDOW_S:
            return
        # The next five are counted anew, so that this is said once in a while and not with every attempt.
        self._database_stops.clear()
        trouble = self._database.trouble()
        _say(
            f"PostgreSQL has stopped {DATABASE_STOPS_MAX} times in {DATABASE_STOPS_WINDOW_S:.0f} s: {trouble.found}.\n"
            f"{trouble.advice} Until then the shop answers 503 where it needs the database."
        )

    def _announce(self) -> None:
        """Say that the shop is open, once every worker answers."""
        if self._is_announced or not all(slot.worker and slot.worker.is_ready for slot in self._slots):
            return
        self._is_announced = True
        with contextlib.suppress(OSError):
            sys.stdout.write(welcome(self._settings, self._address, self._database, self._next_steps))
            sys.stdout.flush()

    def _stop_workers(self) -> bool:
        """Let the workers finish; whether they could, and were not cut short."""
        # Ours goes first: the socket stops listening when the last worker has closed its own.
        self._listener.close()
        workers = [slot.worker for slot in self._slots if slot.worker is not None]
        if workers and self._signals.wants_stop():
            _say(_STOPPING)
        for worker in workers:
            worker.send(signal.SIGTERM)
        give_up_at = time.monotonic() + self._settings.shutdown_grace_s + LAST_CALL_S + _STOP_MARGIN_S
        while any(worker.exit_code() is None for worker in workers):
            if self._signals.count > 1 or time.monotonic() > give_up_at:
                for worker in workers:
                    worker.send(signal.SIGKILL)
                return False
            self._wait(0.1)
        return all(worker.exit_code() == 0 for worker in workers)


def _is_readable(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))
