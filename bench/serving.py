"""The shop under load: a supervisor with its workers, in processes of their own, as `pannier serve` runs it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_START_S = 60.0
_STOP_S = 60.0
_PROGRAM = """
import sys
from pannier.app.supervisor import run_server
from pannier.platform.settings import Settings
sys.exit(run_server(Settings(), prepare=lambda url: None))
"""


@dataclass(frozen=True)
class Shop:
    """A running shop; `pid` is its supervisor's."""

    pid: int
    url: str


@contextlib.contextmanager
def served(database_url: str, settings: Mapping[str, object]) -> Iterator[Shop]:
    """Serve the shop on a free port of loopback. RuntimeError with its last words when it does not start."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
    chosen = {"database_url": database_url, "port": 0, "log_level": "WARNING"} | dict(settings)
    environment |= {f"PANNIER_{name.upper()}": str(value) for name, value in chosen.items()}
    with tempfile.TemporaryDirectory(prefix="pannier-bench-") as directory:
        said, complained = Path(directory, "stdout"), Path(directory, "stderr")
        with said.open("wb") as stdout, complained.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM], stdout=stdout, stderr=stderr, env=environment, cwd=directory
            )
        try:
            yield Shop(process.pid, _address(process, said, complained))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # A shop that was asked to stop says so and ends with 0; all else is worth reading.
            if process.returncode != 0:
                words = complained.read_text(encoding="utf-8", errors="replace").strip()
                print(f"The shop ended with {process.returncode}:\n{words[-2000:]}", file=sys.stderr)


def _address(process: subprocess.Popen[bytes], said: Path, complained: Path) -> str:
    give_up_at = time.monotonic() + _START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        for line in said.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] == ["Address"]:
                return words[1]
        time.sleep(0.05)
    raise RuntimeError(f"The shop does not start:\n{complained.read_text(encoding='utf-8', errors='replace')[-4000:]}")
