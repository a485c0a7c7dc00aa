"""Runs `pannier` in a process that has its imports behind it, which are nearly all of what a short command costs.

A command run here is a process of its own with its own arguments, environment, directory and streams; only it is
forked from one that has imported the shop, instead of importing it again. What starts `pannier` from nothing is tested
where that matters (`start_pannier`).
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# More than any command line and environment here, and less than a datagram may hold.
_REQUEST_MAX = 180_000
_IMPORTS = ("pannier.app.wiring", "pannier.app.audit", "pannier.app.demo_shop", "pannier.app.stock_listing")


class Warm:
    """A process that is ready to become commands, one at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(there.fileno())],
                env=dict(environment),
                pass_fds=[there.fileno()],
                cwd=Path(__file__).parents[2],
            )
        atexit.register(self.stop)

    def stop(self) -> None:
        self._here.close()
        self._process.wait(10)

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        streams: Sequence[int],
        timeout: float,
    ) -> int:
        """The exit code of a command; `streams` are its three. Raises TimeoutError when it takes longer."""
        asked = json.dumps([list(arguments), dict(environment), str(cwd)]).encode()
        assert len(asked) < _REQUEST_MAX
        self._here.settimeout(timeout)
        socket.send_fds(self._here, [asked], list(streams))
        return int(self._here.recv(16))


def _serve(channel: socket.socket) -> None:
    import importlib

    from pannier.app.cli import main

    for name in _IMPORTS:
        importlib.import_module(name)
    while True:
        asked, streams, _, _ = socket.recv_fds(channel, _REQUEST_MAX, 3)
        if not asked:
            return
        arguments, environment, cwd = json.loads(asked)
        child = os.fork()
        if child == 0:
            channel.close()
            os._exit(_become(main, arguments, environment, cwd, streams))
        for stream in streams:
            os.close(stream)
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _become(
    main: Callable[[], int], arguments: list[str], environment: dict[str, str], cwd: str, streams: Sequence[int]
) -> int:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["pannier", *arguments]
    code = 0
    try:
        # As the script does that an installation puts into the path.
        sys.exit(main())
    except SystemExit as end:
        # As the interpreter does: a word is said and counts as a failure.
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 # as the interpreter does
        traceback.print_exc()
        code = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 120
    return code


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
