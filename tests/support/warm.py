"""Processes of ours that have their imports behind them, which are most of what a short one costs.

What is run or started here is a process of its own with its own arguments, environment, directory and streams; only it
is forked from one that has imported the shop, instead of importing it again. That `pannier` and its workers start from
nothing is tested where it matters (`start_pannier`, tests/app/test_supervisor.py).
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# More than any command line and environment here, and less than a datagram may hold.
_REQUEST_MAX = 180_000
_ENTRIES = {"pannier": "pannier.app.cli", "worker": "pannier.app.worker", "bank": "tests.support.bank"}
_IMPORTS = ("pannier.app.wiring", "pannier.app.audit", "pannier.app.demo_shop", "pannier.app.stock_listing")


class Warm:
    """A process that is ready to become others."""

    def __init__(self) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(there.fileno())],
                # Some libraries look at what the terminal is like when they are imported.
                env=environment | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
                pass_fds=[there.fileno()],
                cwd=Path(__file__).parents[2],
            )
        atexit.register(self.stop)

    def stop(self) -> None:
        self._here.close()
        self._process.wait(10)

    def start(
        self, entry: str, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, *descriptors: int
    ) -> WarmProcess:
        """Begin `entry`. The descriptors are its three streams, and what else it is given: as 3, 4 and so on."""
        asked = json.dumps(["start", entry, list(arguments), dict(environment), str(cwd)]).encode()
        assert len(asked) < _REQUEST_MAX
        socket.send_fds(self._here, [asked], list(descriptors))
        return WarmProcess(self, int(self._here.recv(16)))

    def reap(self, pid: int) -> int:
        """The exit code of one that has ended, as `subprocess` tells it."""
        self._here.send(json.dumps(["reap", pid]).encode())
        return int(self._here.recv(16))


class WarmProcess:
    """One that was started, with the manners of `subprocess.Popen`."""

    def __init__(self, warm: Warm, pid: int) -> None:
        self._warm = warm
        self.pid = pid
        self._descriptor: int = os.pidfd_open(pid)
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises TimeoutExpired."""
        if self._code is None:
            if not select.select([self._descriptor], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self._code = self._warm.reap(self.pid)
            os.close(self._descriptor)
        return self._code

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@functools.cache
def warm() -> Warm:
    """The one of this test process."""
    return Warm()


def _serve(channel: socket.socket) -> None:
    entries = {name: importlib.import_module(module).main for name, module in _ENTRIES.items()}
    for module in _IMPORTS:
        importlib.import_module(module)
    while True:
        asked, descriptors, _, _ = socket.recv_fds(channel, _REQUEST_MAX, 16)
        if not asked:
            return
        kind, *what = json.loads(asked)
        if kind == "reap":
            answer = os.waitstatus_to_exitcode(os.waitpid(what[0], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                channel.close()
                entry, arguments, environment, cwd = what
                os._exit(_become(entries[entry], arguments, environment, cwd, descriptors))
            for descriptor in descriptors:
                os.close(descriptor)
        channel.send(str(answer).encode())


def _become(
    main: Callable[[], int], arguments: list[str], environment: dict[str, str], cwd: str, descriptors: Sequence[int]
) -> int:
    # First out of the way of the numbers that they are to have.
    moved = [os.dup(os.dup2(descriptor, 100 + descriptor)) for descriptor in descriptors]
    for number, descriptor in enumerate(moved):
        os.dup2(descriptor, number)
    os.closerange(len(moved), 300)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["pannier", *arguments]
    code: Any = 0
    try:
        # As the script does that an installation puts into the path, and the interpreter after it.
        sys.exit(main())
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 # as the interpreter does
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 120
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
