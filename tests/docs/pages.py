"""The repository's texts, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source_tree import REPOSITORY

_BLOCK = re.compile(r"(?P<mark><!-- \w+ -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code; `mark` is the word of the comment before it: run, python, or empty."""

    mark: str
    language: str
    text: str


def pages() -> list[Path]:
    """Every Markdown file for readers."""
    return [
        REPOSITORY / "README.md",
        REPOSITORY / "CONTRIBUTING.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
    ]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of code of a page, in order."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        mark = (found["mark"] or "").removeprefix("<!-- ").removesuffix(" -->\n")
        yield Block(mark, found["language"], found["text"])


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))
