"""Where a destination belongs, and what an area may be. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pannier.tax.models import Area, Destination, Zone

#: Members of the EU for VAT; Greece by its ISO code. Northern Ireland is not told apart.
EU_COUNTRIES: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)


def plain_text(text: str) -> str:
    """A region or postal code as areas write it: capitals and digits, nothing else. `SW1A 1AA` is `SW1A1AA`."""
    return "".join(character for character in text if character.isascii() and character.isalnum()).upper()


def zone_of(zones: Iterable[Zone], destination: Destination, default: str | None = None) -> str | None:
    """The one zone of a destination, by name; `default` where none has it.

    The closest area counts: postal codes before a region before a country. Of equal ones the zone with the higher
    priority, then the first by name.
    """
    found = min(
        (
            (*_distance(area), -zone.priority, zone.name)
            for zone in zones
            for area in zone.areas
            if has(area, destination)
        ),
        default=None,
    )
    return default if found is None else found[-1]


def has(area: Area, destination: Destination) -> bool:
    """Whether a destination lies in an area. A region may be written with its country before it: US-CA."""
    if area.country != destination.country:
        return False
    region, postal = plain_text(destination.region or ""), plain_text(destination.postal_code or "")
    if area.region is not None and region not in (area.region, area.country + area.region):
        return False
    if area.postal_from is None or area.postal_to is None:
        return True
    return postal[: len(area.postal_from)] >= area.postal_from and postal[: len(area.postal_to)] <= area.postal_to


def area_fault(area: Area) -> str | None:
    """Why there can be no such area; None where there can."""
    if (area.postal_from is None) != (area.postal_to is None):
        return "Postal codes have a beginning and an end: postal_from and postal_to"
    for text in (area.region, area.postal_from, area.postal_to):
        if text is not None and (not text or plain_text(text) != text):
            return f"{text!r} must be in capitals and digits, such as CALIFORNIA or SW1A"
    if area.postal_from is not None and area.postal_to is not None and area.postal_from > area.postal_to:
        return "postal_to must not come before postal_from"
    return None


def _distance(area: Area) -> tuple[bool, bool]:
    return area.postal_from is None, area.region is None
