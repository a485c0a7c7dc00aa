"""Why an embedded server stops: what is told of its log and its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from pannier.platform.embedded import Home, trouble_of, unexpected_stops
from soak.volume import MountedVolume, volume

_AT = "2026-11-20 10:00:00.000 UTC [7] "


@pytest.mark.parametrize(
    "line, found",
    [
        ('PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device', "was full; now"),
        ("LOG:  server process (PID 9) was terminated by signal 9: Killed", "memory runs out"),
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "memory runs out"),
        ('FATAL:  unrecognized configuration parameter "nonsense"', "message of its log is: unrecognized config"),
        ("FATAL:  the database system is starting up", "does not say why"),
    ],
)
def test_the_log_tells_why(tmp_path: Path, line: str, found: str) -> None:
    (tmp_path / "server.log").write_text(f"{_AT}{line}\n")
    trouble = trouble_of(Home(tmp_path))
    assert found in trouble.found
    assert trouble.advice.endswith((".", str(tmp_path / "server.log")))


def test_without_a_log_nothing_is_made_up(tmp_path: Path) -> None:
    assert trouble_of(Home(tmp_path)).found == "its log does not say why"
    assert unexpected_stops(Home(tmp_path)) == 0


def test_stops_that_were_not_in_order_are_counted(tmp_path: Path) -> None:
    lines = [
        "LOG:  database system was shut down at 2026-11-20 09:00:00 UTC",
        "LOG:  database system was not properly shut down; automatic recovery in progress",
        "LOG:  database system was interrupted; last known up at 2026-11-20 09:00:00 UTC",
        "LOG:  database system was not properly shut down; automatic recovery in progress",
    ]
    (tmp_path / "server.log").write_text("".join(f"{_AT}{line}\n" for line in lines))
    assert unexpected_stops(Home(tmp_path)) == 2


def test_a_full_disk_is_named_before_anything_else() -> None:
    with volume(8) as disk:
        (disk.path / "server.log").write_text(f"{_AT}FATAL:  something else\n")
        trouble = trouble_of(Home(disk.path))
        # A file system of 8 MiB is too small for PostgreSQL to begin with; where none can be mounted, the log speaks.
        expected = "is full (" if isinstance(disk, MountedVolume) else "something else"
        assert expected in trouble.found
