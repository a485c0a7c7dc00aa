"""`pannier serve` as an operator runs it: in a process of its own, started again whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

# What a service manager waits before it starts a service again.
RESTART_S = 0.2
_STOP_S = 30.0
_ROOT = Path(__file__).resolve().parents[1]
_PROGRAM = """
import sys
from pannier.app.cli import main
sys.exit(main(sys.argv[1:]))
"""
_OF_ANOTHER_APP = """
import sys
from pannier.app.supervisor import run_server
from pannier.platform.settings import Settings
sys.exit(run_server(Settings(), prepare=lambda url: None, app=sys.argv[-1]))
"""


class ServerProcess:
    """One `pannier serve` on a port of its own. `app` names another application as `module:factory`."""

    def __init__(self, name: str, directory: Path, port: int, settings: dict[str, object], app: str | None) -> None:
        self._workers = int(str(settings.get("workers", 1)))
        self.name = name
        self.port = port
        self.log = directory / f"{name}.log"
        self._directory = directory
        self._environment = environment(settings | {"port": port})
        self._program = [_PROGRAM, "serve"] if app is None else [_OF_ANOTHER_APP, app]
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def process(self) -> psutil.Process:
        """The supervisor."""
        assert self._process is not None, "it has been started"
        return psutil.Process(self._process.pid)

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests, or are about to."""
        return [child for child in self.process.children() if _is_worker(child)]

    @property
    def is_whole(self) -> bool:
        """Whether it runs and has as many workers as it should."""
        assert self._process is not None, "it has been started"
        return self._process.poll() is None and len(self.workers) == self._workers

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[ServerProcess]:
        """The server for as long as the block lasts, started again when it ends."""
        self._start()
        keeper = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
            await asyncio.to_thread(self._stop)

    def _start(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", *self._program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._directory,
            )

    async def _keep(self) -> None:
        while True:
            assert self._process is not None, "it has been started"
            if self._process.poll() is not None:
                await asyncio.sleep(RESTART_S)
                self._start()
            await asyncio.sleep(0.05)

    def _stop(self) -> None:
        assert self._process is not None, "it has been started"
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def environment(settings: dict[str, object]) -> dict[str, str]:
    """This environment with these settings of a shop and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
    kept |= {f"PANNIER_{name.upper()}": str(value) for name, value in settings.items()}
    return kept | {"PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT)]), "NO_COLOR": "1", "COLUMNS": "100"}


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "pannier.app.worker" in process.cmdline()
    except psutil.Error:
        return False
