"""What a unit of each line of a basket is asked for, before promotions. Pure."""

from __future__ import annotations

from typing import NamedTuple

from pannier.pricing.book import BasketRequest
from pannier.pricing.work import Work


class AskedPrice(NamedTuple):
    """A unit price: on the shelf, and as it is shown where the shopper is, which differs where net prices are kept."""

    shelf_minor: int
    shown_minor: int


def asked_prices(request: BasketRequest) -> tuple[AskedPrice, ...]:
    """The unit prices of a basket's lines as they are today, by position, whatever was promised for some."""
    work = Work(request)
    return tuple(
        [
            AskedPrice(work.unit_price(line.goods), shown)
            for line, shown in zip(request.lines, work.ledger.unit, strict=False)
        ]
    )


def unit_nets(request: BasketRequest) -> tuple[int | None, ...]:
    """The net price of one unit of each line, by position, where net prices are kept across zones; else None each."""
    if request.book.policy.included_across_zones != "net_constant":
        return (None,) * len(request.lines)
    work = Work(request)
    return tuple([work.unit_net(place) for place in range(len(request.lines))])
