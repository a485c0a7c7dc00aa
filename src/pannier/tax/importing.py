"""Brings files of tax rates into the shop: all of them in one transaction, or nothing; again, and nothing changes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pannier.kernel.findings import Findings
from pannier.platform import records
from pannier.platform.database import UNHURRIED_S, Database
from pannier.platform.records import Cause, Record
from pannier.tax import repository
from pannier.tax.files.formats import READERS, TaxFormat, format_of
from pannier.tax.files.rows import FileRate, FileZone, RateFile
from pannier.tax.history import histories
from pannier.tax.service import RATES, ZONES

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: Told how many rates are stored, and how many there are.
OnProgress = Callable[[int, int], None]
Series = tuple[str, str, str]
# Quotes are told once, at the end, and not by every rate.
_QUIET_RATES, _QUIET_ZONES = replace(RATES, touches_prices=False), replace(ZONES, touches_prices=False)


@dataclass(frozen=True, slots=True)
class NamedText:
    """A file's name and text. `format` None: as it looks."""

    name: str
    text: str
    format: TaxFormat | None = None


@dataclass(slots=True)
class TaxImportReport:
    """What an import did. `refused`: nothing is stored, and the problems of the files say why."""

    files: dict[str, RateFile]
    outcome: Literal["imported", "unchanged", "refused"] = "refused"
    zones: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    archived: int = 0

    @property
    def problems(self) -> int:
        """How many there are in all files."""
        return sum(file.problems.count for file in self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "outcome": self.outcome,
            "zones": self.zones,
            "rates": {
                "created": self.created,
                "updated": self.updated,
                "unchanged": self.unchanged,
                "archived": self.archived,
            },
            "files": {
                name: {
                    "source": file.source,
                    "rates": len(file.rates),
                    "problems": _listed(file.problems),
                    "warnings": _listed(file.warnings),
                }
                for name, file in self.files.items()
            },
        }


def read_files(
    files: Sequence[NamedText], *, countries: Collection[str] | None = None, is_included: bool | None = None
) -> dict[str, RateFile]:
    """What the files say, by their names. `is_included` None: as each format has it."""
    found: dict[str, RateFile] = {}
    for file in files:
        kind = file.format or format_of(file.text)
        if kind is None:
            read = RateFile("", is_included=False)
            read.bad(
                1, None, "format", f"no file of rates that is known: say which with --format, {', '.join(READERS)}"
            )
        else:
            read = READERS[kind](file.text, countries)
            if not read.rates and not read.problems.count:
                read.bad(1, None, "empty", "no rate in it" + (" of these countries" if countries else ""))
        if is_included is not None:
            read.is_included = is_included
        found[file.name] = read
    return found


async def import_rates(
    db: Database, files: dict[str, RateFile], cause: Cause, *, on_progress: OnProgress | None = None
) -> TaxImportReport:
    """Make each history that the files have a part of what they say; rates that staff made are never touched.

    What an earlier import said of the same zone, category and code, and these files do not, is archived.
    """
    wanted = histories(list(files.values()))
    report = TaxImportReport(files)
    if report.problems:
        return report

    async def store(connection: Connection) -> TaxImportReport:
        done = TaxImportReport(files, outcome="unchanged")
        stored = await repository.rates_of_series(connection, list(wanted))
        if _clashes(wanted, stored):
            done.outcome = "refused"
            return done
        work = _Work(connection, cause, db, done)
        total, so_far = sum(len(rates) for rates in wanted.values()), 0
        for series, rates in wanted.items():
            await work.zone(rates[0][0].zone, rates[0][1].source)
            await work.history(rates, stored.get(series, []))
            so_far += len(rates)
            if on_progress is not None:
                on_progress(so_far, total)
        if done.zones or done.created or done.updated or done.archived:
            done.outcome = "imported"
            await records.touch_prices(connection)
        return done

    return await db.write(store, UNHURRIED_S)


@dataclass(slots=True)
class _Work:
    """One import under way in one transaction."""

    connection: Connection
    cause: Cause
    db: Database
    done: TaxImportReport
    known: set[str] = field(default_factory=set)

    async def zone(self, zone: FileZone, source: str) -> None:
        """Make the zone where there is none of that name; one that is there stays as it is."""
        if zone.name in self.known:
            return
        self.known.add(zone.name)
        if await repository.has_zone(self.connection, zone.name):
            return

        async def beside(on: Connection, zone_id: uuid.UUID) -> None:
            await repository.write_areas(on, zone_id, zone.areas)

        values = {"name": zone.name, "title": zone.title, "source": source}
        await records.create(self.connection, _QUIET_ZONES, values, self.cause, self.db.clock.now(), beside)
        self.done.zones += 1

    async def history(self, rates: Sequence[tuple[FileRate, RateFile]], stored: Sequence[Record]) -> None:
        """Make what is stored of a history what the files say: what goes first, so that no two have the same day."""
        of_imports = {rate["valid_from"]: rate for rate in stored if rate["source"]}
        now = self.db.clock.now()
        wanted = {rate.starts: _values(rate, file) for rate, file in rates}
        for starts, old in of_imports.items():
            if starts not in wanted:
                await records.archive(self.connection, _QUIET_RATES, old["id"], self.cause, now)
                self.done.archived += 1
        # From the end, so that one that grows longer finds the next one moved already; those that shrink come first.
        kept = [starts for starts in wanted if starts in of_imports]
        for starts in sorted(kept, key=lambda one: _grows(of_imports[one], wanted[one])):
            old, new = of_imports[starts], wanted[starts]
            if all(old[name] == value for name, value in new.items()):
                self.done.unchanged += 1
                continue
            await records.change(self.connection, _QUIET_RATES, old["id"], new, self.cause, now)
            self.done.updated += 1
        for starts, new in wanted.items():
            if starts not in of_imports:
                await records.create(self.connection, _QUIET_RATES, new, self.cause, now)
                self.done.created += 1


def _values(rate: FileRate, file: RateFile) -> dict[str, Any]:
    return {
        "code": rate.code,
        "title": rate.title,
        "category": rate.category,
        "zone": rate.zone.name,
        "percent": rate.percent,
        "is_included": file.is_included,
        "order": rate.order,
        "valid_from": rate.starts,
        "valid_to": rate.ends,
        "source": file.source,
    }


def _grows(old: Record, new: Record) -> bool:
    if new["valid_to"] is None:
        return old["valid_to"] is not None
    return old["valid_to"] is not None and new["valid_to"] > old["valid_to"]


def _clashes(wanted: dict[Series, list[tuple[FileRate, RateFile]]], stored: Mapping[Series, Sequence[Record]]) -> bool:
    """Whether staff keep a history that the files bring, which only they may change; notes each."""
    found = False
    for series, rates in wanted.items():
        if any(not rate["source"] for rate in stored.get(series, [])):
            zone, category, code = series
            rate, file = rates[0]
            file.bad(
                rate.line, None, "kept", f"{code} on {category} in {zone} is kept by hand: archive those rates first"
            )
            found = True
    return found


def _listed(findings: Findings) -> dict[str, Any]:
    return {
        "count": findings.count,
        "by_code": dict(findings.by_code),
        "listed": [
            {"line": one.line, "column": one.column, "code": one.code, "reason": one.reason} for one in findings
        ],
    }
