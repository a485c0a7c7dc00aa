"""Whether the books of a shop are right, by the audit that shops run themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pannier.app.audit import audit
from pannier.platform.database import Database


async def faults(db: Database) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Every broken invariant, with rows that break it; empty when all is well."""
    return {breach.name: breach.rows for breach in (await audit(db)).breaches}
