"""The real catalogues and reference tables, which are beside the project and not in it.

`PANNIER_TEST_DATA` names their directory. Where it is set, as in CI, the directory must be there. Where it
is unset and `../shared/data` is absent, as in a user's clone, the tests that read it are deselected, and one
line says so; they are not reported as skipped, because nothing of theirs could have run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ENVIRONMENT = "PANNIER_TEST_DATA"


def locate(environment: str | None, project: Path) -> Path | None:
    """The directory of the real data, None where there is none. UsageError if a named one is absent."""
    if environment:
        named = Path(environment)
        if not named.is_dir():
            raise pytest.UsageError(f"{ENVIRONMENT} names {environment}, which is no directory")
        return named.resolve()
    beside = project.parent / "shared" / "data"
    return beside if beside.is_dir() else None


def pytest_configure(config: pytest.Config) -> None:
    locate(os.environ.get(ENVIRONMENT), config.rootpath)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if locate(os.environ.get(ENVIRONMENT), config.rootpath) is not None:
        return
    left_out = [item for item in items if reads_shared_data(item)]
    if left_out:
        items[:] = [item for item in items if not reads_shared_data(item)]
        config.hook.pytest_deselected(items=left_out)


def reads_shared_data(item: pytest.Item) -> bool:
    """Whether the test is marked `shared_data` or asks for the fixture of that name."""
    return item.get_closest_marker("shared_data") is not None or "shared_data" in getattr(item, "fixturenames", ())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if locate(os.environ.get(ENVIRONMENT), config.rootpath) is None:
        terminalreporter.write_line(
            f"Left out: tests on real data. {ENVIRONMENT} is unset and ../shared/data is absent."
        )


@pytest.fixture(scope="session")
def shared_data(request: pytest.FixtureRequest) -> Path:
    """The directory of the real data; a test that asks for it is left out where there is none."""
    path = locate(os.environ.get(ENVIRONMENT), request.config.rootpath)
    assert path is not None, "this test should have been deselected"
    return path
