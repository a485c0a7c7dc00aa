"""The house rules are settings of the shop, value for value."""

from __future__ import annotations

from typing import get_args

import pytest

from pannier.platform.settings import Settings
from pannier.pricing.policy import CHOICES, DEFAULT_POLICY, policy_of, setting_of


@pytest.mark.parametrize("rule", CHOICES)
def test_a_house_rule_is_a_setting_with_the_same_values(rule: str) -> None:
    field = Settings.model_fields[setting_of(rule)]
    values = (False, True) if field.annotation is bool else get_args(field.annotation)

    assert values == CHOICES[rule]


def test_a_shop_that_sets_nothing_has_the_default_house_rules() -> None:
    assert policy_of(Settings()) == DEFAULT_POLICY


@pytest.mark.parametrize("rule", CHOICES)
def test_each_house_rule_is_read_from_its_own_setting(rule: str) -> None:
    other = CHOICES[rule][-1]

    policy = policy_of(Settings(**{setting_of(rule): other}))

    changed = [name for name in CHOICES if getattr(policy, name) != getattr(DEFAULT_POLICY, name)]
    assert changed == [rule]
    assert getattr(policy, rule) == other
