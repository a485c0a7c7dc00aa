"""The embedded PostgreSQL: one owner, any number of guests, and nothing lost when somebody is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from pannier.platform.embedded import (
    DataDirectoryInUseError,
    EmbeddedServer,
    lease,
    running_url,
)
from tests.support.embedded import open_directory, value
from tests.support.waiting import wait_until

_AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory in which nothing runs; each test leaves it like that."""
    with open_directory() as directory:
        with EmbeddedServer(directory / "data"):
            pass
        yield directory / "data"


@pytest.fixture(scope="module")
def shared_server() -> Iterator[EmbeddedServer]:
    with open_directory() as directory, EmbeddedServer(directory) as server:
        yield server


async def _write_row(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE IF EXISTS row; CREATE TABLE row (id int); INSERT INTO row VALUES (1)")
    await connection.close()


async def test_shop_role_owns_its_database_and_is_no_superuser(shared_server: EmbeddedServer) -> None:
    role = await value(
        shared_server.url,
        "SELECT format('%s %s %s %s', rolname, rolsuper, rolcreatedb, rolcreaterole)"
        " FROM pg_roles WHERE rolname = current_user",
    )
    assert role == "pannier f f f"
    assert await value(shared_server.url, "SELECT current_database()") == "pannier"
    owner = "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'pannier'"
    assert await value(shared_server.url, owner) == "pannier"


@pytest.mark.parametrize(
    "setting,expected",
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("max_connections", "200"),
        ("jit", "off"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
    ],
)
async def test_settings(shared_server: EmbeddedServer, setting: str, expected: str) -> None:
    assert await value(shared_server.url, f"SHOW {setting}") == expected


async def test_text_sorts_by_code_point_and_case_folds_beyond_ascii(shared_server: EmbeddedServer) -> None:
    assert await value(shared_server.url, "SELECT 'Z' < 'a' AND lower('ÄÖ') = 'äö'") is True


async def test_sockets_are_for_the_databases_user_only(shared_server: EmbeddedServer) -> None:
    sockets = shared_server.home / "run"
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE((shared_server.home / "data").stat().st_mode) == 0o700
    assert not [c for c in psutil.net_connections("tcp") if c.pid == shared_server.pid]


async def test_superuser_is_out_of_reach_for_a_process_of_another_user(shared_server: EmbeddedServer) -> None:
    if not _AS_ROOT:
        # Then both are the same user, and it is the socket's directory that keeps others out.
        assert (shared_server.home / "run").stat().st_uid == os.geteuid()
        return
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(shared_server.url, user="postgres")


async def test_rows_survive_an_orderly_stop(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        await _write_row(server.url)
        pid = server.pid
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert running_url(data_dir) is None
    with EmbeddedServer(data_dir) as server:
        assert await value(server.url, "SELECT count(*) FROM row") == 1


def test_later_starts_are_quick(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        pass
    started_at = time.perf_counter()
    with EmbeddedServer(data_dir):
        duration_s = time.perf_counter() - started_at
    # 0.1 s on an idle machine; the bound leaves room for one that is busy with other tests.
    assert duration_s < 3.0


def test_second_owner_is_told_the_first_ones_pid(data_dir: Path) -> None:
    with EmbeddedServer(data_dir):
        with pytest.raises(DataDirectoryInUseError, match=f"process {os.getpid()} ") as refused:
            EmbeddedServer(data_dir).start()
        assert refused.value.owner_pid == os.getpid()
        assert "PANNIER_DATA_DIR" in refused.value.message


async def test_killed_postgres_is_started_again_with_its_rows(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        await _write_row(server.url)
        assert not server.ensure_running()
        killed = server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: server.pid is None)
        assert server.ensure_running()
        assert server.pid not in (None, killed)
        assert await value(server.url, "SELECT count(*) FROM row") == 1
        assert running_url(data_dir) == server.url


_OWNER = """
import sys
from pathlib import Path
from pannier.platform.embedded import EmbeddedServer, lease
if sys.argv[2] == "lease":
    with lease(Path(sys.argv[1])) as url:
        print("up", flush=True)
        sys.stdin.read()
else:
    server = EmbeddedServer(Path(sys.argv[1]))
    server.start()
    print(server.pid, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def _owner_process(data_dir: Path, kind: str = "server") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that runs the server until its input ends; with the first line it prints."""
    command = [sys.executable, "-c", _OWNER, str(data_dir), kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


async def test_server_stops_in_order_when_its_owner_is_killed(data_dir: Path) -> None:
    log = data_dir / "postgresql" / "server.log"
    told_before = log.stat().st_size  # nothing else waits for this loop
    with _owner_process(data_dir) as (owner, line):
        server_pid = int(line)
        url = running_url(data_dir)
        assert url is not None
        await _write_row(url)
        owner.kill()
        owner.wait()
        wait_until(lambda: not psutil.pid_exists(server_pid))
    assert running_url(data_dir) is None
    with EmbeddedServer(data_dir) as server:
        assert await value(server.url, "SELECT count(*) FROM row") == 1
    told = log.read_bytes()[told_before:]  # nothing else waits for this loop
    assert b"received fast shutdown request" in told
    assert b"automatic recovery" not in told


async def test_server_that_outlived_its_owner_is_stopped_by_the_next(data_dir: Path) -> None:
    with _owner_process(data_dir) as (owner, line):
        server_pid = int(line)
        url = running_url(data_dir)
        assert url is not None
        await _write_row(url)
        # Stopped processes take the kernel's shutdown signal only once they go on.
        os.kill(server_pid, signal.SIGSTOP)
        owner.kill()
        owner.wait()
    told: list[str] = []

    def report(message: str) -> None:
        told.append(message)
        os.kill(server_pid, signal.SIGCONT)

    with EmbeddedServer(data_dir, report=report) as server:
        assert server.pid != server_pid
        assert await value(server.url, "SELECT count(*) FROM row") == 1
    assert str(server_pid) in told[0]


async def test_owner_and_server_killed_together_lose_nothing(data_dir: Path) -> None:
    with _owner_process(data_dir) as (owner, line):
        url = running_url(data_dir)
        assert url is not None
        await _write_row(url)
        owner.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(line), signal.SIGKILL)
        owner.wait()
    with EmbeddedServer(data_dir) as server:
        assert await value(server.url, "SELECT count(*) FROM row") == 1


def test_pid_file_whose_number_belongs_to_somebody_else_now_is_ignored(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        pid_file = server.home / "data" / "postmaster.pid"
        kept = pid_file.read_text(encoding="utf-8").splitlines()
    kept[0] = str(os.getpid())
    pid_file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    assert running_url(data_dir) is None
    with EmbeddedServer(data_dir) as server:
        assert server.pid is not None
        assert server.pid != os.getpid()


def test_sigterm_of_a_lease_holder_stops_its_server(data_dir: Path) -> None:
    with _owner_process(data_dir, "lease") as (owner, line):
        assert line == "up"
        assert running_url(data_dir) is not None
        owner.terminate()
        assert owner.wait(20) == 128 + signal.SIGTERM
    assert running_url(data_dir) is None
    log = (data_dir / "postgresql").resolve() / "server.log"
    assert "received fast shutdown request" in log.read_text(encoding="utf-8")


async def test_lease_uses_the_running_server(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        with lease(data_dir) as url:
            assert url == server.url
        assert await value(server.url, "SELECT 1") == 1


async def test_lease_starts_a_server_for_its_lifetime(data_dir: Path) -> None:
    assert running_url(data_dir) is None
    with lease(data_dir) as url:
        assert await value(url, "SELECT 1") == 1
        assert running_url(data_dir) == url
    assert running_url(data_dir) is None


async def test_owner_waits_for_a_guest_that_is_not_done(data_dir: Path) -> None:
    with _owner_process(data_dir, "lease") as (owner, _):
        with lease(data_dir) as url:
            assert owner.stdin is not None
            owner.stdin.close()
            wait_until(lambda: running_url(data_dir) is None)
            assert await value(url, "SELECT 1") == 1
            assert owner.poll() is None
        assert owner.wait(20) == 0
