"""The acceptance cases, through the services, judged by the program that comes with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.answers import as_json
from tests.acceptance.databases import Fresh
from tests.acceptance.running import read_cases, run_cases

AREAS = ("cart", "promotions", "taxes", "shipping", "stock", "merge", "checkout")
OWN = Path(__file__).parent / "cases"
#: What the shop cannot do yet; each is run all the same, and must be taken off this list when it passes.
NOT_YET: dict[str, str] = {}


def judged(judge: Path, cases: Sequence[Mapping[str, Any]], results: Path, area: str, place: Path) -> str:
    """What the judge finds of these cases; empty when all pass."""
    place.mkdir()
    (place / f"{area}.json").write_text(json.dumps(cases), encoding="utf-8")
    program = [sys.executable, str(judge), str(place), str(results), "--only", area, "--all"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("area", AREAS)
async def test_every_case_of_the_area_passes(
    area: str, shared_data: Path, server_url: str, fresh: Fresh, tmp_path: Path
) -> None:
    judge, results = shared_data.parent / "cases" / "compare.py", tmp_path / "results.jsonl"
    found: list[dict[str, Any]] = []
    cases = [case for folder in (judge.parent, OWN) for case in read_cases(folder, [area])]

    await run_cases(cases, server_url, fresh, found.append, jobs=2)

    results.write_text("".join(as_json(result) + "\n" for result in found), encoding="utf-8")
    plain = [json.loads(as_json(case)) for case in cases]
    able = [case for case in plain if case["id"] not in NOT_YET]
    assert judged(judge, able, results, area, tmp_path / "able") == ""
    for case in plain:
        if case["id"] in NOT_YET:
            assert judged(judge, [case], results, area, tmp_path / case["id"]), f"{case['id']} passes by now"


async def test_a_case_that_fails_inside_is_told_and_stops_no_other(server_url: str, fresh: Fresh) -> None:
    good = {"id": "good", "area": "cart", "given": {"currency": "USD"}, "when": []}
    bad = {**good, "id": "bad", "when": [{"op": "sing"}]}
    found: list[dict[str, Any]] = []

    await run_cases([bad, good], server_url, fresh, found.append)

    assert [sorted(result) for result in found] == [["error", "id"], ["id", "then"]]
    assert "no operation is called sing" in found[0]["error"]


@pytest.mark.parametrize("policy", [{"rounding": "up"}, {"no_such_rule": 1}, {"merge_coupons": "none"}])
async def test_a_house_rule_that_the_shop_does_not_know_is_an_error(
    policy: dict[str, Any], server_url: str, fresh: Fresh
) -> None:
    case = {"id": "odd", "area": "cart", "given": {"currency": "USD"}, "when": [], "policy": policy}
    found: list[dict[str, Any]] = []

    await run_cases([case], server_url, fresh, found.append)

    assert next(iter(policy)) in found[0]["error"]


def test_a_folder_without_cases_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no cases"):
        read_cases(tmp_path)

    (tmp_path / "cart.json").write_text(json.dumps({"id": "alone"}), encoding="utf-8")
    with pytest.raises(ValueError, match="expected a list of cases"):
        read_cases(tmp_path)
