"""The pages of `docs/howto/shop-*.md`: their settings, and their tables of what a shop calls things."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pannier.app import create_app
from pannier.app.factory import PannierApp
from pannier.kernel.clock import Clock
from pannier.platform.settings import Settings
from tests.architecture.source_tree import REPOSITORY
from tests.docs.pages import blocks
from tests.support.web import served

PAGES = sorted((REPOSITORY / "docs" / "howto").glob("shop-*.md"))
_ROW = re.compile(r"^\| (route|field|setting|error) \| `([^`]+)` \| (.*?) \|(.*)\|$")


@dataclass(frozen=True)
class Row:
    """One line of a table: what a shop calls something, what we call it, and why where we do not."""

    kind: str
    yours: str
    ours: tuple[str, ...]
    remark: str


def page(name: str) -> Path:
    return REPOSITORY / "docs" / "howto" / f"shop-{name}.md"


def rows(of: Path) -> list[Row]:
    """The table below the heading that every one of these pages has."""
    _, _, table = of.read_text(encoding="utf-8").partition("## What yours is called here")
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    found = []
    for line in lines:
        parts = _ROW.match(line)
        assert parts, f"{of.name}: {line}"
        found.append(Row(parts[1], parts[2], tuple(re.findall(r"`([^`]+)`", parts[3])), parts[4].strip()))
    return found


def variables(of: Path) -> dict[str, str]:
    """The settings of a page, as a shell would read them."""
    (block,) = [block for block in blocks(of) if block.mark == "settings"]
    words = shlex.split(block.text, comments=True)
    return dict(word.split("=", 1) for word in words)


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch, database_url: str, **changes: Any) -> Settings:
    """What the page's settings come to in the environment. `changes` are what differs where the tests run."""
    for variable, value in {**variables(page(name)), "PANNIER_DATABASE_URL": database_url}.items():
        monkeypatch.setenv(variable, value)
    return Settings(**{"admin_token": "the-token-of-the-journey", **changes})


@contextmanager
def open_shop(settings: Settings, clock: Clock) -> Iterator[tuple[PannierApp, str]]:
    """A shop behind a real server; its address."""
    app = create_app(settings, clock=clock)
    with served(app, lifespan="on") as address:
        yield app, address
