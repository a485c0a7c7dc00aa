"""Brings a file of exchange rates into the shop: all of it in one transaction, or nothing; again, nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pannier.currencies import ecb, repository
from pannier.currencies.ecb import FxFile
from pannier.kernel.ids import uuid7
from pannier.platform.database import UNHURRIED_S, Database
from pannier.platform.records import Cause, keep_audit, touch_prices

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_BATCH = 20_000


@dataclass(slots=True)
class FxImportReport:
    """What an import did. `refused`: nothing is stored, and `file.problems` says why."""

    file: FxFile
    outcome: Literal["imported", "unchanged", "refused"] = "refused"
    created: int = 0
    updated: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        problems = self.file.problems
        return {
            "outcome": self.outcome,
            "days": self.file.days,
            "rates": {
                "created": self.created,
                "updated": self.updated,
                "unchanged": len(self.file.rates) - self.created - self.updated,
            },
            "problems": {
                "count": problems.count,
                "by_code": dict(problems.by_code),
                "listed": [
                    {"line": one.line, "column": one.column, "code": one.code, "reason": one.reason} for one in problems
                ],
            },
        }


async def import_fx(
    db: Database, file: FxFile, cause: Cause, *, on_progress: Callable[[int, int], None] | None = None
) -> FxImportReport:
    """Store the rates of a file that `ecb.read` has read. A file with any problem is refused whole."""
    if file.problems.count:
        return FxImportReport(file)

    async def store(connection: Connection) -> FxImportReport:
        await repository.stage(connection)
        for start in range(0, len(file.rates), _BATCH):
            await repository.stage_rates(connection, file.rates[start : start + _BATCH])
            if on_progress is not None:
                on_progress(min(start + _BATCH, len(file.rates)), len(file.rates))
        created, updated = await repository.store_staged(connection, ecb.SOURCE)
        if not created and not updated:
            return FxImportReport(file, "unchanged")
        days = [rate.on.isoformat() for rate in (file.rates[0], file.rates[-1])]
        change = {
            "id": uuid7(),
            "subject_kind": "fx_rate",
            "subject_id": ecb.BASE,
            "subject_name": ecb.SOURCE,
            "action": "imported",
            "before": None,
            "after": {"created": created, "updated": updated, "from": min(days), "to": max(days)},
        }
        await keep_audit(connection, [change], cause, db.clock.now())
        await touch_prices(connection)
        return FxImportReport(file, "imported", created, updated)

    return await db.write(store, UNHURRIED_S)
