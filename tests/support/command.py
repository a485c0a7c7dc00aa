"""The real `pannier`, run as a person would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.log_watch import look_through
from tests.support.warm import warm

_BIN = Path(sys.executable).parent / "pannier"


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.stdout)


def environment(**settings: object) -> dict[str, str]:
    """This environment with no setting of a shop but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PANNIER_")}
    kept |= {f"PANNIER_{name.upper()}": str(value) for name, value in settings.items()}
    # So that what the terminal of whoever runs the tests is like does not matter.
    return kept | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


def pannier(
    *arguments: object,
    cwd: Path | None = None,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    **settings: object,
) -> Done:
    """Run a command to its end with these settings; `variables` are set as they are."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        streams = [stream.fileno() for stream in (given, out, err)]
        chosen = environment(**settings) | dict(variables or {})
        process = warm().start("pannier", [*map(str, arguments)], chosen, cwd or Path.cwd(), *streams)
        try:
            code = process.wait(60)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        done = Done(code, out.read().decode(), err.read().decode())
    look_through(done.stderr, f"pannier {arguments[0] if arguments else ''}")
    return done


def cold_pannier(*arguments: object, variables: Mapping[str, str], **settings: object) -> Done:
    """The same from nothing, for those who change what an interpreter does when it starts."""
    chosen = environment(**settings) | dict(variables)
    run = subprocess.run([_BIN, *map(str, arguments)], env=chosen, capture_output=True, timeout=60, check=False)
    return Done(run.returncode, run.stdout.decode(), run.stderr.decode())


def start_pannier(*arguments: object, cwd: Path, **settings: object) -> subprocess.Popen[str]:
    """Start a command whose output is read as it comes."""
    return subprocess.Popen(
        [_BIN, *map(str, arguments)],
        env=environment(**settings),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
