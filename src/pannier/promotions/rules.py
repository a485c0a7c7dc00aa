"""What a promotion, a coupon and a code may be. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

CODE_LENGTH_MAX = 64
#: Most codes that are made at a time.
CODES_MAX = 100_000
#: Characters that a random code is made of.
ALPHABET_SIZE = 32
#: How many tries on average find one of the codes.
_TRIES_MIN = 10_000
_CODE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
#: Words of a scenario that stand beside a definition here, and where.
_BESIDE = {
    "id": "an id of its own",
    "name": "name",
    "active": "activate and deactivate",
    "starts": "starts",
    "ends": "ends",
    "limit": "limit",
    "used": "what was counted",
    "coupons": "coupons of their own, and needs_code",
}


def clean_code(text: str) -> str | None:
    """A code as it is kept; None for what cannot be one: blanks, or more than 64 characters."""
    code = unicodedata.normalize("NFC", text.strip())
    return code if len(code) <= CODE_LENGTH_MAX and _CODE.fullmatch(code) else None


def folded(code: str) -> str:
    """What two spellings of a code have in common."""
    return code.casefold()


def length_min(count: int) -> int:
    """Random characters that so many codes need, so that nobody finds one by trying."""
    length = 1
    while ALPHABET_SIZE**length < count * _TRIES_MIN:
        length += 1
    return length


def definition_fault(definition: Mapping[str, Any]) -> tuple[str, str] | None:
    """`(field, message)` where a definition says what is said beside it, or nothing at all."""
    for name in definition:
        if name in _BESIDE:
            return f"definition.{name}", f"It does not stand in the definition but beside it: {_BESIDE[name]}"
    return None


def period_fault(starts: date | None, ends: date | None) -> tuple[str, str] | None:
    """`(field, message)` where a period is over before it begins."""
    if starts is not None and ends is not None and starts > ends:
        return "ends", f"Not before it starts ({starts.isoformat()}); both days are included"
    return None


def plain_fault(value: Any, field: str) -> tuple[str, str] | None:
    """`(field, message)` of the first text in JSON that cannot be stored: with a NUL, or with half a character."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return field, "A text without NUL and without half characters"
        return None
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        found = (plain_fault(name, field) if isinstance(name, str) else None) or plain_fault(each, f"{field}.{name}")
        if found is not None:
            return found
    return None
