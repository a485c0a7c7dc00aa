"""Sales tax of the states of the USA, without counties and cities, and what is enacted for later (CC BY 4.0)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from datetime import timedelta

from pannier.tax.files.rows import FileRate, FileZone, RateFile
from pannier.tax.models import Area
from pannier.tax.rules import plain_text

SOURCE = "us-sales-tax-rates"
_COLUMNS = ("code", "name", "state_rate_pct", "local_varies", "scheduled_change_date", "scheduled_change_pct")
_CODE = re.compile(r"[A-Z]{2}")


def read(text: str, countries: Collection[str] | None = None) -> RateFile:
    """The file's rates. Where counties or cities add theirs is told as a warning: nobody here knows how much."""
    file = RateFile(SOURCE, is_included=False)
    rows = csv.DictReader(io.StringIO(text), strict=True)
    missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        file.bad(1, missing[0], "format", "a column of the file of state rates is missing")
        return file
    try:
        for row in rows:
            if countries is None or "US" in countries:
                _read_row(file, rows.line_num, row)
    except csv.Error as problem:
        file.bad(rows.line_num + 1, None, "csv", f"no CSV from here on: {problem}")
    return file


def _read_row(file: RateFile, line: int, row: dict[str, str]) -> None:
    code, name = row["code"] or "", row["name"] or ""
    if not _CODE.fullmatch(code):
        file.bad(line, "code", "state", f"{code!r} are not the two letters of a state")
        return
    regions = dict.fromkeys((code, plain_text(name) or code))
    zone = FileZone(f"US-{code}", name, tuple(Area("US", region) for region in regions))
    now = file.percent(line, "state_rate_pct", row["state_rate_pct"])
    then, later = row["scheduled_change_date"], row["scheduled_change_pct"]
    changes = file.day(line, "scheduled_change_date", then) if then else None
    new = file.percent(line, "scheduled_change_pct", later) if then else None
    if now is None or (then and (changes is None or new is None)):
        return
    ends = changes - timedelta(days=1) if changes is not None else None
    file.rates.append(FileRate(line, zone, "sales", "standard", now, None, ends, title="Sales tax"))
    if changes is not None and new is not None:
        file.rates.append(FileRate(line, zone, "sales", "standard", new, changes, title="Sales tax"))
    if row["local_varies"] == "true":
        file.odd(
            line, "local_varies", "local", f"{name} lets counties and cities add a tax, which the file does not have"
        )
