"""Spreading an amount over weights so that the parts add up to it; found by the name that a policy gives.

A part is exactly amount × weight ÷ sum of weights; the methods differ in who gets the odd minor units. Amounts
and weights are not negative. With no weight at all nothing is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import add

from pannier.pricing.exact import half_down, half_up

Spread = Callable[[int, Sequence[int]], list[int]]


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts rounded down; left-over units one each to the largest remainders, ties to the earlier."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    products = [amount * weight for weight in weights]
    parts = [product // whole for product in products]
    missing = amount - sum(parts)
    if missing:
        rests = [product % whole for product in products]
        # Sorting plain numbers is twice as fast as sorting places, and there are often a thousand.
        bound = sorted(rests, reverse=True)[missing - 1]
        above = [rest > bound for rest in rests]
        parts = list(map(add, parts, above))
        place = -1
        for _ in range(missing - sum(above)):
            place = rests.index(bound, place + 1)
            parts[place] += 1
    return parts


def proportional_first(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts rounded half down; what is missing is given, what is too much taken, one unit each, by the first."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [half_down(amount * weight, whole) for weight in weights]
    missing = amount - sum(parts)
    step = 1 if missing > 0 else -1
    place = 0
    while missing:
        # A line of no weight is given nothing, and none gives what it has not got.
        if weights[place] and parts[place] + step >= 0:
            parts[place] += step
            missing -= step
        place = (place + 1) % len(parts)
    return parts


def floor_first(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts rounded down; left-over units one each to the first with a weight."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    missing = amount - sum(parts)
    for place, weight in enumerate(weights):
        if not missing:
            break
        if weight:
            parts[place] += 1
            missing -= 1
    return parts


def last_takes_rest(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts rounded half up; the last with a weight gets the rest."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [half_up(amount * weight, whole) for weight in weights]
    last = max(place for place, weight in enumerate(weights) if weight)
    excess = sum(parts) - amount - parts[last]
    parts[last] = max(0, -excess)
    # Halves rounded up all along may be more than there is: then the last before give back.
    for place in range(last - 1, -1, -1):
        if excess <= 0:
            break
        back = min(parts[place], excess)
        parts[place] -= back
        excess -= back
    return parts


SPREADS: Mapping[str, Spread] = {
    "largest_remainder": largest_remainder,
    "proportional_first": proportional_first,
    "floor_first": floor_first,
    "last_takes_rest": last_takes_rest,
}


def spread_within(amount: int, weights: Sequence[int], rooms: Sequence[int], spread: Spread) -> list[int]:
    """Spread an amount so that no part is more than its room.

    What a place cannot take is spread again over the others in the same way; what finds no room is not given.
    """
    parts = spread(amount, weights)
    excess = sum([part - room for part, room in zip(parts, rooms, strict=True) if part > room])
    while excess:
        parts = [min(part, room) for part, room in zip(parts, rooms, strict=True)]
        free = [weight if part < room else 0 for weight, part, room in zip(weights, parts, rooms, strict=True)]
        if not any(free):
            break
        more = spread(excess, free)
        parts = [part + extra for part, extra in zip(parts, more, strict=True)]
        excess = sum([part - room for part, room in zip(parts, rooms, strict=True) if part > room])
    return parts
