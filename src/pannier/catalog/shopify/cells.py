"""What the text of one cell means.

Each reader takes a cell's text and raises ValueError with the reason a person reads.
"""

from __future__ import annotations

import re
from decimal import Decimal

from pannier.catalog.shopify.models import Status
from pannier.kernel.money import minor_digits, parse_amount

QUANTITY_MAX = 1_000_000_000
GRAMS_MAX = 1_000_000_000
_NUMBER_LENGTH_MAX = 40
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_TRUE, _FALSE = "true", "false"
STATUSES: tuple[Status, ...] = ("active", "draft", "archived", "discontinued")
# Shopify's: on sale for whoever has the link, in no list. Here a product that is not published is in no
# list either.
UNLISTED = "unlisted"


def price(text: str, currency: str) -> int:
    """Minor units, not negative: `50`, `9.99`, `85.00`."""
    plain = text.strip()
    if len(plain) > _NUMBER_LENGTH_MAX or not _DECIMAL.fullmatch(plain):
        raise ValueError("is not a number such as 19.99, without currency sign and thousands separator")
    if plain.startswith("-") and plain.strip("-0."):
        raise ValueError("is negative")
    digits = minor_digits(currency)
    if len(plain.partition(".")[2].rstrip("0")) > digits:
        raise ValueError(f"has more decimals than {currency} has ({digits})")
    try:
        return parse_amount(plain, currency)
    except ValueError:
        raise ValueError("is larger than any price") from None


def compare_at(text: str, currency: str) -> int | None:
    """The former price; blank and zero are none, as in Shopify."""
    return (price(text, currency) or None) if text.strip() else None


def quantity(text: str) -> int:
    """Whole units on hand; negative where a shop sold more than it had."""
    plain = text.strip()
    if len(plain) > _NUMBER_LENGTH_MAX or not _WHOLE.fullmatch(plain):
        raise ValueError("is not a whole number")
    units = int(plain.partition(".")[0])
    if abs(units) > QUANTITY_MAX:
        raise ValueError(f"is beyond {QUANTITY_MAX:,} units")
    return units


def grams(text: str) -> int | None:
    """Whole grams, halves up; blank is unknown."""
    plain = text.strip()
    if not plain:
        return None
    if len(plain) > _NUMBER_LENGTH_MAX or not _DECIMAL.fullmatch(plain):
        raise ValueError("is not a number of grams")
    weight = int(Decimal(plain) + Decimal("0.5")) if not plain.startswith("-") else -int(bool(plain.strip("-0.")))
    if weight < 0:
        raise ValueError("is a negative weight")
    if weight > GRAMS_MAX:
        raise ValueError(f"is beyond {GRAMS_MAX:,} grams")
    return weight


def image_position(text: str) -> int | None:
    """A rank from 1; blank is none."""
    plain = text.strip()
    if not plain:
        return None
    if len(plain) > 9 or not plain.isascii() or not plain.isdigit() or int(plain) < 1:
        raise ValueError("is not a position such as 1")
    return int(plain)


def image_rank(position: int | None, row: int) -> tuple[int, int]:
    """Sorts a product's images: by position, those without one last, in the order of their rows."""
    return (position if position is not None else 10**9, row)


def boolean(text: str) -> bool | None:
    """true or false in any case; blank is None."""
    plain = text.strip().lower()
    if plain not in ("", _TRUE, _FALSE):
        raise ValueError("is neither true nor false")
    return plain == _TRUE if plain else None


def status(text: str) -> Status:
    """Blank and `unlisted` are active."""
    plain = text.strip().lower()
    if plain in ("", UNLISTED):
        return "active"
    for known in STATUSES:
        if plain == known:
            return known
    raise ValueError(f"is no status; known are {', '.join(STATUSES)} and {UNLISTED}")


def backorder_max(text: str) -> int | None:
    """The inventory policy: deny (and blank) sells nothing beyond the stock, continue sells without bound."""
    plain = text.strip().lower()
    if plain in ("", "deny"):
        return 0
    if plain == "continue":
        return None
    raise ValueError("is no inventory policy; known are deny and continue")


def tags(text: str) -> tuple[str, ...]:
    """Comma-separated, each once, in the order of the cell."""
    return tuple(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))


def options(names: tuple[str, ...], values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of option and value from a product's option names and a row's values, each three cells.

    Shopify writes a product without choices as Title / Default Title: it has no options. A value without a
    name gets the column's number for one.
    """
    pairs = []
    for number, (name, value) in enumerate(zip(names, values, strict=True), start=1):
        if (name or value) and not is_placeholder(name, value):
            pairs.append((name or f"Option {number}", value))
    return tuple(pairs)


def is_placeholder(name: str, value: str) -> bool:
    """Whether this is Shopify's way to say that there is nothing to choose."""
    return name in ("", "Title") and value in ("", "Default Title")
