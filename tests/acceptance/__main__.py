"""The command line; see the package."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pannier.app.commands.terminal import Terminal
from tests.acceptance import databases
from tests.acceptance.answers import as_json
from tests.acceptance.running import AREAS, read_cases, run_cases
from tests.support.postgres import PostgresServer

VARIABLE = "PANNIER_TEST_DATABASE_URL"


def main() -> int:
    """0: every case has a result; 1: some could not be finished; 2: the input cannot be read."""
    arguments = _arguments()
    only = [area for area in arguments.only.split(",") if area]
    try:
        cases = read_cases(arguments.cases, only)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"tests.acceptance: {problem}\n")
        return 2
    failed = 0
    terminal = Terminal()
    with arguments.out.open("w", encoding="utf-8") as out, terminal.progress("Running", "cases", every=10) as advance:
        done = 0

        def tell(result: dict[str, Any]) -> None:
            nonlocal done, failed
            done += 1
            failed += "error" in result
            out.write(as_json(result) + "\n")
            out.flush()
            advance(done, len(cases))

        named = os.environ.get(VARIABLE)
        server = None if named else PostgresServer()
        try:
            asyncio.run(_run(cases, named or (server.url if server else ""), tell, arguments.jobs))
        finally:
            if server is not None:
                server.stop()
    sys.stdout.write(f"{done} cases run, {failed} could not be finished; the results are in {arguments.out}\n")
    return 1 if failed else 0


async def _run(
    cases: Sequence[Mapping[str, Any]], server_url: str, tell: Callable[[dict[str, Any]], None], jobs: int
) -> None:
    async with databases.migrated(server_url) as fresh:
        await run_cases(cases, server_url, fresh, tell, jobs=jobs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.acceptance", description="Run acceptance cases through the services of a real shop."
    )
    parser.add_argument("cases", type=Path, help="folder with the cases' JSON files")
    parser.add_argument("--out", type=Path, required=True, help="file for the results, one JSON object a line")
    parser.add_argument("--only", default="", metavar="AREA,AREA", help=f"these areas only: {', '.join(AREAS)}")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cases under way at once")
    arguments = parser.parse_args()
    unknown = {area for area in arguments.only.split(",") if area} - set(AREAS)
    if unknown:
        parser.error(f"unknown area: {', '.join(sorted(unknown))}")
    if arguments.jobs < 1:
        parser.error("--jobs is 1 or more")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
