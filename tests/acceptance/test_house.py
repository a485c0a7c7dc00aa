"""The house rules of cases are settings of the shop, and the page says which."""

from __future__ import annotations

from typing import Any

import pytest

from pannier.platform.settings import Settings
from tests.acceptance.house import ALWAYS, OF_THE_SHOP, RULES, settings_of
from tests.architecture.source_tree import REPOSITORY

PAGE = (REPOSITORY / "docs" / "howto" / "acceptance-cases.md").read_text(encoding="utf-8")


def _text(value: Any) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("rule", RULES)
def test_every_value_of_a_rule_is_one_of_its_setting_and_on_the_page(rule: str) -> None:
    setting, values = RULES[rule]
    shown = [_text(a) if a == b else f"{_text(a)} → {_text(b)}" for a, b in values.items()]

    for value in values.values():
        assert getattr(Settings(**{setting: value}), setting) == value
    assert f"| `{rule}` | `PANNIER_{setting.upper()}` | {', '.join(shown)} |" in PAGE


@pytest.mark.parametrize("rule", ALWAYS)
def test_what_has_no_setting_is_on_the_page(rule: str) -> None:
    assert f"| `{rule}` | always so | `{ALWAYS[rule]}` |" in PAGE


@pytest.mark.parametrize("name", OF_THE_SHOP)
def test_what_a_case_says_of_the_shop_is_a_setting(name: str) -> None:
    setting, absent = OF_THE_SHOP[name]

    assert setting in Settings.model_fields
    assert f"| `{name}` | `PANNIER_{setting.upper()}` | {_text(absent)} |" in PAGE


def test_the_case_goes_over_the_defaults_of_the_rules() -> None:
    found = settings_of({"given": {"max_cart_qty": 9}, "policy": {"merge": "max", "commit_at": "fulfil"}})

    assert (found["cart_max_items"], found["cart_merge"], found["commit_at"]) == (9, "maximum", "fulfilment")
    assert (found["hold_at"], found["short_set"], found["cart_max_quantity_per_item"]) == ("order", "refuse", 0)
