"""The tax of a priced basket: per line, per unit or per order, of goods and of shipping, with every rate's part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pannier.pricing.delivery import Delivery
from pannier.pricing.exact import ROUNDINGS, half_up, rounded
from pannier.pricing.models import TaxTotal
from pannier.pricing.spreading import largest_remainder
from pannier.pricing.taxes import UNTAXED_AMOUNT, Taxed, TaxPart, TaxPlan, TaxRate
from pannier.pricing.work import Work


@dataclass(slots=True)
class TaxSheet:
    """The tax of each line and of shipping. `correction_minor` is what keeping net prices adds to the total."""

    lines: list[Taxed]
    shipping: Taxed = UNTAXED_AMOUNT
    correction_minor: int = 0
    #: Tax by rate where it was worked out for the order; None where it is that of the lines and shipping.
    parts: list[TaxPart] | None = None
    #: What was taxed: of each line its rates and its amount, and then of shipping.
    plans: Sequence[TaxPlan | None] = ()
    bases: Sequence[int] = ()
    added_minor: int = field(init=False, default=0)
    included_minor: int = field(init=False, default=0)

    def add_up(self) -> None:
        """Make the totals from the lines and shipping."""
        self.added_minor = sum([taxed.added_minor for taxed in self.lines]) + self.shipping.added_minor
        self.included_minor = sum([taxed.included_minor for taxed in self.lines]) + self.shipping.included_minor

    def by_rate(self) -> list[TaxTotal]:
        """What each rate makes of everything, and of how much: net amounts, without any tax."""
        amounts: dict[str, list[TaxPart]] = {}
        for part in self.parts if self.parts is not None else self._all_parts():
            amounts.setdefault(part.rate.id, []).append(part)
        nets = self._nets()
        return [
            TaxTotal(parts[0].rate, sum([part.amount_minor for part in parts]), nets.get(name, 0))
            for name, parts in amounts.items()
        ]

    def _nets(self) -> dict[str, int]:
        nets: dict[str, int] = {}
        taxed = (*self.lines, self.shipping)
        for plan, base, of in zip(self.plans, self.bases, taxed, strict=True):
            if plan is not None:
                for rate in (*plan.included, *plan.added):
                    nets[rate.id] = nets.get(rate.id, 0) + base - of.included_minor
            else:
                # Shipping at the goods' mixture of rates: so much of it as each of them explains.
                for part in of.parts:
                    explained = rounded(Fraction(part.amount_minor) / part.rate.rate, half_up) if part.rate.rate else 0
                    nets[part.rate.id] = nets.get(part.rate.id, 0) + explained
        return nets

    def _all_parts(self) -> list[TaxPart]:
        return [part for taxed in (*self.lines, self.shipping) for part in taxed.parts]


def tax(work: Work, delivery: Delivery) -> TaxSheet:
    """The tax of goods and shipping by the house rules."""
    policy, ledger = work.policy, work.ledger
    is_before = policy.tax_base == "before_discount"
    bases = ledger.subtotal if is_before else ledger.total
    plans = [work.plan(one.tax_category) for one in ledger.goods]
    shipping = delivery.full_minor if is_before else delivery.cost_minor
    is_weighted = policy.shipping_tax_rate == "weighted_by_items"
    category = None if delivery.method is None or is_weighted else delivery.method.tax_category
    shipping_plan = None if category is None else work.plan(category)
    if policy.tax_level in ("order", "order_net_kept"):
        sheet = _per_order(work, bases, plans, shipping, shipping_plan, is_before=is_before)
    else:
        if policy.tax_level == "unit":
            lines = [_per_unit(work, line, plan, is_before=is_before) for line, plan in enumerate(plans)]
        else:
            lines = [plan.of(base) for plan, base in zip(plans, bases, strict=True)]
        sheet = TaxSheet(lines)
        if shipping_plan is not None and shipping:
            sheet.shipping = shipping_plan.of(shipping)
    if is_weighted and shipping:
        sheet.shipping = _weighted(work, bases, plans, shipping)
        if sheet.parts is not None:
            sheet.parts += sheet.shipping.parts
    sheet.plans, sheet.bases = (*plans, shipping_plan), (*bases, shipping if shipping_plan is not None else 0)
    sheet.add_up()
    return sheet


def _per_unit(work: Work, line: int, plan: TaxPlan, *, is_before: bool) -> Taxed:
    """Tax of each unit, times the units that cost the same, added up."""
    if not plan.included and not plan.added:
        return UNTAXED_AMOUNT
    included = added = 0
    parts: dict[str, TaxPart] = {}
    for run in work.ledger.runs(line):
        of_unit = plan.of(run.price if is_before else run.now)
        included += of_unit.included_minor * run.count
        added += of_unit.added_minor * run.count
        for rate, amount in of_unit.parts:
            so_far = parts[rate.id].amount_minor if rate.id in parts else 0
            parts[rate.id] = TaxPart(rate, so_far + amount * run.count)
    return Taxed(included, added, tuple(parts.values()))


def _per_order(
    work: Work,
    bases: Sequence[int],
    plans: Sequence[TaxPlan],
    shipping: int,
    shipping_plan: TaxPlan | None,
    *,
    is_before: bool,
) -> TaxSheet:
    """Tax of everything with the same rates, rounded once, and spread over the lines and shipping it is of."""
    amounts = [*bases, shipping if shipping_plan is not None else 0]
    all_plans = [*plans, shipping_plan] if shipping_plan is not None else [*plans]
    sets: dict[tuple[str, ...], list[int]] = {}
    for place, plan in enumerate(all_plans):
        sets.setdefault(plan.key, []).append(place)
    figures = [UNTAXED_AMOUNT] * (len(bases) + 1)
    sheet = TaxSheet([], parts=[])
    for members in sets.values():
        plan = all_plans[members[0]]
        whole = sum([amounts[place] for place in members])
        taxed = plan.of(whole)
        if work.policy.tax_level == "order_net_kept" and plan.included:
            net = sum([_net(work, place, plan, amounts, is_before=is_before) for place in members])
            contained = rounded(net * plan.contained_rate, ROUNDINGS[work.policy.rounding])
            # The price itself moves: what is to be paid is the kept net and its tax.
            sheet.correction_minor += net + contained - whole
            taxed = _with_included(plan, taxed, contained)
        assert sheet.parts is not None
        sheet.parts += taxed.parts
        weights = [amounts[place] for place in members]
        included = largest_remainder(taxed.included_minor, weights)
        added = largest_remainder(taxed.added_minor, weights)
        for place, inside, on_top in zip(members, included, added, strict=True):
            figures[place] = Taxed(inside, on_top, ())
    sheet.lines, sheet.shipping = figures[:-1], figures[-1]
    return sheet


def _net(work: Work, place: int, plan: TaxPlan, amounts: Sequence[int], *, is_before: bool) -> int:
    """The rounded net of every unit of a line, or of shipping as one, added up."""
    rounding, divisor = ROUNDINGS[work.policy.rounding], 1 + plan.contained_rate
    if place >= len(work.ledger.goods):
        return rounded(Fraction(amounts[place]) / divisor, rounding)
    return sum(
        [
            rounded(Fraction(run.price if is_before else run.now) / divisor, rounding) * run.count
            for run in work.ledger.runs(place)
        ]
    )


def _with_included(plan: TaxPlan, taxed: Taxed, contained: int) -> Taxed:
    weights = [int(rate.rate * _common(plan.included)) for rate in plan.included]
    inside = [
        TaxPart(rate, share) for rate, share in zip(plan.included, largest_remainder(contained, weights), strict=True)
    ]
    return Taxed(contained, taxed.added_minor, (*inside, *taxed.parts[len(plan.included) :]))


def _common(rates: Sequence[TaxRate]) -> int:
    below = 1
    for rate in rates:
        below *= rate.rate.denominator
    return below


def _weighted(work: Work, bases: Sequence[int], plans: Sequence[TaxPlan], shipping: int) -> Taxed:
    """Shipping at the goods' own mixture of rates: their tax by their net, both unrounded."""
    rounding = ROUNDINGS[work.policy.rounding]
    contained = sum([plan.exact_contained(base) for plan, base in zip(plans, bases, strict=True)], Fraction(0))
    added = sum([plan.exact_added(plan.base(base)) for plan, base in zip(plans, bases, strict=True)], Fraction(0))
    net = sum(bases) - contained
    if net <= 0:
        return UNTAXED_AMOUNT
    inside_rate = Fraction(contained, net)
    share = Fraction(shipping * inside_rate, 1 + inside_rate)
    if work.policy.tax_included_target == "net":
        inside = shipping - rounded(shipping - share, rounding)
    else:
        inside = rounded(share, rounding)
    on_top = rounded(shipping * Fraction(added, net), rounding)
    parts: list[TaxPart] = []
    for amount, rates in (
        (inside, [rate for plan in plans for rate in plan.included]),
        (on_top, [rate for plan in plans for rate in plan.added]),
    ):
        parts += _by_goods(amount, rates, bases, plans)
    return Taxed(inside, on_top, tuple(parts))


def _by_goods(amount: int, rates: Sequence[TaxRate], bases: Sequence[int], plans: Sequence[TaxPlan]) -> list[TaxPart]:
    """The tax of shipping by rate, in the proportion of the goods' tax."""
    unique = list({rate.id: rate for rate in rates}.values())
    taxed = [plan.of(base) for plan, base in zip(plans, bases, strict=True)]
    weights = [
        sum([part.amount_minor for one in taxed for part in one.parts if part.rate.id == rate.id]) for rate in unique
    ]
    return [TaxPart(rate, share) for rate, share in zip(unique, largest_remainder(amount, weights), strict=True)]
