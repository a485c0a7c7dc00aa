"""A supervised server in processes of its own, for tests of how it starts, stops and recovers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.log_watch import look_through
from tests.support.small_shop import JOURNAL_VARIABLE
from tests.support.waiting import wait_until

_ROOT = Path(__file__).parents[2]
_PROGRAM = """
import sys
from pannier.app.supervisor import run_server
from pannier.platform.settings import Settings
{prepare}
sys.exit(run_server(Settings(), prepare=prepare, app="{app}"))
"""
PREPARE_NOTHING = "def prepare(url): print('prepared', url, flush=True)"
# Settings need some database; the small shop never asks it.
NO_DATABASE = "postgresql://nobody@nowhere/none"


@dataclass
class Served:
    """A running `run_server`; its output is in files, so that it can be read at any time."""

    process: subprocess.Popen[bytes]
    directory: Path

    @property
    def stdout(self) -> str:
        return (self.directory / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.directory / "stderr").read_text(encoding="utf-8")

    @property
    def journal(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "journal").read_text(encoding="utf-8").splitlines()
        return []

    @property
    def url(self) -> str:
        wait_until(lambda: "Address" in self.stdout or self.process.poll() is not None, 30)
        lines = [line.split()[1] for line in self.stdout.splitlines() if line.strip().startswith("Address")]
        assert lines, self.stderr
        return lines[0]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def worker_pids(self, count: int) -> set[int]:
        """The process ids of the workers, asked for until `count` different ones have answered."""
        pids: set[int] = set()

        def ask() -> bool:
            pids.add(httpx.get(f"{self.url}/worker", timeout=10).json()["pid"])
            return len(pids) == count

        wait_until(ask, 20)
        return pids

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 30) -> int:
        return self.process.wait(timeout_s)


@contextlib.contextmanager
def serve(
    directory: Path, *, factory: str = "make", app: str = "", prepare: str = PREPARE_NOTHING, **settings: object
) -> Iterator[Served]:
    """`run_server` on the small shop, or `app`, with these settings; by default on a free port, without a database."""
    chosen = {"port": 0, "database_url": NO_DATABASE, "shutdown_grace_s": 10} | settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
    environment |= {f"PANNIER_{name.upper()}": str(value) for name, value in chosen.items() if value is not None}
    # What a killed server leaves behind goes with the directory.
    environment["TMPDIR"] = str(directory)
    environment[JOURNAL_VARIABLE] = str(directory / "journal")
    environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), str(_ROOT / "src")])
    program = _PROGRAM.format(prepare=prepare, app=app or f"tests.support.small_shop:{factory}")
    with (directory / "stdout").open("wb") as stdout, (directory / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=stdout, stderr=stderr, env=environment, cwd=directory
        )
    try:
        yield Served(process, directory)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()
        for name in ("stdout", "stderr"):
            look_through(directory / name, "a server")
