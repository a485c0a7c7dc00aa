"""The reference is what the code says."""

from __future__ import annotations

import pytest

from pannier.platform.problems import error_entries
from pannier.platform.settings import Settings
from tools import figures, reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_as_the_code_says(name: str) -> None:
    written = (reference.REFERENCE / name).read_text(encoding="utf-8")

    assert written == reference.page(name), "run `python -m tools.reference` and commit docs/reference"


def test_every_setting_is_on_its_page_with_what_it_is() -> None:
    page = reference.settings_page()

    for name, field in Settings.model_fields.items():
        assert f"| `PANNIER_{name.upper()}` |" in page
        assert field.description, name


def test_a_group_of_settings_stands_on_the_page_once() -> None:
    groups = [line for line in reference.settings_page().splitlines() if line.startswith("## ")]

    assert groups[0] == "## Serving"
    assert len(groups) == len(set(groups))


def test_every_refusal_is_on_its_page_with_what_to_do() -> None:
    page = reference.errors_page()

    for entry in error_entries():
        if entry.code != "HTTP_000":
            assert f"| `{entry.code}` | `{entry.error}` |" in page
            assert entry.description, f"{entry.error} says nothing of itself"


def test_every_code_stands_for_one_refusal() -> None:
    codes = [entry.code for entry in error_entries()]

    assert sorted(codes) == sorted(set(codes))


def test_figures_take_the_place_between_the_marks_and_nothing_else() -> None:
    measured = {"clients": 32, "per_second": 4321.0, "p50_ms": 6.25, "p99_ms": None}
    other = measured | {"clients": 1}
    pair = {"load": {"title": "add to cart"}, "measured": measured, "baseline_per_second": 1000.0, "ratio": 4.321}
    results = {
        "started_at": "2025-01-31T12:00:00Z", "commit": "abc1234", "machine": {"cores": 2},
        "pairs": [pair, pair | {"measured": other}],
    }  # fmt: skip

    made = figures.with_figures(f"before\n{figures.BEGIN}old\n{figures.END}\nafter", figures.table(results))

    assert made.startswith(f"before\n{figures.BEGIN}`make bench` on 2025-01-31 at abc1234")
    assert made.count("| add to cart | 4,321 | 1,000 | 4.32 × | 6.2 |  |") == 1
    assert made.endswith(f"{figures.END}\nafter")
