"""kdeldycke/vat-rates: the standard VAT rates of Europe and some other countries, with their history (BSD-2)."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from datetime import date, timedelta

from pannier.kernel.countries import COUNTRIES
from pannier.tax.files.rows import FileRate, FileZone, RateFile
from pannier.tax.models import Area
from pannier.tax.rules import plain_text

SOURCE = "kdeldycke/vat-rates"
_COLUMNS = ("start_date", "stop_date", "territory_codes", "rate", "rate_type")
#: What it calls countries beside their code by ISO 3166; those it has under that code as well.
_ALIASES = {"EL": "GR", "UK": "GB"}


def read(text: str, countries: Collection[str] | None = None) -> RateFile:
    """The file's rates. `stop_date` is the first day on which a rate no longer is."""
    file = RateFile(SOURCE, is_included=True)
    rows = csv.DictReader(io.StringIO(text), strict=True)
    missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        file.bad(1, missing[0], "format", "a column of kdeldycke/vat-rates is missing")
        return file
    line = 2
    try:
        for row in rows:
            _read_row(file, line, row, countries)
            line = rows.line_num + 1
    except csv.Error as problem:
        file.bad(line, None, "csv", f"no CSV from here on: {problem}")
    return file


def _read_row(file: RateFile, line: int, row: dict[str, str], countries: Collection[str] | None) -> None:
    starts = file.day(line, "start_date", row["start_date"])
    stops: date | None = file.day(line, "stop_date", row["stop_date"]) if row["stop_date"] else None
    percent = file.percent(line, "rate", row["rate"], times=100)
    if starts is None or percent is None or (row["stop_date"] and stops is None):
        return
    ends = stops - timedelta(days=1) if stops is not None else None
    if ends is not None and ends < starts:
        file.bad(line, "stop_date", "date", "not after start_date")
        return
    for zone in _zones_of(file, line, row["territory_codes"] or ""):
        if countries is None or zone.areas[0].country in countries:
            category = row["rate_type"] or "standard"
            file.rates.append(FileRate(line, zone, "vat", category, percent, starts, ends))


def _zones_of(file: RateFile, line: int, codes: str) -> Iterator[FileZone]:
    seen = set()
    for code in codes.split("\n"):
        country, _, part = code.strip().partition("-")
        country = _ALIASES.get(country, country)
        if country not in COUNTRIES:
            file.odd(line, "territory_codes", "territory", f"{code!r} is no country by ISO 3166, and was left out")
            continue
        plain = plain_text(part)
        if (country, plain) in seen:
            continue
        seen.add((country, plain))
        if not part:
            yield FileZone(country, country, (Area(country),))
        elif len(plain) > 3 and any(character.isdigit() for character in plain):
            yield FileZone(f"{country}-{plain}", code, (Area(country, None, plain, plain),))
        else:
            yield FileZone(f"{country}-{plain}", code, (Area(country, plain),))
