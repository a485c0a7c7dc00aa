"""ibericode/vat-rates: EU and UK VAT, reduced rates, periods and places with rates of their own (MIT)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from pannier.kernel.countries import COUNTRIES
from pannier.tax.files.json_lines import Places, read_object
from pannier.tax.files.postcodes import ranges_of
from pannier.tax.files.rows import FileRate, FileZone, RateFile
from pannier.tax.models import Area

SOURCE = "ibericode/vat-rates"
_ALWAYS = "0000-01-01"


def read(text: str, countries: Collection[str] | None = None) -> RateFile:
    """The file's rates; categories are called as it calls them: standard, reduced, super_reduced."""
    file = RateFile(SOURCE, is_included=True)
    document = read_object(text, file)
    items = document.get("items") if document is not None else None
    if document is not None and not isinstance(items, dict):
        file.bad(1, "items", "format", "no list of countries: this is no file of ibericode/vat-rates")
    places = Places(text)
    for country, periods in items.items() if isinstance(items, dict) else ():
        line = places.line("items", country)
        if country not in COUNTRIES or not isinstance(periods, list):
            file.bad(line, country, "country", "a country by ISO 3166 and its periods are wanted")
        elif countries is None or country in countries:
            for period in periods:
                _read_period(file, places, country, period)
    return file


def _read_period(file: RateFile, places: Places, country: str, period: Any) -> None:
    if not isinstance(period, dict) or not isinstance(period.get("rates"), dict):
        file.bad(places.line("items", country), country, "period", "a period has effective_from and rates")
        return
    begins = str(period.get("effective_from", ""))
    line = places.line("items", country, begins)
    starts = None if begins == _ALWAYS else file.day(line, f"{country}.effective_from", begins)
    if starts is None and begins != _ALWAYS:
        return
    home = FileZone(country, country, (Area(country),))
    _read_rates(file, places, (country, begins), home, period["rates"], starts)
    for exception in period.get("exceptions") or ():
        zone = _zone_of(file, places.line("items", country, begins, "exceptions"), country, exception)
        if zone is not None:
            rates = {name: rate for name, rate in exception.items() if name not in ("name", "postcode")}
            _read_rates(file, places, (country, begins, str(exception["name"])), zone, rates, starts)


def _read_rates(
    file: RateFile,
    places: Places,
    where: tuple[str, ...],
    zone: FileZone,
    rates: Mapping[str, Any],
    starts: date | None,
) -> None:
    for category, rate in rates.items():
        line = places.line("items", *where, category)
        percent = file.percent(line, f"{where[0]}.{category}", rate)
        if percent is not None:
            file.rates.append(FileRate(line, zone, "vat", category, percent, starts))


def _zone_of(file: RateFile, line: int, country: str, exception: Any) -> FileZone | None:
    name, pattern = (
        (exception.get(key) for key in ("name", "postcode")) if isinstance(exception, dict) else (None, None)
    )
    ranges = ranges_of(pattern) if isinstance(pattern, str) else None
    if not isinstance(name, str) or ranges is None:
        file.bad(line, f"{country}.exceptions", "postcode", f"no name and postal codes that could be read: {pattern!r}")
        return None
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()
    return FileZone(f"{country}-{slug}", name, tuple(Area(country, None, start, end) for start, end in ranges))
