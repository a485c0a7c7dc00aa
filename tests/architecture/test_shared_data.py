"""Tests on real data run where it is, fail where it should be, and are openly left out where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY
from tests.support.shared_data import ENVIRONMENT

SAMPLE = """
import pytest

def test_of_the_code(): assert True

@pytest.mark.shared_data
def test_by_mark(): assert True

def test_by_fixture(shared_data): assert (shared_data / "README.md").is_file()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one test that needs no data and two that do."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "conftest.py").write_text('pytest_plugins = ["tests.support.shared_data"]\n')
    (project / "test_sample.py").write_text(SAMPLE)
    (project / "pytest.ini").write_text("[pytest]\nmarkers = shared_data: sample\n")
    return project


def run_tests(project: Path, data: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", ENVIRONMENT))}
    environment["PYTHONPATH"] = str(REPOSITORY)
    # The project's own plugins are all that this is about; others take longer to load than these tests to run.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if data is not None:
        environment[ENVIRONMENT] = data
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("arguments", [(), ("-p", "xdist", "-n", "2")], ids=["one process", "two workers"])
def test_they_are_left_out_with_one_line_where_there_is_no_data(project: Path, arguments: tuple[str, ...]) -> None:
    run = run_tests(project, None, *arguments)

    assert run.returncode == 0
    assert "1 passed" in run.stdout
    assert run.stdout.count("Left out: tests on real data.") == 1


def test_they_run_where_the_data_lies_beside_the_project(project: Path) -> None:
    data = project.parent / "shared" / "data"
    data.mkdir(parents=True)
    (data / "README.md").write_text("Real data")

    run = run_tests(project, None)

    assert "3 passed" in run.stdout
    assert "Left out" not in run.stdout


def test_they_run_where_the_environment_names_the_data(project: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("Real data")

    assert "3 passed" in run_tests(project, str(tmp_path)).stdout


def test_a_directory_that_is_named_must_be_there(project: Path) -> None:
    run = run_tests(project, str(project / "nowhere"))

    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "nowhere" in run.stderr + run.stdout
    assert "passed" not in run.stdout


def test_ci_names_the_directory() -> None:
    assert f"export {ENVIRONMENT}" in (REPOSITORY / ".ci" / "run").read_text()
