"""Where an embedded server lives: directory, socket, settings, log, and the copy of its programs."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pannier.platform.embedded import EmbeddedServer, EmbeddedServerError
from pannier.platform.embedded.account import Account
from pannier.platform.embedded.binaries import copy_installation
from tests.support.embedded import open_directory, value

_AS_ROOT = os.geteuid() == 0


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    with open_directory() as directory:
        yield directory / "data"


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory in which nothing runs; each test leaves it like that."""
    with open_directory() as directory:
        with EmbeddedServer(directory / "data"):
            pass
        yield directory / "data"


def test_interrupted_initialisation_leaves_nothing_half_made(empty_dir: Path) -> None:
    unfinished = empty_dir / "postgresql" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n", encoding="ascii")
    with EmbeddedServer(empty_dir) as server:
        assert server.pid is not None
    assert not unfinished.exists()


def test_files_of_another_major_version_are_refused(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        version = server.home / "data" / "PG_VERSION"
    version.write_text("17\n", encoding="ascii")
    with pytest.raises(EmbeddedServerError, match=r"written by PostgreSQL 17"):
        EmbeddedServer(data_dir).start()
    version.write_text("18\n", encoding="ascii")


async def test_long_path_gets_its_socket_elsewhere(empty_dir: Path) -> None:
    long_dir = empty_dir / ("a" * 60) / "b, c 'd'" / ("e" * 60)
    with EmbeddedServer(long_dir) as server:
        assert await value(server.url, "SELECT 1") == 1
        sockets = Path((server.home / "socket-directory").read_text(encoding="utf-8").strip())
        assert stat.S_IMODE(os.stat(sockets).st_mode) == 0o700  # noqa: PTH116 # pathlib is barred in coroutines
    with EmbeddedServer(long_dir) as server:
        assert str(sockets.name) in server.url
    shutil.rmtree(sockets)


async def test_shops_own_settings_are_kept(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        local = server.home / "local.conf"
    local.write_text("work_mem = 7MB\n", encoding="utf-8")
    with EmbeddedServer(data_dir) as server:
        assert await value(server.url, "SHOW work_mem") == "7MB"
    local.unlink()


def test_settings_postgres_refuses_are_told_from_its_log(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        local = server.home / "local.conf"
    local.write_text("work_mem = lots\n", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match=r'invalid value for parameter "work_mem"'):
        EmbeddedServer(data_dir).start()
    # The data directory is free again for whoever mends it.
    local.unlink()
    with EmbeddedServer(data_dir) as server:
        assert server.pid is not None


def test_log_is_bounded(data_dir: Path) -> None:
    with EmbeddedServer(data_dir) as server:
        log = server.home / "server.log"
        with log.open("ab") as file:
            file.truncate(17 * 1024 * 1024)
        server.ensure_running()
        assert log.stat().st_size < 1024 * 1024
        assert log.with_suffix(".log.1").stat().st_size > 16 * 1024 * 1024


def test_directory_that_cannot_be_made_is_explained(empty_dir: Path) -> None:
    empty_dir.write_text("", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="PANNIER_DATA_DIR"):
        EmbeddedServer(empty_dir / "data").start()


def test_broken_link_to_the_database_is_not_taken_for_an_empty_shop(empty_dir: Path) -> None:
    empty_dir.mkdir()
    (empty_dir / "postgresql").symlink_to(empty_dir / "gone")
    with pytest.raises(EmbeddedServerError, match="which is gone"):
        EmbeddedServer(empty_dir).start()


def test_directory_the_databases_user_may_not_enter(tmp_path: Path) -> None:
    """As root the database moves out of a private directory; as anybody else there is no such directory."""
    tmp_path.chmod(0o700)
    told: list[str] = []
    with EmbeddedServer(tmp_path / "data", report=told.append) as server:
        home = server.home
        assert server.pid is not None
    if _AS_ROOT:
        assert home.parent == Path("/var/lib/pannier")
        assert (tmp_path / "data" / "postgresql").resolve() == home
        assert str(home) in told[0]
        shutil.rmtree(home)
    else:
        assert home == tmp_path / "data" / "postgresql"
        assert not told


def test_who_may_enter_is_judged_by_owner_group_and_mode(empty_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account = Account("nobody", nobody.pw_uid, nobody.pw_gid, is_switched_to=True)
    empty_dir.mkdir(mode=0o755)
    assert account.can_enter(empty_dir / "not" / "made" / "yet")
    empty_dir.chmod(0o750)
    assert not account.can_enter(empty_dir)
    assert not account.can_enter(empty_dir / "not" / "made" / "yet")


def test_copy_of_the_programs_runs_and_everybody_may_read_it(tmp_path: Path) -> None:
    bin_dir = copy_installation(tmp_path)
    version = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("postgres (PostgreSQL) 18")
    subprocess.run([bin_dir / "psql", "--version"], capture_output=True, check=True)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")} <= {0o755, 0o644}
    shared = subprocess.run([bin_dir / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
    assert Path(shared.stdout.strip(), "postgres.bki").is_relative_to(tmp_path)
    assert Path(shared.stdout.strip(), "postgres.bki").is_file()
