"""Reading the repository (or a small sample of one) for the checks beside this file.

A check is a function from a root directory to the list of what it objects to, one text per place,
so that each can be shown to object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Only these, because a checkout also holds virtual environments, caches and perhaps a shop's data.
DIRECTORIES = (".ci", ".github", "bench", "docs", "migrations", "soak", "src", "tests", "tools", "web")
# `.git` is a file in a linked work tree.
NOT_OURS = frozenset({".git", "__pycache__", "vendor"})
TEXT_SUFFIXES = frozenset(
    {
        "",
        ".cfg",
        ".css",
        ".html",
        ".js",
        ".json",
        ".lock",
        ".md",
        ".py",
        ".sh",
        ".sql",
        ".toml",
        ".txt",
        ".yml",
    }
)


@dataclass(frozen=True)
class Source:
    """One text file: its path from the root, its text, and how to point at a line of it."""

    path: Path
    text: str

    def at(self, line: int, message: str) -> str:
        return f"{self.path}:{line}: {message}"

    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def sources(root: Path, *suffixes: str, under: str = "") -> Iterator[Source]:
    """The text files below `root` (or `root/under`) with one of the suffixes; with none named, all."""
    wanted = frozenset(suffixes) or TEXT_SUFFIXES
    tops = [root / under] if under else [root / name for name in DIRECTORIES]
    found = [path for top in tops if top.is_dir() for path in top.rglob("*")]
    if not under:
        found += list(root.glob("*"))
    for path in sorted(found):
        if path.is_file() and path.suffix in wanted and NOT_OURS.isdisjoint(path.parts):
            yield Source(path.relative_to(root), path.read_text(encoding="utf-8", errors="replace"))


def python(root: Path, under: str = "") -> Iterator[Source]:
    return sources(root, ".py", under=under)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def called_name(node: ast.expr) -> str:
    """`compile` for `re.compile(…)`, `Counter` for `Counter(…)`, nothing for what is no call by name."""
    if not isinstance(node, ast.Call):
        return ""
    target = node.func
    while isinstance(target, ast.Subscript):
        target = target.value
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""
