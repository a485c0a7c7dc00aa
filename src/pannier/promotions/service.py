"""Promotions and price rules, as staff keep them. Every command runs in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.kernel.ids import uuid7
from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import COMMON, Cause, Record, RecordTable
from pannier.promotions import keeping, repository, rules
from pannier.promotions.errors import CouponsNotNeededError, PriceRuleNotFoundError, PromotionNotFoundError
from pannier.promotions.ports import DefinitionCheck

if TYPE_CHECKING:
    from pannier.platform.database import Connection

DEFINITION_BYTES_MAX = 65_536
PROMOTIONS = RecordTable(
    "promotion",
    columns=frozenset(
        {"name", "definition", "needs_code", "is_active", "starts_on", "ends_on", "use_limit", "used"}
        | {"external_reference"}
    ),
    shown=f"r.id, r.name, r.definition::text as definition, r.needs_code, r.is_active, {keeping.PERIOD},"
    f' r.use_limit as "limit", {repository.PROMOTION_USED} as used, r.is_exhausted, r.external_reference, {COMMON}',
    unknown=PromotionNotFoundError,
    json_columns=frozenset({"definition"}),
)
PRICE_RULES = RecordTable(
    "price_rule",
    columns=frozenset({"name", "definition", "is_active", "starts_on", "ends_on"}),
    shown=f"r.id, r.name, r.definition::text as definition, r.is_active, {keeping.PERIOD}, {COMMON}",
    unknown=PriceRuleNotFoundError,
    json_columns=frozenset({"definition"}),
)


class PromotionService:
    """The promotions and price rules of one shop. The checks read a definition as quotes will read it."""

    def __init__(self, db: Database, check_promotion: DefinitionCheck, check_price_rule: DefinitionCheck) -> None:
        self._db = db
        self._check_promotion = check_promotion
        self._check_price_rule = check_price_rule

    async def page(
        self,
        table: RecordTable,
        *,
        after: uuid.UUID | None,
        limit: int,
        is_archived: bool = False,
        is_active: bool | None = None,
    ) -> list[Record]:
        """Up to `limit` records behind one of them."""
        async with self._db.read() as connection:
            return await records.page(
                connection, table, after=after, limit=limit, is_archived=is_archived, equal={"is_active": is_active}
            )

    async def get(self, table: RecordTable, record_id: uuid.UUID) -> Record:
        """Raises PromotionNotFoundError, PriceRuleNotFoundError."""
        async with self._db.read() as connection:
            return await records.get(connection, table, record_id)

    async def create(
        self, connection: Connection, table: RecordTable, values: Mapping[str, Any], cause: Cause, now: datetime
    ) -> Record:
        """Make a promotion or a price rule. Raises ValidationFailedError, ReferenceTakenError."""
        self._check(table, values)
        with keeping.refusals(values):
            return await records.create(connection, table, values, cause, now)

    async def change(
        self,
        connection: Connection,
        table: RecordTable,
        record_id: uuid.UUID,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change those values that are given; what was given away so far stays.

        Raises what `create` does, LimitBelowUsedError, CouponsNotNeededError, and those of records.
        """
        before = await records.get(connection, table, record_id)
        self._check(table, {**keeping.columns_of(before), **values})
        values = await keeping.with_used(connection, table, record_id, values)
        with keeping.refusals(values):
            changed = await records.change(connection, table, record_id, values, cause, now, if_match=if_match)
        if values.get("needs_code") is False:
            count = await repository.coupons_of(connection, record_id)
            if count:
                raise CouponsNotNeededError(
                    f"It has {count} coupons. Archive them first, or leave needs_code as it is.",
                    field="needs_code",
                    details={"coupons": count},
                )
        return changed

    async def switch(
        self,
        connection: Connection,
        table: RecordTable,
        record_id: uuid.UUID,
        cause: Cause,
        now: datetime,
        if_match: int | None,
        *,
        is_active: bool,
    ) -> Record:
        """Let it count, or no longer. Twice changes nothing."""
        return await keeping.switch(connection, table, record_id, cause, now, if_match, is_active=is_active)

    async def bring_uses(self, connection: Connection, promotion_id: uuid.UUID, times: int, now: datetime) -> int:
        """Count uses of a promotion from before, of which another system has told; answers how many were counted."""
        await records.get(connection, PROMOTIONS, promotion_id)
        return await repository.bring_promotion_uses(connection, promotion_id, [uuid7() for _ in range(times)], now)

    async def archive(
        self,
        connection: Connection,
        table: RecordTable,
        record_id: uuid.UUID,
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Put it away for good: it is off, and orders may still name it. Twice changes nothing."""
        return await keeping.archive(connection, table, record_id, cause, now, if_match)

    def _check(self, table: RecordTable, values: Mapping[str, Any]) -> None:
        definition = values["definition"]
        fault = (
            rules.period_fault(values.get("starts_on"), values.get("ends_on"))
            or rules.definition_fault(definition)
            or rules.plain_fault(definition, "definition")
        )
        if fault is None and len(records.as_json(definition)) > DEFINITION_BYTES_MAX:
            fault = "definition", f"At most {DEFINITION_BYTES_MAX:,} bytes"
        if fault is None and table is PROMOTIONS and not definition.get("actions"):
            fault = "definition.actions", "A promotion gives something: at least one action"
        if fault is not None:
            raise ValidationFailedError.of([fault])
        check = self._check_promotion if table is PROMOTIONS else self._check_price_rule
        check({"id": "new", **definition})
