"""How prices, promotions, taxes and shipping are worked out: the house rules of `pricing.policy`, as settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from pannier.kernel.money import minor_digits
from pannier.platform.settings.base import SettingsPart


class PriceSettings(SettingsPart):
    """One setting for each house rule; docs/explanation/pricing.md says what the rules mean."""

    # Prices
    price_rounding: Literal["half_up", "half_even", "half_down"] = Field(
        "half_up", description="How amounts of tax are rounded: halves up, to the even neighbour, or down."
    )
    price_subtotal_level: Literal["line", "order"] = Field(
        "line", description="Where prices finer than a minor unit are rounded: once per line, or once per order."
    )
    price_rule_selection: Literal["stack", "best"] = Field(
        "stack", description="Catalogue rules of a product: one after another, or only the one that takes off most."
    )

    # Currencies
    currencies: tuple[str, ...] = Field(
        (),
        description='Currencies beside `PANNIER_CURRENCY` that carts may be in, as JSON: ["EUR", "GBP"]. Those of '
        "`PANNIER_CONVERSION_CURRENCIES` are always among them.",
    )
    conversion_currencies: tuple[str, ...] = Field(
        (),
        description='Currencies into which prices are converted where no price list has them, as JSON: ["EUR", "GBP"]. '
        "By the newest rate of `pannier import fx`.",
    )
    conversion_rounding: Literal["half_up", "half_even", "half_down", "down"] = Field(
        "half_up", description="How a converted price is rounded."
    )
    conversion_step_minor: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description="Converted prices are multiples of so many minor units: with 5, never 10.03.",
    )
    conversion_age_days_max: int = Field(
        7, ge=0, le=365, description="Oldest exchange rate that converts, in days; without one there is no price."
    )

    # Promotions
    price_discount_rounding: Literal["half_up", "half_down", "down", "half_even"] = Field(
        "half_up", description="How discounts in percent are rounded."
    )
    price_distribution: Literal["largest_remainder", "proportional_first", "floor_first", "last_takes_rest"] = Field(
        "largest_remainder",
        description="Who gets the odd cents when an amount is spread over lines: the largest remainders, the first "
        "lines after rounding to the nearest or down, or the last line.",
    )
    price_distribution_weight: Literal["entered", "gross"] = Field(
        "entered", description="What a line weighs in it: its total as entered, or with the tax that is added."
    )
    price_percent_stack: Literal["sequential", "parallel"] = Field(
        "sequential",
        description="Several percents off the order: each of what the lines cost by then, or of what they cost before.",
    )
    price_item_percent_base: Literal["original", "running"] = Field(
        "original", description="Percents off a unit are taken of its unit price, or of what is left of it."
    )
    price_item_percent_level: Literal["unit", "line"] = Field(
        "unit", description="Percents off units are rounded for each unit, or once for the line."
    )
    price_threshold_basis: Literal["running", "original", "gross"] = Field(
        "running",
        description="Subtotal that conditions ask for: after the discounts so far, before any, or with added tax.",
    )
    price_selection: Literal["stack", "best_per_item", "consume_first_match", "best_combination"] = Field(
        "stack",
        description="Several promotions: each in turn, the best one for each line, each unit in one promotion only, or "
        "the set with the lowest total.",
    )
    price_priority_order: Literal["high_first", "low_first"] = Field(
        "high_first", description="Whether promotions with a high or with a low priority come first."
    )
    price_phase: Literal["promotion", "item_then_order"] = Field(
        "promotion",
        description="All actions of a promotion before the next one, or those on units of all, then those on orders, "
        "then those on shipping.",
    )
    price_max_units_per_coupon: Literal["any_unit", "next_undiscounted_unit"] = Field(
        "any_unit",
        description="Promotions for a number of units pick theirs anew, or only units without a discount so far.",
    )
    coupon_case_sensitive: bool = Field(
        False, description="Whether `save` and `SAVE` are two codes; else either finds the coupon."
    )

    # Taxes
    price_tax_level: Literal["line", "unit", "order", "order_net_kept"] = Field(
        "line",
        description="Where tax is rounded: per line, per unit, per order and set of rates, or per order with the nets "
        "of units rounded and kept.",
    )
    price_tax_included_target: Literal["tax", "net"] = Field(
        "tax", description="Which figure of a contained tax is rounded; the other is the rest of the price."
    )
    price_tax_components: Literal["each", "sum"] = Field(
        "each", description="Several added rates: each is rounded, or their exact sum is."
    )
    price_tax_base: Literal["after_discount", "before_discount"] = Field(
        "after_discount", description="Whether tax is on amounts after or before discounts."
    )
    price_included_across_zones: Literal["gross_constant", "net_constant"] = Field(
        "gross_constant",
        description="A price that contains tax, in another zone: the same, or its net with the tax of that zone.",
    )
    price_net_rounding: Literal["unit", "end"] = Field(
        "unit", description="That net is rounded for a unit, or stays exact until the line."
    )
    price_shipping_tax_rate: Literal["own_category", "weighted_by_items"] = Field(
        "own_category",
        description="Tax of shipping: that of the method's tax category, or that of the goods on average.",
    )
    price_reverse_charge: Literal["off", "eu_business_valid_id"] = Field(
        "off",
        description="Whether EU businesses with a checked VAT id, and customers outside the EU, pay no tax.",
    )

    # Shipping
    price_shipping_threshold_basis: Literal["running", "original", "running_gross"] = Field(
        "running",
        description="Goods that limits of shipping methods ask for: after discounts, before, or after with added tax.",
    )
    price_default_shipping_method: Literal["none", "lowest_position"] = Field(
        "none", description="What is charged before a method is chosen: nothing, or the first available by position."
    )
    price_shipping_on_ineligible: Literal["keep", "fallback_first_eligible"] = Field(
        "keep",
        description="A chosen method that is no longer available: kept until the order refuses it, or replaced by the "
        "first available one.",
    )
    price_digital_only_pays_order_fee: bool = Field(
        False, description="Whether goods that need no shipping pay the order part of the only available method."
    )
    default_zone: str | None = Field(
        None,
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="Zone of shoppers who have not told where they are, or are in none; else they have no zone.",
    )
    home_country: str | None = Field(
        None,
        pattern="^[A-Z]{2}$",
        description="Country of the shop (ISO 3166-1 alpha-2): by it reverse charge and exports are told from sales at "
        "home.",
    )
    time_zone: str = Field(
        "UTC", description="Time zone of the shop, such as Europe/Paris: when the days of promotions and rates begin."
    )

    quote_cache_size: int = Field(
        5000,
        ge=0,
        le=1_000_000,
        description="Figures of carts that each process keeps at hand, some 6 kB each, where a shop has promotions, "
        "rates or methods of its own; 0: all are worked out anew.",
    )

    # Loyalty
    loyalty_points_per_unit: Decimal = Field(
        Decimal(0),
        ge=0,
        description="Points that customers earn for each whole unit of the currency (1.00) of goods after discounts.",
    )
    loyalty_point_minor: int = Field(0, ge=0, description="What a point pays, in minor units; 0: points pay nothing.")
    loyalty_burn_percent: Decimal = Field(
        Decimal(100), ge=0, le=100, description="The most of a total that points may pay, in percent."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"knows names of the IANA time zone database such as Europe/Paris, not {value!r}"
            ) from None
        return value

    @field_validator("conversion_currencies", "currencies")
    @classmethod
    def _known_currencies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for currency in value:
            minor_digits(currency)
        return value
