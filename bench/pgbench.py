"""The baselines: what the database alone does with the least statements that the work needs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from bench.cpu import cpu_seconds
from bench.models import Measurement
from bench.postgres import Server

BASELINES = Path(__file__).parent / "baselines"
#: Each baseline writes in a database of its own, so that none finds the lines another one left.
NAMES = ("read", "addfull", "hotfull", "checkout", "add3", "hot1")


def make_databases(server: Server, names: tuple[str, ...] = NAMES) -> None:
    """One database per baseline, all alike: 10,000 products, 10,000 carts of 5 lines."""
    server.run_script("postgres", "create database baseline")
    server.run_script("baseline", (BASELINES / "schema.sql").read_text(encoding="utf-8"))
    for name in names:
        server.run_script("postgres", f"create database {_database(name)} template baseline")


def measure(server: Server, name: str, clients: int, seconds: float) -> Measurement:
    """Run one baseline; RuntimeError when any of its transactions failed."""
    database_before = cpu_seconds(server.pid)
    command = [str(server.binaries.program("pgbench")), "-n", "-M", "prepared", "-j", "2", "-c", str(clients)]
    command += ["-T", str(max(1, round(seconds))), "-f", str(BASELINES / f"{name}.sql")]
    children_before = os.times()
    done = subprocess.run(command, env=server.environment(_database(name)), capture_output=True, text=True, check=False)
    children = os.times()
    if done.returncode != 0:
        raise RuntimeError(f"pgbench {name}: {done.stderr.strip()[-2000:]}")
    count, per_second, mean_ms = parse(done.stdout)
    return Measurement(
        name=name,
        clients=clients,
        seconds=round(count / per_second, 3),
        requests=count,
        per_second=per_second,
        mean_ms=mean_ms,
        database_us=(cpu_seconds(server.pid) - database_before) / count * 1e6,
        generator_us=(children[2] + children[3] - children_before[2] - children_before[3]) / count * 1e6,
    )


def parse(text: str) -> tuple[int, float, float]:
    """Transactions, transactions a second and mean latency in ms; RuntimeError when some failed."""
    found = {
        key: re.search(pattern, text)
        for key, pattern in {
            "count": r"transactions actually processed: (\d+)",
            "failed": r"failed transactions: (\d+)",
            "latency": r"latency average = ([\d.]+) ms",
            "tps": r"tps = ([\d.]+)",
        }.items()
    }
    count, failed, latency, tps = (found[key] for key in ("count", "failed", "latency", "tps"))
    if count is None or failed is None or latency is None or tps is None or int(failed[1]) or not int(count[1]):
        raise RuntimeError(f"pgbench did not do its work:\n{text}")
    return int(count[1]), float(tps[1]), float(latency[1])


def _database(name: str) -> str:
    return f"baseline_{name}"
