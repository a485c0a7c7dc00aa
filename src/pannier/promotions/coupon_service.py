"""Coupons, as staff keep them, one by one or by the thousand. Every command runs in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.kernel.ids import new_code, uuid7
from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import COMMON, Cause, Record, RecordArchivedError, RecordTable
from pannier.promotions import keeping, repository, rules
from pannier.promotions.errors import (
    CodesGuessableError,
    CouponNotFoundError,
    CouponsNotNeededError,
    PromotionNotFoundError,
)

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: Codes that are stored by one statement.
BATCH = 5_000
_ROUNDS_MAX = 20
COUPONS = RecordTable(
    "coupon",
    columns=frozenset(
        {
            "promotion_id",
            "code",
            "code_folded",
            "is_active",
            "starts_on",
            "ends_on",
            "use_limit",
            "used",
            "per_customer",
        }
        | {"rejects_reduced_lines", "is_reusable_after_cancel", "batch_id"}
    ),
    shown=f'r.id, r.promotion_id, r.code, r.is_active, {keeping.PERIOD}, r.use_limit as "limit",'
    f" {repository.COUPON_USED} as used, r.per_customer, r.rejects_reduced_lines, r.is_reusable_after_cancel,"
    f" r.batch_id, {COMMON}",
    unknown=CouponNotFoundError,
    called="code",
    # Looked up by every cart that has one: no process keeps them.
    touches_prices=False,
)


class CouponService:
    """The coupons of one shop."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self,
        *,
        after: uuid.UUID | None,
        limit: int,
        is_archived: bool = False,
        promotion_id: uuid.UUID | None = None,
        batch_id: uuid.UUID | None = None,
        code: str | None = None,
    ) -> list[Record]:
        """Up to `limit` coupons behind one of them: of a promotion, made together, with a code in any case."""
        equal = {
            "promotion_id": promotion_id,
            "batch_id": batch_id,
            "code_folded": None if code is None else rules.folded(rules.clean_code(code) or code),
        }
        async with self._db.read() as connection:
            return await records.page(
                connection, COUPONS, after=after, limit=limit, is_archived=is_archived, equal=equal
            )

    async def get(self, coupon_id: uuid.UUID) -> Record:
        """Raises CouponNotFoundError."""
        async with self._db.read() as connection:
            return await records.get(connection, COUPONS, coupon_id)

    async def codes(self, batch_id: uuid.UUID) -> list[str]:
        """The codes of coupons that were made together. Raises CouponNotFoundError where there are none."""
        async with self._db.read() as connection:
            found = await repository.codes_of(connection, batch_id)
        if not found:
            raise CouponNotFoundError(f"There are no coupons of the batch {batch_id}.")
        return found

    async def create(self, connection: Connection, values: Mapping[str, Any], cause: Cause, now: datetime) -> Record:
        """Make a coupon. Raises CouponCodeTakenError, CouponsNotNeededError, PromotionNotFoundError."""
        code = rules.clean_code(values["code"])
        if code is None:
            raise ValidationFailedError.of([("code", f"1 to {rules.CODE_LENGTH_MAX} characters without blanks")])
        _check_period(values)
        await _check_promotion(connection, values["promotion_id"])
        kept = {**values, "code": code, "code_folded": rules.folded(code)}
        with keeping.refusals(kept):
            return await records.create(connection, COUPONS, kept, cause, now)

    async def bring_uses(
        self, connection: Connection, coupon_id: uuid.UUID, times: int, user_id: str | None, now: datetime
    ) -> int:
        """Count uses from before, by a customer where that is known, of which another system has told.

        Answers how many were counted: no more than are left of the limit. Raises CouponNotFoundError.
        """
        await records.get(connection, COUPONS, coupon_id)
        return await repository.bring_uses(connection, coupon_id, [uuid7() for _ in range(times)], user_id, now)

    async def generate(
        self,
        connection: Connection,
        values: Mapping[str, Any],
        count: int,
        prefix: str,
        length: int,
        cause: Cause,
        now: datetime,
    ) -> Record:
        """Make so many coupons with random codes, alike in all else: one event tells of them all.

        Raises CodesGuessableError for codes so short that somebody could find one, and what `create` does.
        """
        length_min = rules.length_min(count)
        if length < length_min:
            raise CodesGuessableError(
                f"{count} codes of {length} random characters could be found by trying: take {length_min} or more.",
                field="length",
                details={"length_min": length_min},
            )
        if prefix and rules.clean_code(prefix + "0" * length) is None:
            raise ValidationFailedError.of([("prefix", "No blanks, and no code longer than 64 characters")])
        _check_period(values)
        await _check_promotion(connection, values["promotion_id"])
        batch_id, made = uuid7(), 0
        # Whoever draws so many finds a few that are taken; they are drawn again.
        for _ in range(_ROUNDS_MAX + count // BATCH):
            if made == count:
                break
            codes = list(dict.fromkeys(prefix + new_code(length) for _ in range(min(BATCH, count - made))))
            ids, folded = [uuid7() for _ in codes], [rules.folded(code) for code in codes]
            made += await repository.insert_coupons(connection, batch_id, ids, codes, folded, values, now)
        if made < count:
            raise keeping.code_taken(f"{prefix}…")
        return await self._generated(connection, batch_id, values, count, cause, now)

    async def _generated(
        self,
        connection: Connection,
        batch_id: uuid.UUID,
        values: Mapping[str, Any],
        count: int,
        cause: Cause,
        now: datetime,
    ) -> Record:
        after = {"batch_id": batch_id, "promotion_id": values["promotion_id"], "count": count}
        event = {
            "aggregate_id": batch_id,
            "version": 1,
            "aggregate_kind": "coupon_batch",
            "id": uuid7(),
            "type": "coupon.generated",
            "data": {"before": None, "after": after},
        }
        await repository.append_events(connection, [event], cause, now)
        kept = {"id": uuid7(), "subject_kind": "coupon_batch", "subject_id": str(batch_id), "action": "generated"}
        await records.keep_audit(connection, [{**kept, "before": None, "after": after}], cause, now)
        return after

    async def change(
        self,
        connection: Connection,
        coupon_id: uuid.UUID,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change its days and limits; its code and promotion stay. Raises LimitBelowUsedError and those of records."""
        before = await records.get(connection, COUPONS, coupon_id)
        _check_period({**keeping.columns_of(before), **values})
        values = await keeping.with_used(connection, COUPONS, coupon_id, values)
        with keeping.refusals(values):
            return await records.change(connection, COUPONS, coupon_id, values, cause, now, if_match=if_match)

    async def switch(
        self,
        connection: Connection,
        coupon_id: uuid.UUID,
        cause: Cause,
        now: datetime,
        if_match: int | None,
        *,
        is_active: bool,
    ) -> Record:
        """Let it be used, or no longer. Twice changes nothing."""
        return await keeping.switch(connection, COUPONS, coupon_id, cause, now, if_match, is_active=is_active)

    async def archive(
        self, connection: Connection, coupon_id: uuid.UUID, cause: Cause, now: datetime, if_match: int | None
    ) -> Record:
        """Put it away for good; its code stays taken. Twice changes nothing."""
        return await keeping.archive(connection, COUPONS, coupon_id, cause, now, if_match)


def _check_period(values: Mapping[str, Any]) -> None:
    fault = rules.period_fault(values.get("starts_on"), values.get("ends_on"))
    if fault is not None:
        raise ValidationFailedError.of([fault])


async def _check_promotion(connection: Connection, promotion_id: uuid.UUID) -> None:
    """Raises unless the promotion is there to have coupons."""
    found = await repository.lock_promotion(connection, promotion_id)
    if found is None:
        raise PromotionNotFoundError(f"There is no promotion {promotion_id}.", field="promotion_id")
    if found["archived_at"] is not None:
        raise RecordArchivedError("The promotion was archived, so it gets no coupons.", field="promotion_id")
    if not found["needs_code"]:
        raise CouponsNotNeededError(
            "The promotion applies without a code, so coupons would change nothing. Set its needs_code first.",
            field="promotion_id",
        )
