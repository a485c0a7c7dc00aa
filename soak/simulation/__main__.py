"""Plays every so many-th seed on a server of its own, and says of each what came of it: a line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

from pannier.platform import migrate
from pannier.platform.embedded import lease
from pannier.platform.embedded.home import make_home
from pannier.platform.settings import Settings
from soak.simulation.play import play
from soak.simulation.shop import stage

# Nothing of it outlives the run.
_LOCAL_CONF = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\nlog_checkpoints = off\n"
_TIDY_EVERY = 100


def main() -> int:
    """Play; the last line of a seed with findings has its trace too."""
    parser = argparse.ArgumentParser(prog="python -m soak.simulation", description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="who did what, also when all is well")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="pannier-simulation-") as name:
        Path(name).chmod(0o755)
        data_dir = Path(name) / "data"
        home, _ = make_home(data_dir, lambda _: None)
        (home.path / "local.conf").write_text(_LOCAL_CONF, encoding="utf-8")
        with lease(data_dir) as url:
            asyncio.run(_play(url, options))
    return 0


async def _play(url: str, options: argparse.Namespace) -> None:
    await migrate.upgrade(url, Settings(database_url=url))
    async with stage(url) as place:
        for number in range(options.count):
            played = await play(place, str(options.first + number * options.step))
            said: dict[str, object] = {
                "seed": played.seed,
                "findings": played.findings,
                "steps": len(played.trace),
                "orders": played.orders,
                "deaths": sum(": dies at " in step for step in played.trace),
                "digest": played.digest,
            }
            if played.findings or options.trace:
                said["trace"] = played.trace
            print(json.dumps(said), flush=True)
            if number % _TIDY_EVERY == _TIDY_EVERY - 1:
                await place.tidy()


if __name__ == "__main__":
    sys.exit(main())
