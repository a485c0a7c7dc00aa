"""Files of tax rates that others keep come in whole, once, and with their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pannier.platform.database import Database
from pannier.platform.records import Cause
from pannier.tax import (
    Destination,
    NamedText,
    TaxImportReport,
    import_rates,
    load_rates,
    load_zones,
    read_files,
    zone_of,
)
from pannier.tax.files.formats import format_of
from pannier.tax.files.postcodes import ranges_of

VAT, HISTORY = "ibericode.vat-rates.json", "kdeldycke.vat_rates.csv"
STATES, CANADA = "us-state-rates-2026.csv", "node-sales-tax.sales_tax_rates.json"
CAUSE = Cause("test")


def _files(data: Path, names: Sequence[str]) -> list[NamedText]:
    return [NamedText(name, (data / "reference/tax" / name).read_text(encoding="utf-8")) for name in names]


async def _imported(
    db: Database, data: Path, names: Sequence[str], countries: frozenset[str] | None = None
) -> TaxImportReport:
    return await import_rates(db, read_files(_files(data, names), countries=countries), CAUSE)


class Shop:
    """What the shop has after imports."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def percents(self, where: Destination, on: date, category: str = "standard") -> list[Decimal]:
        """The rates of a destination on a day, in their order."""
        async with self.db.read() as connection:
            rates, zones = await load_rates(connection), await load_zones(connection)
        zone, day = zone_of(zones, where), on.isoformat()
        return [
            rate.definition["percent"]
            for rate in rates
            if rate.definition["zone"] == zone
            and rate.definition["category"] == category
            and rate.definition.get("from", "") <= day <= rate.definition.get("to", "9999")
        ]


async def test_vat_of_the_eu_has_its_history_from_two_files(db: Database, shared_data: Path) -> None:
    told: list[tuple[int, int]] = []
    files = read_files(_files(shared_data, [VAT, HISTORY]))
    first = await import_rates(db, files, CAUSE, on_progress=lambda done, total: told.append((done, total)))
    again = await _imported(db, shared_data, [VAT, HISTORY])

    assert (first.outcome, first.problems, first.created, again.outcome) == ("imported", 0, 464, "unchanged")
    assert (again.created, again.updated, again.archived, again.unchanged, again.zones) == (0, 0, 0, 464, 0)
    assert told[-1] == (464, 464)
    shop, germany = Shop(db), Destination("DE", None, "10115")
    percents = {"1990-01-01": 14, "2006-12-31": 16, "2007-01-01": 19, "2020-12-31": 16, "2026-11-20": 19}
    for day, percent in percents.items():
        assert await shop.percents(germany, date.fromisoformat(day)) == [percent], day
    assert await shop.percents(germany, date(2020, 8, 1), "reduced") == [5]
    # The older file knows nothing of what came after it.
    assert await shop.percents(Destination("RO"), date(2025, 8, 1)) == [21]
    assert await shop.percents(Destination("GB", None, "SW1A 1AA"), date(2026, 1, 1)) == [20]
    for postal, percent in [("27498", 0), ("78266", 0), ("10115", 19)]:
        assert await shop.percents(Destination("DE", None, postal), date(2026, 1, 1)) == [percent], postal
    assert await shop.percents(Destination("PT", None, "9000-123"), date(2026, 1, 1)) == [22]
    assert await shop.percents(Destination("FR", None, "97410"), date(2026, 1, 1)) == [Decimal("8.5")]


async def test_states_of_the_usa_and_provinces_of_canada_add_theirs(db: Database, shared_data: Path) -> None:
    report = await _imported(db, shared_data, [STATES, CANADA])

    assert (report.outcome, report.created) == ("imported", 54 + 20)
    assert report.files[STATES].warnings.by_code["local"] == 37
    shop, today = Shop(db), date(2026, 11, 20)
    assert await shop.percents(Destination("US", "New Jersey"), today) == [Decimal("6.625")]
    assert await shop.percents(Destination("US", "OR"), today) == [0]
    assert await shop.percents(Destination("US", "DC"), date(2026, 9, 30)) == [Decimal("6.5")]
    assert await shop.percents(Destination("US", "DC"), date(2026, 10, 1)) == [7]
    assert await shop.percents(Destination("CA", "QC"), today) == [5, Decimal("9.975")]
    assert await shop.percents(Destination("CA", "Ontario"), today) == [5, 8]
    assert await shop.percents(Destination("CA", "Alberta"), today) == [5]
    assert await shop.percents(Destination("CA", "NS"), date(2025, 3, 31)) == [5, 10]
    assert await shop.percents(Destination("CA", "NS"), date(2025, 4, 1)) == [5, 9]
    async with db.read() as connection:
        assert not any(rate.definition["included"] for rate in await load_rates(connection))


async def test_only_the_countries_asked_for_come_in(db: Database, shared_data: Path) -> None:
    report = await _imported(db, shared_data, [VAT, HISTORY], countries=frozenset({"AT"}))
    async with db.read() as connection:
        zones = {zone.name for zone in await load_zones(connection)}
    assert report.outcome == "imported"
    assert zones == {"AT", "AT-6691", "AT-6991", "AT-6992", "AT-6993", "AT-jungholz", "AT-mittelberg"}


HEAD = "start_date,stop_date,territory_codes,currency_code,rate,rate_type,description\n"


async def test_a_changed_file_changes_what_it_says_anew(db: Database) -> None:
    old = HEAD + "2010-01-01,2020-01-01,AT,EUR,0.19,standard,\n2020-01-01,,AT,EUR,0.2,standard,\n"
    new = HEAD + "2010-01-01,2021-01-01,AT,EUR,0.19,standard,\n2021-01-01,,AT,EUR,0.21,standard,\n"

    async def take(text: str) -> TaxImportReport:
        return await import_rates(db, read_files([NamedText("rates.csv", text)]), CAUSE)

    assert (await take(old)).created == 2
    changed = await take(new)
    back = await take(old)

    assert (changed.created, changed.updated, changed.archived, changed.unchanged) == (1, 1, 1, 0)
    assert (back.created, back.updated, back.archived) == (1, 1, 1)
    assert await Shop(db).percents(Destination("AT"), date(2020, 6, 1)) == [20]
    async with db.read() as connection:
        assert await connection.fetchval("select revision from price_book_revision") == 4


@pytest.mark.parametrize(
    "row, where",
    [
        ("2010-13-01,,AT,EUR,0.19,standard,", "line 3, column start_date: '2010-13-01' is no day"),
        ("2010-01-01,2009-01-01,AT,EUR,0.19,standard,", "line 3, column stop_date: not after"),
        ("2010-01-01,,AT,EUR,19,standard,", "line 3, column rate: '19' is no rate"),
        ("2010-01-01,,AT,EUR,cheap,standard,", "line 3, column rate: 'cheap' is no rate"),
        ("2000-01-01,,AT,EUR,0.2,standard,", "line 3: vat on standard in AT begins on line 2"),
        ('2010-01-01,,"AT', "no CSV from here on"),
    ],
)
async def test_every_bad_row_is_told_and_nothing_comes_in(db: Database, row: str, where: str) -> None:
    text = f"{HEAD}2000-01-01,,AT,EUR,0.19,standard,\n{row}\n"
    report = await import_rates(db, read_files([NamedText("rates.csv", text)]), CAUSE)

    (file,) = report.files.values()
    assert report.outcome == "refused"
    assert where in str(file.problems.listed[0])
    async with db.read() as connection:
        assert await load_zones(connection) == ()


@pytest.mark.parametrize(
    "text, line, code",
    [
        ('{"items": {"DE": [\n{"effective_from": "2020-02-31",\n "rates": {"standard": 19}}]}}', 2, "date"),
        ('{"items": {"DE": [\n{"effective_from": "2020-02-01",\n "rates": {"standard": -19}}]}}', 3, "percent"),
        ('{"items": {"DE": [\n{"effective_from": "2020-02-01"}]}}', 1, "period"),
        ('{"items": {"XX": []}}', 1, "country"),
        ('{"items": []}', 1, "format"),
        ("{", 1, "json"),
    ],
)
def test_what_is_wrong_in_json_is_told_by_its_line(text: str, line: int, code: str) -> None:
    (file,) = read_files([NamedText("vat.json", text, "ibericode")]).values()
    assert next((found.line, found.code) for found in file.problems) == (line, code)


async def test_rates_that_staff_keep_are_left_alone(db: Database) -> None:
    async with db.read() as connection:
        await connection.execute(
            "insert into zone (id, name, created_at, updated_at) values (gen_random_uuid(), 'AT', now(), now());"
            "insert into tax_rate (id, code, category, zone, percent, created_at, updated_at)"
            " values (gen_random_uuid(), 'vat', 'standard', 'AT', 42, now(), now())"
        )
    text = f"{HEAD}2000-01-01,,AT,EUR,0.19,standard,\n"
    report = await import_rates(db, read_files([NamedText("rates.csv", text)]), CAUSE)

    assert report.outcome == "refused"
    assert "kept by hand" in str(report.files["rates.csv"].problems.listed[0])
    assert await Shop(db).percents(Destination("AT"), date(2026, 1, 1)) == []


@pytest.mark.parametrize(
    "pattern, ranges",
    [
        (r"(35\d{3}|38\d{3})", [("35", "35"), ("38", "38")]),
        (r"(5100[1-5]|5107[0-1]|51081)", [("51001", "51005"), ("51070", "51071"), ("51081", "51081")]),
        (r"9[0-4]\d{2,}", [("90", "94")]),
        ("699[123]", [("6991", "6993")]),
        ("699[135]", None),
        (r"\d+", None),
        ("(a|b", None),
    ],
)
def test_patterns_of_postal_codes_are_ranges(pattern: str, ranges: list[tuple[str, str]] | None) -> None:
    assert ranges_of(pattern) == ranges


def test_a_file_of_nothing_known_is_refused() -> None:
    assert format_of("Handle,Title\n") is None
    (file,) = read_files([NamedText("products.csv", "Handle,Title\n")]).values()
    assert file.problems.by_code["format"] == 1
