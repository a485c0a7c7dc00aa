"""CPU time of a process and all that it started."""

from __future__ import annotations

import contextlib

import psutil


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process tree so far, those of its ended children included.

    PostgreSQL's connections come and go: the ended ones are in their postmaster's account of children.
    """
    root = psutil.Process(pid)
    total = 0.0
    for process in [*root.children(recursive=True), root]:
        # One that ends meanwhile is counted with its parent, which comes last.
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
