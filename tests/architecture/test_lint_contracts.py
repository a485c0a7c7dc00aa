"""Ruff and import-linter object to what they are there for: their settings are code, and can be wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_tree import REPOSITORY

BIN = Path(sys.executable).parent
PACKAGES = [
    "kernel",
    "platform",
    "accounts",
    "catalog",
    "currencies",
    "inventory",
    "promotions",
    "payments",
    "shipping",
    "tax",
    "pricing",
    "pricebook",
    "cart",
    "orders",
    "wishlist",
    "checkout",
    "storefront",
    "app",
]


def ruff_codes(tmp_path: Path, path: str, text: str) -> str:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    command = [str(BIN / "ruff"), "check", "--no-cache", "--output-format=concise", path]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import UTC, datetime\n\nnow = datetime.now(UTC)\n",
        "import time\n\nnow = time.time()\n",
        "from uuid import uuid4\n\nkey = uuid4()\n",
        "import random\n\nnumber = random.random()\n",
        "import secrets\n\nkey = secrets.token_bytes(8)\n",
    ],
)
def test_time_and_randomness_are_banned_outside_the_kernel(tmp_path: Path, text: str) -> None:
    assert "TID251" in ruff_codes(tmp_path, "src/pannier/cart/service.py", text)
    assert "TID251" not in ruff_codes(tmp_path, "src/pannier/kernel/ids.py", text)


def test_a_monotonic_clock_is_allowed(tmp_path: Path) -> None:
    text = "import time\n\nstarted = time.perf_counter()\nalso = time.monotonic()\n"

    assert "TID251" not in ruff_codes(tmp_path, "src/pannier/cart/service.py", text)


def contracts(tmp_path: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """import-linter's verdict on a small Pannier of empty packages and these files."""
    package = tmp_path / "pannier"
    for name in PACKAGES:
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    for path in ("kernel/clock.py", "kernel/ids.py", "cart/rules.py", "cart/models.py", "cart/events.py"):
        (package / path).write_text("")
    for path, text in files.items():
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text(text)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    # `-c` puts the working directory first, so that the sample is found before the installed Pannier.
    program = "import sys, importlinter.cli as c; sys.exit(c.lint_imports(no_cache=True, no_logo=True))"
    return subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "path, text",
    [
        ("kernel/money.py", "import pannier.platform"),
        ("catalog/service.py", "import pannier.inventory"),
        ("pricing/rules.py", "import pannier.cart"),
        ("cart/service.py", "import pannier.orders"),
        ("orders/service.py", "import pannier.checkout"),
        ("cart/rules.py", "import asyncpg"),
        ("cart/rules.py", "import pannier.kernel.clock"),
        ("cart/models.py", "import pydantic"),
        ("cart/events.py", "import pannier.platform"),
        ("kernel/money.py", "import httpx"),
        ("wallet/__init__.py", ""),
    ],
)
def test_the_contracts_refuse(tmp_path: Path, path: str, text: str) -> None:
    verdict = contracts(tmp_path, {path: text})

    assert verdict.returncode != 0
    assert "BROKEN" in verdict.stdout or "exhaustive" in verdict.stdout.lower(), verdict.stdout + verdict.stderr


def test_the_contracts_accept_what_goes_downwards(tmp_path: Path) -> None:
    files = {
        "kernel/money.py": "",
        "cart/rules.py": "import pannier.kernel.money",
        "cart/service.py": "import asyncpg, pannier.kernel.clock, pannier.catalog, pannier.cart.rules",
        "app/cli.py": "import pannier.checkout",
    }

    verdict = contracts(tmp_path, files)

    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
