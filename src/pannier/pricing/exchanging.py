"""Rules of a price book in another currency: every amount in them converted, everything else as it is. Pure.

An amount is a whole number whose field ends in `_minor`, as it is for whoever reads a rule from its definition, and the
steps of a tiered percent that is measured by a subtotal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any, NamedTuple, TypeVar

from pannier.pricing.actions.item import TieredPercent

T = TypeVar("T")
#: From minor units of one currency to those of another.
Convert = Callable[[int], int]


class PlacedExchange(NamedTuple):
    """By what prices became those of another currency: one unit of `source` is `rate` of `target`.

    `rate` has twelve decimals at most, `exact` is the same as a fraction; `on` is the day of the rate, `provider` who
    published it.
    """

    source: str
    target: str
    rate: str
    exact: str
    on: date
    provider: str


def exchanged(thing: T, convert: Convert) -> T:
    """A rule, a promotion, a method, with its amounts converted; the very same where it has none."""
    changes: dict[str, Any] = {}
    for each in fields(thing):  # type: ignore[arg-type] # rules are dataclasses, and nothing else is asked for
        if not each.init:
            continue
        before = getattr(thing, each.name)
        after = _exchanged(each.name, before, convert)
        if after is not before:
            changes[each.name] = after
    if isinstance(thing, TieredPercent) and thing.basis == "subtotal":
        changes["tiers"] = tuple([replace(tier, from_=convert(tier.from_)) for tier in thing.tiers])
    return replace(thing, **changes) if changes else thing  # type: ignore[type-var] # the same


def _exchanged(name: str, value: Any, convert: Convert) -> Any:
    if name.endswith("_minor"):
        return convert(value) if isinstance(value, int) else value
    if is_dataclass(value):
        return exchanged(value, convert)
    if isinstance(value, tuple):
        made = tuple([exchanged(one, convert) if is_dataclass(one) else one for one in value])
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
    return value
