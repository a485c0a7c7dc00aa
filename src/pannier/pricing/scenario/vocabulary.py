"""Rules as a scenario writes them, made into what the engine works with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pannier.pricing.actions import ACTIONS
from pannier.pricing.conditions import CONDITIONS
from pannier.pricing.exact import ROUNDINGS
from pannier.pricing.goods import Period
from pannier.pricing.methods import CHARGES, Charge, Limits, ShippingMethod
from pannier.pricing.names import UNTAXED
from pannier.pricing.policy import CHOICES, Policy
from pannier.pricing.promotions import Coupon, Promotion
from pannier.pricing.scenario.fields import filter_of, read_as, read_kind
from pannier.pricing.scenario.source import Source
from pannier.pricing.shelf import PriceRule
from pannier.pricing.shopper import Shopper
from pannier.pricing.taxes import TaxRate


def period_of(source: Source, starts: str = "starts", ends: str = "ends") -> Period:
    return Period(source.day(starts), source.day(ends))


def coupon_of(source: Source) -> Coupon:
    # These two explain `used`, which already includes them.
    source.whole_or_none("released_by_cancel", least=0)
    source.raw("reusable_after_cancel")
    made = Coupon(
        source.text("code"),
        source.whole_or_none("limit", least=0),
        source.whole("used", 0, least=0),
        source.whole_or_none("per_customer", least=0),
        source.whole("used_by_customer", 0, least=0),
        period_of(source),
        source.flag("reject_if_reduced_line", default=False),
    )
    source.done()
    return made


def promotion_of(source: Source) -> Promotion:
    made = Promotion(
        id=source.text("id"),
        actions=tuple([read_kind(one, "type", ACTIONS) for one in source.objects("actions")]),
        conditions=tuple([read_kind(one, "type", CONDITIONS) for one in source.objects("conditions")]),
        priority=source.whole("priority", 0),
        coupons=tuple([coupon_of(one) for one in source.objects("coupons")]) if source.has("coupons") else None,
        is_active=source.flag("active", default=True),
        period=period_of(source),
        limit=source.whole_or_none("limit", least=0),
        used=source.whole("used", 0, least=0),
        is_exclusive=source.flag("exclusive", default=False),
        is_stop=source.flag("stop", default=False),
        skips_reduced=source.flag("skip_discounted", default=False),
        name=source.text("name", ""),
        lane=source.text_or_none("lane"),
    )
    source.done()
    return made


def price_rule_of(source: Source) -> PriceRule:
    if source.has("percent") == source.has("amount"):
        raise source.fail("percent", "a price rule has a percent or an amount, and not both")
    made = PriceRule(
        id=source.text("id"),
        percent=source.percent("percent") if source.has("percent") else None,
        amount_minor=source.amount_or_none("amount"),
        filter=filter_of(source),
        priority=source.whole("priority", 0),
        is_exclusive=source.flag("exclusive", default=False),
        rounding=source.choice("rounding", tuple(ROUNDINGS), "half_up"),  # type: ignore[arg-type] # the same names
    )
    source.done()
    return made


def tax_rate_of(source: Source) -> TaxRate:
    made = TaxRate(
        id=source.text("id"),
        category=source.text("category"),
        percent=source.number("percent", most=1000),
        is_included=source.flag("included", default=False),
        zone=source.text_or_none("zone"),
        order=source.whole("order", 0),
        is_compound=source.flag("compound", default=False),
        period=period_of(source, "from", "to"),
    )
    source.done()
    return made


def shipping_method_of(source: Source) -> ShippingMethod:
    charge: Charge = read_as(source, CHARGES[source.choice("kind", tuple(CHARGES))], is_whole=False)
    category = source.object("shipping_category")
    weight = {name: source.number_or_none(name) for name in ("min_weight", "max_weight")}
    limits = Limits(
        min_subtotal_minor=source.amount_or_none("min_subtotal"),
        max_subtotal_minor=source.amount_or_none("max_subtotal"),
        min_weight=None if weight["min_weight"] is None else Fraction(weight["min_weight"]),
        max_weight=None if weight["max_weight"] is None else Fraction(weight["max_weight"]),
        min_lines=source.whole_or_none("min_lines"),
        max_lines=source.whole_or_none("max_lines"),
        zones=source.texts_or_none("zones"),
        category=None if category is None else category.text("category"),
        category_match="all" if category is None else category.choice("match", ("all", "any", "none"), "all"),
    )
    if category is not None:
        category.done()
    made = ShippingMethod(
        id=source.text("id"),
        charge=charge,
        tax_category=source.text("tax", UNTAXED),
        is_enabled=source.flag("enabled", default=True),
        position=source.whole("position", 0),
        limits=limits,
        free_from_minor=source.amount_or_none("free_from"),
        free_op=source.choice("free_op", ("gte", "gt"), "gte"),
        name=source.text("name", ""),
    )
    source.done()
    return made


def shopper_of(source: Source) -> Shopper:
    # A guest is known by e-mail only; which of her orders were cancelled changes no price.
    source.raw("guest")
    source.raw("cancelled_orders")
    made = Shopper(
        id=source.text("id", ""),
        groups=frozenset(source.texts("groups")),
        completed_orders=source.whole("completed_orders", 0, least=0),
        coupon_uses={code: inner.whole(code, least=0) for code, inner in source.items("coupon_uses")},
        kind=source.choice("kind", ("individual", "business"), "individual"),
        location=source.choice("location", ("home", "other_eu", "third_country"), "home"),
        is_tax_id_valid=source.flag("tax_id_valid", default=False),
        is_tax_exempt=source.flag("tax_exempt", default=False),
    )
    source.done()
    return made


def policy_of(source: Source | None, price_rule_selection: str) -> Policy:
    values: dict[str, Any] = {"price_rule_selection": price_rule_selection}
    if source is not None:
        for name, choices in CHOICES.items():
            if source.has(name):
                values[name] = source.choice(name, choices)
    return Policy(**values)
