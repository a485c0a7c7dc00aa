"""The commands of the repository, as somebody meets them on a machine that lacks something."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY

SCRIPT = REPOSITORY / "tools" / "system_packages.sh"


@dataclass
class Machine:
    """A PATH of our own in front: who we are, which Python is there, and an apt-get that takes notes."""

    bin: Path
    uid: int

    def command(self, name: str, body: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def need(self, *packages: str, python: str = "python3") -> subprocess.CompletedProcess[str]:
        self.command("id", f"echo {self.uid}")
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "PYTHON": python}
        return subprocess.run(["bash", SCRIPT, *packages], env=environment, capture_output=True, text=True, check=False)

    @property
    def asked_of_apt(self) -> list[str]:
        log = self.bin / "apt.log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path, uid=0)
    made.command("apt-get", f'echo "$@" >> {tmp_path}/apt.log')
    made.command("python-complete", "exit 0")
    return made


def test_nothing_is_done_or_said_where_nothing_is_missing(machine: Machine) -> None:
    machine.command("wrk", "exit 0")

    run = machine.need("python", "wrk", python="python-complete")

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert machine.asked_of_apt == []


def test_root_gets_installed_what_is_missing(machine: Machine) -> None:
    run = machine.need("load-tool")

    assert run.returncode == 0
    assert machine.asked_of_apt == ["update -qq", "install --yes -qq --no-install-recommends load-tool"]
    assert run.stdout == "Installing the missing system packages: load-tool\n"


def test_an_ordinary_user_is_told_the_command(machine: Machine) -> None:
    machine.uid = 1000

    run = machine.need("load-tool")

    assert run.returncode == 1
    assert "sudo apt-get update && sudo apt-get install --yes load-tool" in run.stderr
    assert machine.asked_of_apt == []


def test_debians_python_without_its_venv_package_is_noticed(machine: Machine) -> None:
    machine.uid = 1000
    machine.command("python-debian", 'case "$2" in *ensurepip*) exit 1;; esac')

    run = machine.need("python", python="python-debian")

    assert run.returncode == 1
    assert run.stderr.rstrip().endswith("install --yes python3-venv")


def test_a_python_that_is_too_old_is_refused_with_the_way_out(machine: Machine) -> None:
    pretend = "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (old)'; exec(sys.stdin.read())"
    machine.command("python-old", f"""test "$1" != - || exec "{sys.executable}" -c "{pretend}" """)

    run = machine.need("python", python="python-old")

    assert run.returncode == 1
    assert "Pannier needs Python 3.11 or newer; this is 3.9.2." in run.stderr


def test_what_apt_get_says_is_shown_when_it_fails(machine: Machine) -> None:
    machine.command("apt-get", "echo 'E: no such package'; exit 100")

    run = machine.need("load-tool")

    assert run.returncode == 1
    assert "E: no such package" in run.stderr
    assert "Could not install load-tool" in run.stderr


def test_help_names_every_command_with_what_it_does() -> None:
    text = (REPOSITORY / "Makefile").read_text()
    phony = re.findall(r"(?m)^\.PHONY: (.+)$", text)[0].split()
    listed = subprocess.run(["make", "-C", REPOSITORY, "help"], capture_output=True, text=True, check=True).stdout

    assert {"help", "install", "run", "test", "lint", "bench"} <= set(phony)
    assert [name for name in phony if name not in {"typecheck", "imports"} and f"make {name} " not in listed] == []


def test_ci_runs_what_everybody_runs_and_nothing_hides_a_failure() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text()

    assert script.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script
    assert script.rstrip().splitlines()[-1] == "make test"
    assert "||" not in script


def test_the_wheel_brings_migrations_and_pages_and_an_editable_install_no_copies_of_them(tmp_path: Path) -> None:
    program = """
import sys
from hatchling.builders.wheel import WheelBuilder
for version in ("standard", "editable"):
    list(WheelBuilder(sys.argv[1]).build(directory=f"{sys.argv[2]}/{version}", versions=[version]))
"""
    subprocess.run([sys.executable, "-c", program, REPOSITORY, tmp_path], check=True, capture_output=True)
    names = {version: _names(tmp_path / version) for version in ("standard", "editable")}

    assert "pannier/migrations/sql/0001_up/1_domains.sql" in names["standard"]
    assert "pannier/web/templates/base.html" in names["standard"]
    assert "pannier/web/static/pictures/mug-640.webp" in names["standard"]
    assert "pannier/kernel/money.py" in names["standard"]
    assert [name for name in names["editable"] if name.startswith("pannier/")] == []


def _names(directory: Path) -> list[str]:
    (wheel,) = directory.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()
