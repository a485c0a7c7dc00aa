"""House rules: where shops differ, each is a named choice, and the default stands first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Policy:
    """The house rules that figures depend on. docs/explanation/pricing.md says what each value means."""

    rounding: Literal["half_up", "half_even", "half_down"] = "half_up"
    discount_rounding: Literal["half_up", "half_down", "down", "half_even"] = "half_up"
    tax_level: Literal["line", "unit", "order", "order_net_kept"] = "line"
    tax_included_target: Literal["tax", "net"] = "tax"
    tax_components: Literal["each", "sum"] = "each"
    tax_base: Literal["after_discount", "before_discount"] = "after_discount"
    included_across_zones: Literal["gross_constant", "net_constant"] = "gross_constant"
    net_rounding: Literal["unit", "end"] = "unit"
    subtotal_level: Literal["line", "order"] = "line"
    shipping_tax_rate: Literal["own_category", "weighted_by_items"] = "own_category"
    reverse_charge: Literal["off", "eu_business_valid_id"] = "off"
    distribution: Literal["largest_remainder", "proportional_first", "floor_first", "last_takes_rest"] = (
        "largest_remainder"
    )
    distribution_weight: Literal["entered", "gross"] = "entered"
    percent_stack: Literal["sequential", "parallel"] = "sequential"
    item_percent_base: Literal["original", "running"] = "original"
    item_percent_level: Literal["unit", "line"] = "unit"
    threshold_basis: Literal["running", "original", "gross"] = "running"
    selection: Literal["stack", "best_per_item", "consume_first_match", "best_combination"] = "stack"
    priority_order: Literal["high_first", "low_first"] = "high_first"
    phase: Literal["promotion", "item_then_order"] = "promotion"
    max_units_per_coupon: Literal["any_unit", "next_undiscounted_unit"] = "any_unit"
    shipping_threshold_basis: Literal["running", "original", "running_gross"] = "running"
    default_shipping_method: Literal["none", "lowest_position"] = "none"
    shipping_on_ineligible: Literal["keep", "fallback_first_eligible"] = "keep"
    digital_only_pays_order_fee: Literal[False, True] = False
    price_rule_selection: Literal["stack", "best"] = "stack"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices or type(value) is not type(choices[0]):
                wanted = ", ".join(str(choice) for choice in choices)
                raise ValueError(f"{name}: {value!r} is none of {wanted}")


def _choices() -> dict[str, tuple[Any, ...]]:
    hints = get_type_hints(Policy)
    return {each.name: get_args(hints[each.name]) for each in fields(Policy)}


#: The values that each house rule may have, the default first.
CHOICES: Final[Mapping[str, tuple[Any, ...]]] = _choices()
DEFAULT_POLICY: Final = Policy()


def setting_of(rule: str) -> str:
    """The setting of the shop that states this house rule: `price_rounding` for `rounding`."""
    return rule if rule.startswith("price_") else f"price_{rule}"


def policy_of(settings: object) -> Policy:
    """The house rules as the shop's settings state them (`platform.settings.Settings` has one for each)."""
    return Policy(**{rule: getattr(settings, setting_of(rule)) for rule in CHOICES})
