"""What prices need to know of customers, as staff keep it; and the record of who changed what in prices."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.kernel.ids import uuid7
from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import Cause, RecordChangedError
from pannier.promotions import customer_repository as repository
from pannier.promotions.customer_repository import AuditFilter

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class CustomerPriceService:
    """Groups and tax standing of one shop's customers, and its price audit."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, user_id: str) -> Mapping[str, Any]:
        """What is kept of a customer; of one of whom nothing is, what that means, as version 0."""
        async with self._db.read() as connection:
            return await repository.profile(connection, user_id)

    async def change(
        self,
        connection: Connection,
        user_id: str,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Mapping[str, Any]:
        """Set those values that are given. A new tax id is not valid until somebody says so.

        Raises RecordChangedError, and ValidationFailedError for a valid tax id that is none.
        """
        await repository.lock(connection, user_id)
        before = await repository.profile(connection, user_id)
        if if_match is not None and if_match != before["version"]:
            raise RecordChangedError(
                f"It is at version {before['version']}, and If-Match names {if_match}. Look at it, then repeat.",
                field="If-Match",
                details={"expected": if_match, "actual": before["version"]},
            )
        after = {**before, **values}
        if values.get("tax_id", before["tax_id"]) != before["tax_id"] and "is_tax_id_valid" not in values:
            after["is_tax_id_valid"] = False
        if after["is_tax_id_valid"] and after["tax_id"] is None:
            raise ValidationFailedError.of([("is_tax_id_valid", "There is no tax_id that could be valid: send it")])
        await repository.store(connection, after, now)
        after = dict(await repository.profile(connection, user_id))
        kept = {
            "id": uuid7(),
            "subject_kind": "customer",
            "subject_id": user_id,
            "action": "updated" if before["version"] else "created",
            "before": before if before["version"] else None,
            "after": after,
        }
        await records.keep_audit(connection, [kept], cause, now)
        return after

    async def audit(self, wanted: AuditFilter, *, before: uuid.UUID | None, limit: int) -> list[Mapping[str, Any]]:
        """Changes of anything that makes prices, the newest first, of those before one."""
        async with self._db.read() as connection:
            return await repository.audit(connection, wanted, before, limit)
