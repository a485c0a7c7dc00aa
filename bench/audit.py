"""The shop's own audit on the database that was measured: speed bought with wrong figures is none."""

from __future__ import annotations

import asyncio

from pannier.app.audit import audit as shop_audit
from pannier.kernel.clock import SystemClock
from pannier.platform.database import Database
from pannier.platform.settings import Settings

CLEAN = "clean"


def audit(database_url: str) -> str:
    """`clean`, or each invariant that is broken with the number of rows that break it."""
    return asyncio.run(audited(database_url))


async def audited(database_url: str) -> str:
    """The same from within an event loop."""
    settings = Settings(database_url=database_url, database_statement_timeout_s=600)
    db = await Database.connect(database_url, settings, SystemClock())
    try:
        report = await shop_audit(db)
    finally:
        await db.close()
    if report.is_clean:
        return CLEAN
    return "; ".join(
        f"{breach.name}: {len(breach.rows)}{' or more' if breach.has_more else ''} rows, such as {breach.rows[0]}"
        for breach in report.breaches
    )
