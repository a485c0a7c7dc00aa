"""The run on the oldest PostgreSQL takes what goes through a database, and cannot shrink unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from pannier.app.diagnosis_database import POSTGRESQL_MIN
from tests.support import oldest

ROOT = Path(__file__).parents[2]


def test_it_is_the_version_that_is_promised() -> None:
    assert oldest.MAJOR_VERSION == POSTGRESQL_MIN


@pytest.mark.parametrize(
    "nodeid, fixtures, is_meant",
    [
        ("tests/cart/test_service.py::test_a", ["db", "database_url", "server_url"], True),
        ("tests/cart/test_lines_api.py::test_a", ["db", "database_url", "server_url"], False),
        ("tests/app/test_mount.py::test_a", ["server_url"], False),
        ("tests/never_heard_of/test_new.py::test_a", ["server_url"], True),
        ("tests/kernel/test_money.py::test_a", ["tmp_path"], False),
        ("tests/bench/test_replay.py::test_a", ["server_url"], False),
    ],
)
def test_whoever_asks_for_the_server_takes_part(nodeid: str, fixtures: list[str], is_meant: bool) -> None:
    assert oldest.is_meant(nodeid, fixtures) is is_meant


def test_what_is_left_out_exists() -> None:
    assert [place for place in oldest.ELSEWHERE if not (ROOT / place).exists()] == []


def test_a_run_that_shrank_is_refused() -> None:
    assert "Only 12 tests ran on PostgreSQL 15" in oldest.verdict(12, is_narrowed=False)
    assert oldest.verdict(12, is_narrowed=True) == ""
    assert oldest.verdict(oldest.TESTS_MIN, is_narrowed=False) == ""
