"""wrk, and what it says at its end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from bench.cpu import cpu_seconds
from bench.models import Measurement
from bench.serving import Shop
from pannier.kernel.ids import uuid7

LOADS = Path(__file__).parent / "loads"


class LoadFailedError(RuntimeError):
    """Answers other than success or conflict came back, or none did: the figures mean nothing."""


def measure(shop: Shop, database_pid: int, name: str, clients: int, seconds: float, **numbers: int) -> Measurement:
    """Run one load against the shop; `numbers` are the script's own arguments.

    Raises LoadFailedError for any answer that is neither 2xx nor 409, and for broken connections.
    """
    # One thread keeps the script's counters unique, and two cores have no more than one to spare.
    command = ["wrk", "-t", "1", "-c", str(clients), "-d", f"{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", str(LOADS / f"{name}.lua"), shop.url, "--", str(uuid7())]
    command += [f"{key}={value}" for key, value in numbers.items()]
    environment = dict(os.environ) | {"LUA_PATH": f"{LOADS}/?.lua;;"}
    app_before, database_before, before = cpu_seconds(shop.pid), cpu_seconds(database_pid), os.times()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    app, database, after = cpu_seconds(shop.pid), cpu_seconds(database_pid), os.times()
    report = parse(done.stdout, done.stderr)
    count = report["requests"]
    return Measurement(
        name=name,
        clients=clients,
        seconds=round(report["duration_us"] / 1e6, 3),
        requests=count,
        per_second=count / report["duration_us"] * 1e6,
        p50_ms=report["p50_us"] / 1000,
        p95_ms=report["p95_us"] / 1000,
        p99_ms=report["p99_us"] / 1000,
        max_ms=report["max_us"] / 1000,
        app_us=(app - app_before) / count * 1e6,
        database_us=(database - database_before) / count * 1e6,
        generator_us=(after[2] + after[3] - before[2] - before[3]) / count * 1e6,
        conflicts=report["conflicts"],
    )


def parse(stdout: str, stderr: str = "") -> dict[str, int]:
    """The report that bench/loads/shop.lua prints last; LoadFailedError when it tells of failures."""
    lines = [line for line in stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadFailedError(f"wrk did not report: {stderr.strip() or stdout.strip()}")
    report: dict[str, int] = json.loads(lines[-1])
    refused = report["refused"] - report["conflicts"]
    if refused or report["broken"] or report["timeouts"] or not report["requests"]:
        raise LoadFailedError(
            f"of {report['requests']} requests {refused} were refused (the first with status "
            f"{report['first_refusal']}), {report['broken']} connections broke, {report['timeouts']} timed out"
        )
    return report
