"""The tests that go through a database, on the oldest PostgreSQL that Pannier promises to work with.

    pytest --oldest-postgresql      what `make test` runs after everything has run on the embedded server

Debian's packages bring that server; a cluster of it is made for the run and goes with it. It sorts text as people do
and not by bytes, like many a server that is not ours, so that an order which relies on the collation shows.

A test belongs to this run when it asks for the server of the run, whatever its directory, so a new one cannot be
forgotten; `ELSEWHERE` names what would only cost time here. The run fails when it shrinks.
"""

from __future__ import annotations

import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pannier.platform.embedded.account import choose_account
from pannier.platform.embedded.process import read_pid_file, run, spawn
from tests.support.scratch import FOR_TESTS, scratch_directory
from tests.support.waiting import wait_until

OPTION = "--oldest-postgresql"
MAJOR_VERSION = 15
PROGRAMS = Path(f"/usr/lib/postgresql/{MAJOR_VERSION}/bin")
#: What asks a database but would find nothing out about it: directories and files, each with its reason.
ELSEWHERE = {
    "tests/bench": "the load generator's own tests",
    "tests/docs": "texts, compared with what the shop says",
    "tests/storefront": "pages, over services that are tested here",
    "tests/contracts": "the document, compared with answers that are the same from any server",
    "tests/simulation": "hundreds of plays of one service, which is tested here by itself",
    "tests/acceptance": "rules, case by case, over services that are tested here",
    "tests/properties": "minutes of chance, over services that are tested here one by one",
    "tests/app": "commands and processes, over services that are tested here",
    "tests/journeys": "what shops ask of routes, over services that are tested here",
    "tests/payments/test_contract.py": "providers, whose answers have no database in them",
}
#: The same by how a file is named, whatever its directory.
ELSEWHERE_BY_NAME = {"api.py": "requests and answers, over services that are tested here"}
#: Fewer than this, and something has fallen out of the run unseen.
TESTS_MIN = 800
_ROLE = "pannier"


class OldestServer:
    """A cluster of Debian's PostgreSQL in a directory of its own, reached through a socket there."""

    def __init__(self) -> None:
        assert (PROGRAMS / "postgres").exists(), f"{PROGRAMS} is missing: apt-get install postgresql-{MAJOR_VERSION}"
        self._directory = scratch_directory()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.url = self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it and remove its files."""
        if self._process is not None and self._process.poll() is None:
            # An immediate stop: nobody wants to keep what it holds.
            self._process.send_signal(3)
            self._process.wait(30)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self) -> str:
        data, sockets = self._directory / "data", self._directory / "run"
        account = choose_account(data)
        for place in (data, sockets):
            place.mkdir(mode=0o700)
            if account.is_switched_to:
                shutil.chown(place, account.uid, account.gid)
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        options += ["--auth=trust", "--no-sync", "--no-instructions", f"--username={_ROLE}"]
        made = run(account, [PROGRAMS / "initdb", *options, f"--pgdata={data}"])
        assert made.returncode == 0, made.stdout
        settings = FOR_TESTS | {"listen_addresses": "", "unix_socket_directories": str(sockets)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._directory / "server.log").open("wb") as log:
            self._process = spawn(account, [PROGRAMS / "postgres", "-D", data, *words], log)
        wait_until(lambda: (said := read_pid_file(data)) is not None and said.is_ready, 60)
        return f"postgresql://{_ROLE}@/postgres?host={urllib.parse.quote(str(sockets), safe='')}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION, action="store_true", help=f"Run the tests that go through a database on PostgreSQL {MAJOR_VERSION}."
    )


def is_meant(nodeid: str, fixtures: Sequence[str]) -> bool:
    """Whether a test belongs to this run."""
    is_elsewhere = nodeid.startswith(tuple(ELSEWHERE)) or nodeid.partition("::")[0].endswith(tuple(ELSEWHERE_BY_NAME))
    return "server_url" in fixtures and not is_elsewhere


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption(OPTION):
        return
    meant = [item for item in items if is_meant(item.nodeid, getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(meant)])
    items[:] = meant


def verdict(passed: int, *, is_narrowed: bool) -> str:
    """Why a run that has no failures fails all the same; empty when it does not."""
    if is_narrowed or passed >= TESTS_MIN:
        return ""
    return (
        f"Only {passed} tests ran on PostgreSQL {MAJOR_VERSION}, where at least {TESTS_MIN} should. "
        "If fewer are meant, say so in tests/support/oldest.py."
    )


def _is_narrowed(config: pytest.Config) -> bool:
    """Whether whoever started the run chose among the tests."""
    return bool(config.option.keyword or config.option.markexpr or config.args_source.name == "ARGS")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    yield
    config = session.config
    if not config.getoption(OPTION) or hasattr(config, "workerinput") or config.option.collectonly:
        return
    is_narrowed = _is_narrowed(config)
    if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and is_narrowed:
        session.exitstatus = pytest.ExitCode.OK
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    passed = len(reporter.stats.get("passed", ())) if reporter is not None else 0
    if session.exitstatus == pytest.ExitCode.OK and (why := verdict(passed, is_narrowed=is_narrowed)):
        if reporter is not None:
            reporter.write_line(f"\n{why}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
