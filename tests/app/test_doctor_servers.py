"""`pannier doctor` before servers of other people: who may come in, TLS, poolers, clocks, disks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pannier.app.diagnosis_database import SESSION_SETTINGS
from pannier.app.diagnosis_disk import DISK_PROBLEM_BYTES
from soak.volume import volume
from tests.support.command import Done, cold_pannier, pannier
from tests.support.own_postgres import OWNER, OwnPostgres, certificate, own_postgres, pgbouncer, tls_front

#: Whoever is not named here is let in by nobody.
HBA = (
    f"host all {OWNER} 127.0.0.1/32 trust",
    "host all locked_out 127.0.0.1/32 reject",
    "hostssl all by_tls_only 127.0.0.1/32 trust",
    "host all by_password 127.0.0.1/32 scram-sha-256",
)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory that a database's user may enter, unlike pytest's own temporary ones."""
    with tempfile.TemporaryDirectory(prefix="pannier-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[OwnPostgres]:
    with own_postgres(directory, HBA) as server:
        server.sql(*(f"create role {name} login password 'another'" for name in ("locked_out", "by_password")))
        server.sql(*(f"create role {name} login" for name in ("unlisted", "by_tls_only")))
        yield server


def look(url: str, statement_cache: int = 512) -> tuple[Done, dict[str, dict[str, Any]]]:
    """What doctor says of a database, by what each finding is about."""
    said = pannier("doctor", "--json", database_url=url, port=0, database_statement_cache=statement_cache)
    assert "hunter22" not in said.stdout + said.stderr
    return said, {finding["about"]: finding for finding in said.json["findings"]}


@pytest.mark.parametrize(
    "user, options, told, advice",
    [
        ("locked_out", "", "pg_hba.conf rejects connection", "host postgres locked_out"),
        ("unlisted", "", "no pg_hba.conf entry", "host postgres unlisted"),
        ("by_tls_only", "?sslmode=disable", "no pg_hba.conf entry", "sslmode=require"),
        ("by_password", "", "password authentication failed", "Check both in PANNIER_DATABASE_URL"),
    ],
)
def test_who_is_not_let_in_is_told_why_and_what_to_do(
    server: OwnPostgres, user: str, options: str, told: str, advice: str
) -> None:
    said, found = look(server.url(user, options=options))

    assert said.code == 1
    assert found["database"]["status"] == "problem"
    assert told in found["database"]["found"]
    assert advice in found["database"]["advice"]


def test_a_certificate_that_nobody_vouches_for_is_told(server: OwnPostgres, directory: Path) -> None:
    with tls_front(server.port, directory) as port:
        address = f"postgresql://{OWNER}:hunter22@127.0.0.1:{port}/postgres"
        said, found = look(f"{address}?sslmode=verify-full&sslrootcert={certificate(directory / 'another.pem')}")
        _, unnamed = look(f"{address}?sslmode=verify-full")
        _, vouched = look(f"{address}?sslmode=verify-full&sslrootcert={directory / 'server.pem'}")
        _, trusting = look(f"{address}?sslmode=require")

    assert said.code == 1
    assert "no TLS connection comes about" in found["database"]["found"]
    assert "certificate verify failed" in found["database"]["found"]
    assert "there is no certificate to hold the server's against" in unnamed["database"]["found"]
    assert "sslrootcert" in found["database"]["advice"]
    assert "sslrootcert" in unnamed["database"]["advice"]
    # The server itself is reached, and all that is wrong with it is that it has no tables.
    for reached in (vouched, trusting):
        assert reached["server"]["status"] == "ok"
        assert "database" not in reached


def test_a_server_that_speaks_no_tls_is_told(server: OwnPostgres) -> None:
    said, found = look(server.url(options="?sslmode=require"))

    assert said.code == 1
    assert "speaks no TLS" in found["database"]["found"]
    assert "take sslmode out" in found["database"]["advice"]


def test_a_pooler_is_known_by_what_it_does(server: OwnPostgres, directory: Path) -> None:
    """And what it takes is told, until it is there."""
    server.sql(*(f"alter role {OWNER} reset {name}" for name in SESSION_SETTINGS))
    with pgbouncer(server, directory, "transaction") as port:
        url = f"postgresql://{OWNER}:hunter22@127.0.0.1:{port}/postgres?sslmode=disable"
        _, untold = look(url)
        _, half_told = look(url, statement_cache=0)
    server.sql(*(f"alter role {OWNER} set {name} = '5s'" for name in SESSION_SETTINGS))
    with pgbouncer(server, directory, "transaction") as port:
        url = f"postgresql://{OWNER}:hunter22@127.0.0.1:{port}/postgres?sslmode=disable"
        _, told = look(url, statement_cache=0)

    assert untold["pooler"]["status"] == "problem"
    assert "PANNIER_DATABASE_STATEMENT_CACHE=0" in untold["pooler"]["advice"]
    assert half_told["pooler"]["status"] == told["pooler"]["status"] == "note"
    assert all(name in half_told["pooler"]["advice"] for name in SESSION_SETTINGS)
    assert not any(name in told["pooler"]["advice"] for name in SESSION_SETTINGS)


def test_a_pooler_that_gives_whole_sessions_needs_nothing(server: OwnPostgres, directory: Path) -> None:
    with pgbouncer(server, directory, "session") as port:
        _, found = look(f"postgresql://{OWNER}:hunter22@127.0.0.1:{port}/postgres?sslmode=disable")
    _, direct = look(server.url())

    assert found["server"]["status"] == "ok"
    assert "pooler" not in found
    assert "pooler" not in direct


def test_a_machine_whose_clock_is_behind_is_told(server: OwnPostgres, tmp_path: Path) -> None:
    # Read by every Python that finds it: for this one command it is eight seconds earlier.
    (tmp_path / "sitecustomize.py").write_text(
        "from datetime import timedelta\n"
        "from pannier.kernel.clock import SystemClock\n"
        "now = SystemClock.now\n"
        "SystemClock.now = lambda self: now(self) - timedelta(seconds=8)\n",
        encoding="utf-8",
    )
    earlier = {"PYTHONPATH": str(tmp_path)}
    said = cold_pannier("doctor", "--json", variables=earlier, database_url=server.url(), port=0).json
    (clock,) = [finding for finding in said["findings"] if finding["about"] == "clock"]

    assert clock["status"] == "problem"
    assert clock["found"] == "the database's clock is 8.0 s ahead of this machine's"
    assert "time service" in clock["advice"]


@pytest.mark.parametrize("size_mib, status", [(200, "problem"), (1000, "note")])
def test_a_disk_that_is_nearly_full_is_told(size_mib: int, status: str) -> None:
    with volume(size_mib) as disk:
        said = pannier("doctor", "--json", data_dir=disk.path / "shop", port=0)
        free = shutil.disk_usage(disk.path).free
    (found,) = [finding for finding in said.json["findings"] if finding["about"] == "disk"]

    # Where no small file system can be mounted it is the machine's own, which has room or has not.
    is_small = free <= size_mib << 20
    assert found["status"] == (status if is_small else "problem" if free < DISK_PROBLEM_BYTES else found["status"])
    assert found["status"] == "ok" or "Make room" in found["advice"]
    assert said.code == (1 if found["status"] == "problem" else 0)
