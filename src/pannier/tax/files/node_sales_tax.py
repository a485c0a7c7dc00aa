"""node-sales-tax: GST, HST, PST and QST of Canada, and a rate for most other countries (MIT).

Without countries that are asked for only Canada is read; its part on the USA is out of date and never taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from pannier.kernel.countries import COUNTRIES
from pannier.tax.files.json_lines import Places, read_object
from pannier.tax.files.rows import FileRate, FileZone, RateFile
from pannier.tax.models import Area

SOURCE = "node-sales-tax"
_PROVINCES: Final[Mapping[str, tuple[str, ...]]] = {
    "BC": ("BRITISHCOLUMBIA",),
    "MB": ("MANITOBA",),
    "NB": ("NEWBRUNSWICK",),
    "NL": ("NEWFOUNDLANDANDLABRADOR", "NEWFOUNDLAND"),
    "NS": ("NOVASCOTIA",),
    "ON": ("ONTARIO",),
    "PE": ("PRINCEEDWARDISLAND",),
    "QC": ("QUEBEC", "QUBEC"),
    "SK": ("SASKATCHEWAN",),
}


def read(text: str, countries: Collection[str] | None = None) -> RateFile:
    """The file's rates. A province has its country's tax and then its own; both are on the net price."""
    file = RateFile(SOURCE, is_included=False)
    document = read_object(text, file)
    places = Places(text)
    for country in sorted(countries) if countries is not None else ["CA"]:
        entry = None if document is None else document.get(country)
        if country == "US":
            file.odd(places.line("US"), "US", "stale", "its rates of the USA are out of date, and were left out")
        elif isinstance(entry, dict) and country in COUNTRIES:
            _read_country(file, places, country, entry)
        elif document is not None:
            file.bad(1, country, "country", "the file has no such country")
    return file


def _read_country(file: RateFile, places: Places, country: str, entry: Mapping[str, Any]) -> None:
    home = FileZone(country, country, (Area(country),))
    national = list(_periods(file, places.line(country), country, entry))
    file.rates += [_rate(home, *period) for period in national]
    states = entry.get("states") or {}
    for code, state in states.items() if isinstance(states, dict) else ():
        line = places.line(country, "states", code)
        if not isinstance(state, dict):
            file.bad(line, f"{country}.{code}", "state", "a rate and its type are wanted")
            continue
        if str(state.get("rate", "")).startswith("-"):
            file.odd(line, f"{country}.{code}", "relative", "takes off its country's rate, and was left out")
            continue
        names = (code, *(_PROVINCES.get(code, ()) if country == "CA" else ()))
        zone = FileZone(f"{country}-{code}", f"{country}-{code}", tuple(Area(country, name) for name in names))
        file.rates += [_rate(zone, *period) for period in national]
        file.rates += [_rate(zone, *period, order=1) for period in _periods(file, line, f"{country}.{code}", state)]


_Period = tuple[int, str, Decimal, date | None, date | None]


def _rate(
    zone: FileZone, line: int, code: str, percent: Decimal, starts: date | None, ends: date | None, *, order: int = 0
) -> FileRate:
    return FileRate(line, zone, code, "standard", percent, starts, ends, order, title=code.upper())


def _periods(file: RateFile, line: int, column: str, entry: Mapping[str, Any]) -> Iterator[_Period]:
    """The rate of now, and before it those that were until the days that `before` names."""
    starts: date | None = None
    kept = entry.get("before") or {}
    for until, old in sorted(kept.items()) if isinstance(kept, dict) else ():
        day = file.day(line, f"{column}.before", until)
        percent = file.percent(
            line, f"{column}.before.rate", old.get("rate") if isinstance(old, dict) else old, times=100
        )
        if day is None or percent is None:
            return
        yield line, _code(old, entry), percent, starts, day - timedelta(days=1)
        starts = day
    percent = file.percent(line, f"{column}.rate", entry.get("rate"), times=100)
    if percent is not None:
        yield line, _code(entry, entry), percent, starts, None


def _code(entry: Mapping[str, Any], otherwise: Mapping[str, Any]) -> str:
    return str(entry.get("type") or otherwise.get("type") or "tax").lower()
