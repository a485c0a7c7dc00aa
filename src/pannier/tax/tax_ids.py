"""Tax ids of customers: format and check digits, and what a register says where one is asked."""

from __future__ import annotations

from typing import Any

from stdnum import get_cc_module
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError
from stdnum.util import clean

from pannier.kernel.countries import COUNTRIES
from pannier.tax.models import TaxIdResult

#: Whose ids begin with other letters than the country's.
_PREFIXES = {"GR": "EL"}
_EU_PREFIXES = frozenset("AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split())


def check_format(number: str, country: str | None = None) -> TaxIdResult:
    """Length and check digits. Without a country it is taken from the first two letters of the number."""
    plain = clean(number, " -./,").upper().strip()
    prefix = _PREFIXES.get(country or "", country or plain[:2])
    if not plain.startswith(prefix):
        plain = prefix + plain
    home = next((code for code, other in _PREFIXES.items() if other == prefix), prefix)
    module: Any
    written: tuple[str, ...]
    if prefix in _EU_PREFIXES:
        module, written = eu_vat, (plain,)
    elif home in COUNTRIES:
        # In some countries the letters belong to the number, as in CHE-107.787.577.
        module, written = get_cc_module(home, "vat"), (plain.removeprefix(prefix), plain)
    else:
        return TaxIdResult(plain, home, is_valid=False, reason="it begins with no country's letters")
    if module is None:
        return TaxIdResult(plain, home, is_valid=False, reason=f"no form of tax ids is known of {home}")
    reason = None
    for text in written:
        try:
            module.validate(text)
        except ValidationError as problem:
            reason = reason or _reason(problem)
        else:
            return TaxIdResult(plain, home, is_valid=True)
    return TaxIdResult(plain, home, is_valid=False, reason=reason)


def is_registered_in_eu(result: TaxIdResult) -> bool:
    """Whether VIES would know of it."""
    return result.number[:2] in _EU_PREFIXES


def _reason(problem: ValidationError) -> str:
    if isinstance(problem, InvalidLength):
        return "it is too long or too short"
    if isinstance(problem, InvalidFormat):
        return "it is not written like one of that country"
    if isinstance(problem, InvalidChecksum):
        return "its check digits are wrong"
    return "a part of it is not valid"
