"""The house rules of a case as settings of the shop: which value of a rule is which value of which setting.

The first value of a rule is its default. docs/howto/acceptance-cases.md has the same table, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pannier.pricing.policy import CHOICES, setting_of

#: What has no setting, because the shop always does it so.
ALWAYS: Final[Mapping[str, str]] = {"display_conversion": "per_figure", "merge_coupons": "union"}

_OF_CARTS: Mapping[str, tuple[str, Mapping[Any, Any]]] = {
    "short_add": ("short_stock", {"reject": "refuse", "partial": "partial"}),
    "on_short_set": ("short_set", {"reject": "refuse", "clamp": "clamp"}),
    "hold_at": ("hold_at", {"order": "order"}),
    "commit_at": ("commit_at", {"pay": "payment", "fulfil": "fulfilment", "order": "order"}),
    "over_limit_add": ("over_limit", {"reject": "refuse", "clamp": "clamp_added"}),
    "negative_add": ("negative_add", {"reject": "refuse", "clamp_to_zero": "lower"}),
    "price_change": ("cart_price_policy", {"latest": "latest", "keep_original": "keep"}),
    "unavailable_line": ("unavailable_line", {"keep_priced": "priced", "keep_unpriced": "unpriced"}),
    "skip_single_shipping": ("skip_single_shipping", {False: False, True: True}),
    "skip_single_payment": ("skip_single_payment", {False: False, True: True}),
    "merge": (
        "cart_merge",
        {
            "sum": "sum",
            "max": "maximum",
            "guest_quantity": "guest_quantity",
            "use_guest": "take_guest",
            "use_existing": "keep_user",
            "use_guest_if_existing_empty": "guest_if_user_empty",
        },
    ),
    "merge_currency_mismatch": ("cart_merge_currency", {"drop_lines": "set_aside", "fail": "refuse"}),
}

#: A house rule, the setting that states it, and the setting's value for each of the rule's, the default first.
RULES: Final[Mapping[str, tuple[str, Mapping[Any, Any]]]] = {
    **{rule: (setting_of(rule), {value: value for value in values}) for rule, values in CHOICES.items()},
    **_OF_CARTS,
}

#: What cases say of a shop beside its house rules, and the setting it is; absent is the value in the middle.
OF_THE_SHOP: Final[Mapping[str, tuple[str, Any]]] = {
    "max_line_qty": ("cart_max_quantity_per_item", 0),
    "max_cart_qty": ("cart_max_items", 0),
    "coupon_case_sensitive": ("coupon_case_sensitive", True),
    "guest_checkout": ("guest_checkout", True),
    "price_rule_selection": ("price_rule_selection", "stack"),
}


def settings_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a case asks for: the defaults of the house rules, and its own over them."""
    policy = case.get("policy") or {}
    changes = {setting: next(iter(values.values())) for setting, values in RULES.values()}
    for rule, value in policy.items():
        if rule in ALWAYS:
            if value != ALWAYS[rule]:
                raise ValueError(f"policy {rule}: the shop knows {ALWAYS[rule]} only, not {value!r}")
            continue
        if rule not in RULES:
            raise ValueError(f"policy {rule}: no such rule")
        setting, values = RULES[rule]
        if value not in values:
            raise ValueError(f"policy {rule}: {value!r} is none of {list(values)}")
        changes[setting] = values[value]
    given = case.get("given") or {}
    absent = dict(OF_THE_SHOP.values())
    return {**absent, **changes, **{OF_THE_SHOP[name][0]: given[name] for name in OF_THE_SHOP if name in given}}
