"""JSON files: read with every digit, and where in the text something stands, since JSON itself has no lines."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pannier.tax.files.rows import RateFile


class Places:
    """Finds the line of a key behind other keys; the next one is looked for behind the last one found."""

    def __init__(self, text: str) -> None:
        self._text = text

    def line(self, *keys: str) -> int:
        """The line on which the last of the keys stands, each behind the one before it; the last one found."""
        at = 0
        for key in keys:
            found = self._text.find(f'"{key}"', at)
            if found < 0:
                break
            at = found + 1
        return self._text.count("\n", 0, at) + 1


def read_object(text: str, file: RateFile) -> dict[str, Any] | None:
    """The object that a file is; None, and noted, where it is none."""
    try:
        value = json.loads(text, parse_float=Decimal)
    except (json.JSONDecodeError, RecursionError, ValueError) as problem:
        line = problem.lineno if isinstance(problem, json.JSONDecodeError) else 1
        file.bad(
            line,
            None,
            "json",
            f"not JSON: {problem.msg if isinstance(problem, json.JSONDecodeError) else 'unreadable'}",
        )
        return None
    if not isinstance(value, dict):
        file.bad(1, None, "json", "an object is wanted")
        return None
    return value
