"""The worked examples of the page on prices come out as it says."""

from __future__ import annotations

import re

import pytest

from pannier.pricing import read_scenarios, run_scenario
from pannier.pricing.policy import CHOICES
from tests.architecture.source_tree import REPOSITORY
from tests.docs.pages import blocks
from tests.pricing.shops import missing

PAGE = REPOSITORY / "docs" / "explanation" / "pricing.md"
EXAMPLES = [block.text for block in blocks(PAGE) if block.language == "json"]


@pytest.mark.parametrize("text", EXAMPLES, ids=[str(number) for number in range(len(EXAMPLES))])
def test_the_example_comes_out(text: str) -> None:
    (scenario,) = read_scenarios(text)
    said = scenario.fields["then"]

    assert missing(said, run_scenario(scenario).then) == []
    assert said["totals"]["grand"] > 0


def test_there_are_as_many_examples_as_there_should_be() -> None:
    assert len(EXAMPLES) >= 5


def test_every_house_rule_is_told_with_its_values() -> None:
    table = dict(re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8")))

    assert set(table) == set(CHOICES)
    for name, choices in CHOICES.items():
        words = re.findall(r"`(\w+)`", table[name])
        told = [str(choice).lower() if isinstance(choice, bool) else choice for choice in choices]
        assert words == told, name
