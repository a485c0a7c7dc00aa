"""Puts the newest result of `make bench` into the README: `python -m tools.figures`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- figures: made by `python -m tools.figures` from the newest file of bench/results -->\n"
END = "<!-- end of figures -->"
CLIENTS = 32


def newest(directory: Path) -> Path | None:
    """The last result, by when it was begun; None where there is none."""
    found = [(json.loads(path.read_text(encoding="utf-8"))["started_at"], path) for path in directory.glob("*.json")]
    return max(found)[1] if found else None


def table(results: dict[str, Any]) -> str:
    """What was measured at 32 clients, each beside the plain SQL that does the same work, in Markdown."""
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    rows = [
        f"| {pair['load']['title']} | {pair['measured']['per_second']:,.0f} | {pair['baseline_per_second']:,.0f} "
        f"| {pair['ratio']:.2f} × | {_ms(pair['measured']['p50_ms'])} | {_ms(pair['measured']['p99_ms'])} |"
        for pair in results["pairs"]
        if pair["measured"]["clients"] == CLIENTS
    ]
    return "\n".join(
        [
            f"`make bench` on {results['started_at'][:10]} at {results['commit']}, {CLIENTS} clients ({machine}).",
            "Load generator, shop and database share the machine. *Plain SQL* is pgbench with the least SQL that does",
            "the same work, without HTTP.",
            "",
            "| | requests/s | plain SQL/s | ratio | p50 ms | p99 ms |",
            "|---|---:|---:|---:|---:|---:|",
            *rows,
            "",
        ]
    )


def with_figures(readme: str, made: str) -> str:
    """The text with what stands between the marks replaced."""
    head, _, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    assert end, "README.md has lost its marks"
    return f"{head}{BEGIN}{made}{END}{tail}"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def main() -> int:
    """Write the table; 1 when nothing was measured yet."""
    results = newest(ROOT / "bench" / "results")
    if results is None:
        print("bench/results holds no result: run `make bench` first.")
        return 1
    readme = ROOT / "README.md"
    made = table(json.loads(results.read_text(encoding="utf-8")))
    readme.write_text(with_figures(readme.read_text(encoding="utf-8"), made), encoding="utf-8")
    print(f"README.md has the figures of {results.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
