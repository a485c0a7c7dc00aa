"""The repository holds to its own rules, and every rule is seen to object to what breaks it."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import import_checks, size_checks, state_checks, text_checks
from tests.architecture.source_tree import REPOSITORY

Check = Callable[[Path], list[str]]

CHECKS: list[Check] = [
    size_checks.long_files,
    size_checks.long_functions,
    import_checks.foreign_internals,
    import_checks.wrong_way_inside,
    state_checks.mutable_globals,
    state_checks.inexact_money,
    text_checks.unfinished,
    text_checks.machine_paths,
    text_checks.evasions_in_tests,
    text_checks.tests_without_assertion,
    text_checks.silenced_without_reason,
    text_checks.addresses_in_locks,
]

# The words are put together, or these samples would break the rules they are there to break.
IGNORE = "# no" + "qa"
SKIP = "sk" + "ip"
SAMPLES: list[tuple[Check, str, str, bool]] = [
    (size_checks.long_files, "src/pannier/a.py", "x = 1\n" * 401, True),
    (size_checks.long_files, "src/pannier/cart/sql/a.sql", "select 1;\n" * 401, True),
    (size_checks.long_files, "src/pannier/a.py", "x = 1\n" * 400, False),
    (size_checks.long_functions, "tests/test_a.py", "def f():\n" + "    x = 1\n" * 60, True),
    (size_checks.long_functions, "bench/a.py", "async def f():\n" + "    x = 1\n" * 60, True),
    (size_checks.long_functions, "bench/a.py", "def f():\n" + "    x = 1\n" * 59, False),
    (
        import_checks.foreign_internals,
        "src/pannier/cart/service.py",
        "from pannier.catalog.models import P",
        True,
    ),
    (import_checks.foreign_internals, "src/pannier/cart/service.py", "import pannier.catalog.models", True),
    (
        import_checks.foreign_internals,
        "src/pannier/app/main.py",
        "from pannier.cart.repository import f",
        True,
    ),
    (
        import_checks.foreign_internals,
        "src/pannier/app/main.py",
        "from pannier.cart.api import router",
        False,
    ),
    (import_checks.foreign_internals, "src/pannier/cart/service.py", "from pannier.catalog import P", False),
    (
        import_checks.foreign_internals,
        "src/pannier/cart/service.py",
        "from pannier.cart.models import C",
        False,
    ),
    (
        import_checks.foreign_internals,
        "src/pannier/cart/service.py",
        "from pannier.kernel.money import M",
        False,
    ),
    (
        import_checks.wrong_way_inside,
        "src/pannier/cart/api.py",
        "from pannier.cart.repository import f",
        True,
    ),
    (import_checks.wrong_way_inside, "src/pannier/cart/rules.py", "from pannier.cart.service import f", True),
    (
        import_checks.wrong_way_inside,
        "src/pannier/cart/service.py",
        "from pannier.cart.rules import f",
        False,
    ),
    (state_checks.mutable_globals, "src/pannier/a.py", "cache = {}", True),
    (state_checks.mutable_globals, "src/pannier/a.py", "cache: dict[str, int] = dict()", True),
    (state_checks.mutable_globals, "src/pannier/a.py", "CACHE = {}\ndef f(): CACHE['a'] = 1", True),
    (state_checks.mutable_globals, "src/pannier/a.py", "CACHE = set()\ndef f(): CACHE.add(1)", True),
    (state_checks.mutable_globals, "src/pannier/a.py", "REQUESTS = Counter('requests', '')", True),
    (state_checks.mutable_globals, "src/pannier/a.py", "n = 0\ndef f():\n    global n\n    n += 1", True),
    (state_checks.mutable_globals, "src/pannier/a.py", "STATUS = {'a': 1}\nx = STATUS['a']", False),
    (state_checks.mutable_globals, "src/pannier/a.py", "_SKU = re.compile('a')\nlog = getLogger('a')", False),
    (state_checks.inexact_money, "src/pannier/kernel/money.py", "x = 0.1", True),
    (state_checks.inexact_money, "src/pannier/pricing/tax.py", "def f(a): return a / 100", True),
    (state_checks.inexact_money, "src/pannier/cart/rules.py", "def f(a): return round(a)", True),
    (state_checks.inexact_money, "src/pannier/cart/rules.py", "import math", True),
    (
        state_checks.inexact_money,
        "src/pannier/pricing/tax.py",
        "def f(a): return Fraction(a) / 100 + a // 2",
        False,
    ),
    (state_checks.inexact_money, "src/pannier/app/a.py", "x = 0.1", False),
    (text_checks.unfinished, "docs/a.md", "one " + "TO" + "DO", True),
    (text_checks.unfinished, "src/pannier/a.py", "# FIX" + "ME", True),
    (text_checks.machine_paths, "Makefile", "cd /wo" + "rk/x", True),
    (text_checks.machine_paths, "docs/a.md", "`/ro" + "ot/.cache`", True),
    (text_checks.machine_paths, "docs/a.md", "see docs/ro" + "ot/a and net/wo" + "rk/b", False),
    (text_checks.evasions_in_tests, "tests/test_a.py", f"pytest.{SKIP}('no')", True),
    (text_checks.evasions_in_tests, "tests/test_a.py", f"@pytest.mark.{SKIP}if(True)", True),
    (text_checks.evasions_in_tests, "tests/test_a.py", "await asyncio.sle" + "ep(1)", True),
    (text_checks.evasions_in_tests, "tests/test_a.py", "from unittest.mo" + "ck import patch", True),
    (text_checks.evasions_in_tests, "tests/test_a.py", f"assert rows_{SKIP}ped == 0", False),
    (text_checks.tests_without_assertion, "tests/test_a.py", "def test_a(): f()", True),
    (text_checks.tests_without_assertion, "tests/test_a.py", "def test_a():\n    with raises(E): f()", False),
    (text_checks.silenced_without_reason, "src/pannier/a.py", f"x = 1  {IGNORE}", True),
    (text_checks.silenced_without_reason, "src/pannier/a.py", f"x = 1  {IGNORE}: E501", True),
    (
        text_checks.silenced_without_reason,
        "src/pannier/a.py",
        f"x = 1  {IGNORE}: E501 # a table reads best wide",
        False,
    ),
    (text_checks.silenced_without_reason, "src/pannier/a.py", "x = 1  # type: " + "ignore", True),
    (
        text_checks.silenced_without_reason,
        "pyproject.toml",
        '[tool.ruff.lint]\nignore = [\n    "E501",\n]',
        True,
    ),
    (text_checks.silenced_without_reason, "pyproject.toml", '[tool.ruff.lint]\nignore = ["E501"]', True),
    (
        text_checks.silenced_without_reason,
        "pyproject.toml",
        '[tool.ruff.lint]\nselect = [\n    "E",\n]\nignore = [\n    "E501", # the formatter sees to it\n]',
        False,
    ),
    (
        text_checks.silenced_without_reason,
        "pyproject.toml",
        '[tool.ruff.lint.per-file-ignores]\n"tests/*" = [\n    "S", # nobody attacks a test\n    "E",\n]',
        True,
    ),
    (text_checks.addresses_in_locks, "a.lock", "--index-url https://example.org/simple\n", True),
    (text_checks.addresses_in_locks, "a.lock", "a @ file:///tmp/a.whl\n", True),
    (text_checks.addresses_in_locks, "a.lock", "a==1.0\n", True),
    (text_checks.addresses_in_locks, "a.lock", "a==1.0 \\\n    --hash=sha256:00\n", False),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_repository_keeps_the_rule(check: Check) -> None:
    assert check(REPOSITORY) == []


@pytest.mark.parametrize(
    "check, path, text, objects",
    SAMPLES,
    ids=[f"{sample[0].__name__}-{i}" for i, sample in enumerate(SAMPLES)],
)
def test_the_check_objects_to_what_breaks_the_rule_and_to_nothing_else(
    tmp_path: Path, check: Check, path: str, text: str, objects: bool
) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)

    found = check(tmp_path)

    assert bool(found) is objects, found
    assert all(line.startswith(f"{path}:") for line in found)


def test_every_check_has_a_sample_that_breaks_it() -> None:
    assert {check for check, _, _, objects in SAMPLES if objects} == set(CHECKS)


def test_pannier_has_no_import_cycle() -> None:
    assert import_checks.import_cycles("pannier") == []


def test_an_import_cycle_is_found_however_far_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "roundabout"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("import roundabout.b")
    (package / "b.py").write_text("import roundabout.c")
    (package / "c.py").write_text("def late():\n    import roundabout.a")
    (package / "d.py").write_text("import roundabout.a")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert import_checks.import_cycles("roundabout") == ["roundabout.a ↔ roundabout.b ↔ roundabout.c"]
    assert "roundabout.d" not in sys.modules


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[\[<>=~! ]", dependency)[0].lower() for dependency in project["dependencies"]}
    locked = {
        line.split("==")[0] for line in (REPOSITORY / "requirements.lock").read_text().splitlines() if "==" in line
    }

    assert named - locked == set()


def test_the_locks_agree_on_every_version() -> None:
    pins: dict[str, set[str]] = {}
    for lock in sorted(REPOSITORY.glob("requirements*.lock")):
        for name, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", lock.read_text()):
            pins.setdefault(name, set()).add(version)

    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}
