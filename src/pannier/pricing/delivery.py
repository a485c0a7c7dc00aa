"""Which shipping method is chosen, what it costs, and what promotions take off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from pannier.pricing.actions.base import ShippingAction
from pannier.pricing.ledger import Ledger
from pannier.pricing.methods import Parcel, ShippingMethod
from pannier.pricing.promotions import Promotion
from pannier.pricing.work import Work


@dataclass(slots=True)
class Delivery:
    """What shipping costs. `off` has (promotion, action, amount) in the order taken."""

    parcel: Parcel
    available: list[ShippingMethod]
    method: ShippingMethod | None
    full_minor: int = 0
    off: list[tuple[Promotion, ShippingAction, int]] = field(default_factory=list)

    @property
    def discount_minor(self) -> int:
        return sum([amount for _, _, amount in self.off])

    @property
    def cost_minor(self) -> int:
        """After discounts, before added tax."""
        return self.full_minor - self.discount_minor


def parcel_of(work: Work) -> Parcel:
    """What of the basket shipping depends on, as it is now."""
    ledger = work.ledger
    goods = sum(ledger.total)
    basis = work.policy.shipping_threshold_basis
    if basis == "original":
        threshold = sum(ledger.subtotal)
    elif basis == "running_gross":
        threshold = sum([work.with_added(line, cost) for line, cost in enumerate(ledger.total)])
    else:
        threshold = goods
    return Parcel(
        sum([count for one, count in zip(ledger.goods, ledger.quantity, strict=True) if one.requires_shipping]),
        len(ledger.goods),
        goods,
        threshold,
        weight_of(ledger) if work.book.weighs else Fraction(0),
        {one.shipping_category for one in ledger.goods},
    )


def weight_of(ledger: Ledger) -> Fraction:
    """What all units weigh together."""
    units: dict[Decimal | Fraction | int, int] = {}
    for one, count in zip(ledger.goods, ledger.quantity, strict=True):
        if one.weight:
            units[one.weight] = units.get(one.weight, 0) + count
    return sum([Fraction(weight) * count for weight, count in units.items()], Fraction(0))


def choose(work: Work) -> Delivery:
    """The methods there are, and the one that counts as chosen."""
    parcel = parcel_of(work)
    book, policy, currency = work.book, work.policy, work.book.currency
    available = [one for one in book.shipping_methods if one.refusal(parcel, work.zone, currency) is None]
    wanted = work.request.shipping_method
    method = None if wanted is None else book.methods_by_id.get(wanted)
    if method is not None:
        if policy.shipping_on_ineligible == "fallback_first_eligible" and method not in available:
            method = available[0] if available else None
    elif policy.digital_only_pays_order_fee and parcel.lines and not parcel.units:
        method = available[0] if len(available) == 1 else None
    elif policy.default_shipping_method == "lowest_position" and available:
        method = min(available, key=lambda one: one.position)
    return Delivery(parcel, available, method)


def charge(work: Work, delivery: Delivery, promotions: Sequence[Promotion]) -> None:
    """Work out what the chosen method costs, and what the promotions take off that."""
    parcel, method = delivery.parcel, delivery.method
    if method is None or not parcel.lines:
        return
    if not parcel.units and not work.policy.digital_only_pays_order_fee:
        return
    cost = delivery.full_minor = method.cost(parcel)
    for promotion in promotions:
        for action in promotion.actions:
            if isinstance(action, ShippingAction):
                amount = max(0, min(cost, action.off(cost, work.rounding)))
                delivery.off.append((promotion, action, amount))
                cost -= amount
