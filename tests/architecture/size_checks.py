"""Budgets that keep a file one idea and a function one thought."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.source_tree import functions, python, sources

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


def long_files(root: Path) -> list[str]:
    return [
        source.at(FILE_LINES_MAX, f"{len(source.lines)} lines, more than {FILE_LINES_MAX}")
        for source in sources(root, ".py", ".sql", ".js", ".css", ".html")
        if len(source.lines) > FILE_LINES_MAX
    ]


def long_functions(root: Path) -> list[str]:
    found = []
    for source in python(root):
        for function in functions(source.tree()):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(
                    source.at(function.lineno, f"{function.name} has {lines} lines, over {FUNCTION_LINES_MAX}")
                )
    return found
