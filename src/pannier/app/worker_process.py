"""A worker as its supervisor sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping

_STDERR_LINES_KEPT = 15
_READ_BYTES = 65536


class WorkerProcess:
    """A running worker: its process, the socket that says when it answers, and its first messages.

    It has a session of its own, so that Ctrl+C reaches the supervisor only. Its standard error comes here
    until it answers, so that a worker that does not start can be explained; then it writes to ours directly.
    What it said until then is passed on when it answers, or at once where `passes_on` says so; that of one which
    dies before is its `last_words`.
    """

    def __init__(
        self, listener: socket.socket, environment: Mapping[str, str], app: str, *, passes_on: bool = False
    ) -> None:
        self.is_ready = False
        self._passes_on = passes_on
        self._held_back = b""
        self._last_words: deque[str] = deque(maxlen=_STDERR_LINES_KEPT)
        self._unfinished_line = b""
        self.control, child_control = socket.socketpair()
        self.stderr, child_stderr = os.pipe()
        later_stderr = os.dup(2)
        handed_down = (listener.fileno(), child_control.fileno(), later_stderr)
        # -P: the directory we were started in is no place to import from.
        command = [
            sys.executable,
            "-P",
            "-m",
            "pannier.app.worker",
            "--app",
            app,
            "--fd",
            str(handed_down[0]),
        ]
        command += ["--parent-fd", str(handed_down[1]), "--stderr-fd", str(handed_down[2])]
        try:
            self._process = subprocess.Popen(  # noqa: S603 # our own module
                command,
                stdin=subprocess.DEVNULL,
                stderr=child_stderr,
                env=dict(environment),
                pass_fds=handed_down,
                start_new_session=True,
            )
        finally:
            child_control.close()
            os.close(child_stderr)
            os.close(later_stderr)
        self.control.setblocking(False)
        os.set_blocking(self.stderr, False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def go(self, database_url: str) -> None:
        """Tell it where the database is; until then it imports what it needs and waits."""
        with contextlib.suppress(OSError):
            self.control.sendall(f"{database_url}\n".encode())

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def read_control(self) -> bool:
        """Take note of what it said; False when it will say no more."""
        try:
            said = self.control.recv(16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if said:
            self.is_ready = True
            _pass_on(self._held_back)
            self._held_back = b""
        return bool(said)

    def read_stderr(self) -> bool:
        """Take its messages and remember the last; False when there will be no more."""
        try:
            data = os.read(self.stderr, _READ_BYTES)
        except BlockingIOError:
            return True
        if not data:
            return False
        if self._passes_on or self.is_ready:
            _pass_on(data)
        else:
            self._held_back = (self._held_back + data)[-_READ_BYTES:]
        *lines, self._unfinished_line = (self._unfinished_line + data).split(b"\n")
        self._last_words.extend(line.decode("utf-8", "replace") for line in lines)
        return True

    def last_words(self) -> str:
        """The last lines it wrote before it answered requests."""
        rest = [self._unfinished_line.decode("utf-8", "replace")] if self._unfinished_line else []
        return "\n".join([*self._last_words, *rest])

    def end(self) -> None:
        """End it at once, and give back what belongs to it."""
        self._process.kill()
        self._process.wait()
        self.close()

    def close(self) -> None:
        """Give back what belongs to a worker that has ended."""
        self.control.close()
        os.close(self.stderr)


def _pass_on(data: bytes) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.buffer.write(data)
        sys.stderr.flush()


def described(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unknown"
    hint = ", as the kernel does when memory runs out" if exit_code == -signal.SIGKILL else ""
    return f"by signal {-exit_code} ({name}{hint})"
