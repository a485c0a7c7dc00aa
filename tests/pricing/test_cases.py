"""The acceptance cases that need nothing but prices, through the engine, judged by their own program."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pannier.pricing import read_scenarios, run_scenario

AREAS = ("cart", "promotions", "taxes", "shipping")


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    """The directory of the cases, beside the real data."""
    return shared_data.parent / "cases"


@pytest.fixture(scope="module")
def judging(cases: Path) -> ModuleType:
    """The program that judges results."""
    spec = importlib.util.spec_from_file_location("acceptance_compare", cases / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def answers(cases: Path, area: str) -> dict[str, Any]:
    scenarios = read_scenarios((cases / f"{area}.json").read_text(encoding="utf-8"))
    priced = [run_scenario(scenario) for scenario in scenarios]
    return {each.id: {"id": each.id, "then": each.then} for each in priced}


@pytest.mark.parametrize("area", AREAS)
def test_every_case_of_the_area_comes_out(cases: Path, judging: ModuleType, area: str) -> None:
    found = answers(cases, area)
    listed = json.loads((cases / f"{area}.json").read_text(encoding="utf-8"))

    wrong = {case["id"]: judging.judge(case, found.get(case["id"])) for case in listed}

    assert {name: differences for name, differences in wrong.items() if differences} == {}
    assert len(found) == len(listed) > 0


@pytest.mark.parametrize("area", AREAS)
def test_figures_that_nobody_judges_come_out_too(cases: Path, area: str) -> None:
    """`then` has more figures than are judged, worked out by the same rules."""
    found = answers(cases, area)
    wrong: list[tuple[object, ...]] = []
    for case in json.loads((cases / f"{area}.json").read_text(encoding="utf-8")):
        then, ours = case["then"], found[case["id"]]["then"]
        for name, amount in then.get("totals", {}).items():
            if ours["totals"].get(name) != amount:
                wrong.append((case["id"], name, amount, ours["totals"].get(name)))
        by_product = {line["product"]: line for line in ours["lines"]}
        if len(by_product) < len(ours["lines"]):
            continue
        for line in then.get("lines", ()):
            mine = by_product.get(line["product"], {})
            wrong += [
                (case["id"], line["product"], name, value, mine.get(name))
                for name, value in line.items()
                if mine.get(name) != value
            ]

    assert wrong == []
