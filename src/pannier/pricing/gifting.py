"""What of the shop's stock promotions can give away beside what is bought. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def gifts_left(stock: Mapping[str, int | None], wanted: Mapping[str, int], held: Mapping[str, int]) -> dict[str, int]:
    """Units that can be given away, by variant.

    `stock` is what anybody may have of each, None being without bound; `wanted` what the basket's own lines take, of
    which `held` units are promised to it already.
    """
    left = {}
    for variant, there in stock.items():
        if there is not None:
            taken = max(0, wanted.get(variant, 0) - held.get(variant, 0))
            left[variant] = max(0, there - taken)
    return left
