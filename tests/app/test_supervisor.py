"""`run_server`: starts in order, keeps everything running, explains itself, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from pannier.app.listening import CannotListenError, listen
from pannier.app.supervisor import _worker_environment
from pannier.platform.embedded import running_url
from pannier.platform.embedded.process import read_pid_file
from pannier.platform.settings import Settings
from tests.support.served import NO_DATABASE, Served, serve
from tests.support.waiting import wait_until


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that a database's user may enter, unlike pytest's own temporary ones."""
    with tempfile.TemporaryDirectory(prefix="pannier-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_it_says_where_it_is_and_how_it_stops(directory: Path) -> None:
    with serve(directory) as server:
        assert httpx.get(f"{server.url}/worker").status_code == 200
        assert server.stdout.startswith(f"prepared {NO_DATABASE}\n")
        for word in ("Pannier 0.1.0", server.url, "PostgreSQL at nowhere/none", "Ctrl+C", "/api/v1/products"):
            assert word in server.stdout
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert server.stderr.endswith("\nThe shop is closed and everything is stored. Good-bye.\n")
    assert server.journal == ["closed"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address)


_CHILDREN = """
def prepare(url):
    import psutil
    workers = [child for child in psutil.Process().children() if 'pannier.app.worker' in child.cmdline()]
    print('workers', *(worker.pid for worker in workers), flush=True)
    {then}
"""


@pytest.mark.parametrize("url", [NO_DATABASE, None], ids=["another's", "embedded"])
def test_workers_import_what_they_need_while_the_database_starts(directory: Path, url: str | None) -> None:
    prepare = _CHILDREN.format(then="")
    with serve(directory, workers=2, prepare=prepare, database_url=url, data_dir="data") as server:
        assert len(server.worker_pids(2)) == 2
        waiting = {int(word) for word in server.stdout.splitlines()[0].split()[1:]}
        assert waiting == server.worker_pids(2)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_workers_that_wait_for_a_database_go_when_there_is_none(directory: Path) -> None:
    with serve(directory, workers=2, prepare=_CHILDREN.format(then="raise RuntimeError('no migrations')")) as server:
        assert server.wait() == 1
    waiting = [int(word) for word in server.stdout.splitlines()[0].split()[1:]]
    assert len(waiting) == 2
    assert [pid for pid in waiting if psutil.pid_exists(pid)] == []


def test_workers_get_the_settings_and_share_their_metrics(directory: Path) -> None:
    with serve(directory, workers=2, shutdown_grace_s=7) as server:
        assert len(server.worker_pids(2)) == 2
        said = httpx.get(f"{server.url}/worker").json()
        assert said["grace"] == 7
        assert Path(said["metrics"]).is_dir()
        server.signal(signal.SIGINT)
        assert server.wait() == 0
    assert not Path(said["metrics"]).exists()


def test_port_that_is_taken_is_explained(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with serve(directory, port=port) as server:
            assert server.wait() == 1
    assert f"Port {port} on 127.0.0.1 is taken" in server.stderr
    assert f"PANNIER_PORT={port + 1}" in server.stderr
    assert "prepared" not in server.stdout


def test_host_that_is_not_ours_is_explained() -> None:
    with pytest.raises(CannotListenError, match="PANNIER_HOST"):
        listen("192.0.2.1", 0)


def test_dead_worker_is_replaced_and_meanwhile_nobody_is_refused(directory: Path) -> None:
    with serve(directory) as server:
        (first,) = server.worker_pids(1)
        os.kill(first, signal.SIGKILL)
        # Connects at once: the socket is the supervisor's, and the next worker finds the queue.
        assert httpx.get(f"{server.url}/worker", timeout=20).json()["pid"] != first
        assert "Worker 1 ended by signal 9 (SIGKILL" in server.stderr
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_worker_that_does_not_start_is_explained_and_given_up(directory: Path) -> None:
    with serve(directory, factory="make_broken", port=0) as server:
        assert server.wait(60) == 1
    page = server.stderr.partition("\n\n")[2]
    assert page.startswith("Pannier gives up: worker 1 ended 5 times in 30 s, the last time with exit code 1.\n")
    assert "RuntimeError: the shop on port 0 is broken" in page
    assert "pannier doctor" in page
    assert len(page.splitlines()) <= 10
    assert "Traceback" not in server.stderr
    assert "Address" not in server.stdout


def test_everything_a_dying_worker_says_is_shown_where_that_is_wanted(directory: Path) -> None:
    with serve(directory, factory="make_broken", port=0, log_level="DEBUG") as server:
        assert server.wait(60) == 1
    assert server.stderr.count("Traceback (most recent call last)") == 5


@pytest.mark.parametrize(
    "factory, cause, advice",
    [
        ("make_without_a_module", "a part of the installation is missing", "Install Pannier again"),
        ("make_on_a_full_disk", "the disk is full", "df -h"),
        ("make_without_memory", "it was killed", "PANNIER_WORKERS"),
    ],
)
def test_a_crash_loop_tells_cause_and_remedy(directory: Path, factory: str, cause: str, advice: str) -> None:
    with serve(directory, factory=factory, port=0) as server:
        assert server.wait(60) == 1
    page = server.stderr.partition("Pannier gives up")[2]
    assert f"Cause      {cause}" in page
    assert advice in page.partition("Do this")[2]
    assert "Traceback" not in server.stderr


def test_a_database_that_is_gone_is_the_cause_and_no_password_is_shown(directory: Path) -> None:
    address = "postgresql://shop:hunter22@127.0.0.1:1/shop"
    with serve(directory, app="pannier.app:create_app", port=0, database_url=address) as server:
        assert server.wait(60) == 1
    page = server.stderr.partition("Pannier gives up")[2]
    assert "Cause      the database cannot be used\n" in page
    assert "postgresql://shop:********@127.0.0.1:1/shop: " in page
    assert "Is PostgreSQL running there?" in page
    assert "hunter22" not in server.stderr
    assert "Traceback" not in server.stderr


def test_worker_that_dies_while_answering_is_given_up_after_a_while(directory: Path) -> None:
    with serve(directory) as server:
        for _ in range(5):
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{server.url}/die", timeout=20)
        assert server.wait() == 1
    assert "with exit code 9" in server.stderr
    assert "it had answered requests" in server.stderr


def test_second_interrupt_stops_at_once(directory: Path) -> None:
    with serve(directory, shutdown_grace_s=60) as server, socket.create_connection(server.address) as client:
        client.sendall(b"GET /slow/60 HTTP/1.1\r\nhost: shop\r\n\r\n")
        wait_until(lambda: "begin slow" in server.journal)
        server.signal(signal.SIGINT)
        wait_until(lambda: "Ctrl+C again stops at once" in server.stderr)
        server.signal(signal.SIGINT)
        assert server.wait(10) == 130
    assert "requests under way were cut off" in server.stderr.splitlines()[-1]


def test_requests_that_take_longer_than_the_grace_are_cut_short(directory: Path) -> None:
    with serve(directory, shutdown_grace_s=0.5) as server, socket.create_connection(server.address) as client:
        client.sendall(b"GET /slow/600 HTTP/1.1\r\nhost: shop\r\n\r\n")
        wait_until(lambda: "begin slow" in server.journal)
        server.signal(signal.SIGTERM)
        assert server.wait(15) == 0


def test_interrupt_before_the_shop_is_up_breaks_off(directory: Path) -> None:
    never = "import threading\ndef prepare(url):\n    print('waiting', flush=True)\n    threading.Event().wait()"
    with serve(directory, prepare=never) as server:
        wait_until(lambda: "waiting" in server.stdout)
        server.signal(signal.SIGINT)
        assert server.wait() == 130
    assert "before the shop was up" in server.stderr


def test_workers_end_with_a_supervisor_that_is_killed(directory: Path) -> None:
    with serve(directory, workers=2) as server:
        workers = server.worker_pids(2)
        server.process.kill()
        server.wait()
        wait_until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    assert server.journal == ["closed", "closed"]


def test_embedded_database_starts_first_is_revived_and_stops_last(directory: Path) -> None:
    data_dir = directory / "data"
    with serve(directory, database_url=None, data_dir="data", workers=2) as server:
        url = httpx.get(f"{server.url}/worker").json()["database"]
        assert url == running_url(data_dir)
        assert server.stdout.startswith(f"prepared {url}\n")
        assert "./data (embedded PostgreSQL" in server.stdout
        asyncio.run(_ask(url))
        os.kill(_postmaster(server), signal.SIGKILL)
        wait_until(lambda: "had ended and runs again" in server.stderr, 30)
        asyncio.run(_ask(url))
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert running_url(data_dir) is None
    log = (data_dir / "postgresql").resolve() / "server.log"
    assert log.read_text(encoding="utf-8").rstrip().endswith("database system is shut down")


def test_database_that_stops_again_and_again_is_explained(directory: Path) -> None:
    with serve(directory, database_url=None, data_dir="data") as server:
        assert server.url
        home = (directory / "data" / "postgresql").resolve()
        for times in range(1, 6):
            wait_until(lambda: _running(home), 30)
            os.kill(_running(home), signal.SIGQUIT)
            wait_until(lambda times=times: server.stderr.count("had ended and runs again") == times, 30)  # type: ignore[misc]  # bound early on purpose
        wait_until(lambda: "PostgreSQL has stopped 5 times in 60 s: " in server.stderr)
        assert f"Look into {home / 'server.log'}. Until then the shop answers 503" in server.stderr
        asyncio.run(_ask(httpx.get(f"{server.url}/worker").json()["database"]))


def _running(home: Path) -> int:
    """The process id of the server that runs there; 0 while there is none."""
    state = read_pid_file(home / "data")
    return state.pid if state is not None and state.is_ready and psutil.pid_exists(state.pid) else 0


def _postmaster(server: Served) -> int:
    """The process id of the embedded server, as it stands in the welcome."""
    return int(server.stdout.partition("PostgreSQL, process ")[2].partition(")")[0])


async def _ask(url: str) -> None:
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


def test_failing_preparation_goes_through_and_stops_the_database(directory: Path) -> None:
    fails = "def prepare(url): raise RuntimeError('no migrations today')"
    with serve(directory, database_url=None, data_dir="data", prepare=fails) as server:
        assert server.wait() == 1
    assert "RuntimeError: no migrations today" in server.stderr
    assert running_url(directory / "data") is None


def test_database_dies_in_order_with_a_supervisor_that_is_killed(directory: Path) -> None:
    with serve(directory, database_url=None, data_dir="data") as server:
        workers = server.worker_pids(1)
        processes = {_postmaster(server), *workers}
        server.process.kill()
        server.wait()
        wait_until(lambda: not any(psutil.pid_exists(pid) for pid in processes), 20)
    assert running_url(directory / "data") is None
    log = (directory / "data" / "postgresql").resolve() / "server.log"
    assert log.read_text(encoding="utf-8").rstrip().endswith("database system is shut down")


def test_second_server_on_the_same_data_is_refused(directory: Path) -> None:
    (directory / "second").mkdir()
    with serve(directory, database_url=None, data_dir="data") as server:
        assert server.url
        with serve(directory / "second", database_url=None, data_dir=directory / "data") as second:
            assert second.wait() == 1
        assert f"process {server.process.pid} runs the database" in second.stderr


def test_workers_of_an_embedded_shop_keep_its_mails(tmp_path: Path) -> None:
    """They are given the address of the embedded database, by which alone it could not be told from any other."""
    with _worker_environment(Settings(data_dir=tmp_path)) as environment:
        assert environment["PANNIER_MAIL_DIR"] == str(tmp_path / "mails")
    with _worker_environment(Settings(database_url="postgresql://elsewhere/shop")) as environment:
        assert "PANNIER_MAIL_DIR" not in environment
