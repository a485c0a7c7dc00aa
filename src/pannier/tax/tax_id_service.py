"""Customers' tax ids: looked at, looked up where a register is asked, and every check kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.tax.errors import TaxIdInvalidError
from pannier.tax.models import TaxIdResult
from pannier.tax.ports import RegisterUnavailableError, TaxIdRegister
from pannier.tax.tax_ids import check_format, is_registered_in_eu

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class TaxIdService:
    """The tax ids of one shop's customers. Without a register, format and check digits are all that is known."""

    def __init__(self, db: Database, register: TaxIdRegister | None) -> None:
        self._db = db
        self._register = register

    async def look_at(self, number: str, country: str | None) -> TaxIdResult:
        """What is known of an id; asks the register, so not inside a transaction.

        Raises TaxIdInvalidError for one that no country would have given.
        """
        found = check_format(number, country)
        if not found.is_valid:
            raise TaxIdInvalidError(
                f"{found.number} is no tax id: {found.reason}. Check how it is written.",
                field="tax_id",
                details={"country": found.country, "reason": found.reason},
            )
        if self._register is None or not is_registered_in_eu(found):
            return found
        try:
            answer = await self._register.look_up(found.number[:2], found.number[2:])
        except RegisterUnavailableError as problem:
            return replace(found, reason=f"the register gave no answer: {problem}")
        reason = None if answer.is_valid else "the register does not have it"
        return replace(found, is_valid=answer.is_valid, checked_by="vies", name=answer.name, reason=reason)

    def as_staff_say(self, number: str, country: str | None, *, is_valid: bool, reason: str | None) -> TaxIdResult:
        """An id as somebody of the shop has found it, whatever it looks like."""
        found = check_format(number, country)
        return replace(found, is_valid=is_valid, checked_by="staff", reason=reason, name=None)

    async def keep(self, connection: Connection, user_id: str, result: TaxIdResult, now: datetime) -> Mapping[str, Any]:
        """Keep what was found, as the newest of a customer's checks; answers it as it is shown."""
        row = await connection.fetchrow(
            "insert into tax_id_check (id, user_id, number, country, is_valid, reason, checked_by, name, checked_at)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            " returning number as tax_id, country, is_valid, reason, checked_by, name, checked_at",
            uuid7(), user_id, result.number, result.country, result.is_valid, result.reason, result.checked_by,
            result.name, now,
        )  # fmt: skip
        assert row is not None
        return dict(row)

    async def newest(self, user_id: str) -> Mapping[str, Any] | None:
        """The newest check of a customer's; None where there is none."""
        async with self._db.read() as connection:
            row = await connection.fetchrow(
                "select number as tax_id, country, is_valid, reason, checked_by, name, checked_at from tax_id_check"
                " where user_id = $1 order by checked_at desc, id desc limit 1",
                user_id,
            )
        return None if row is None else dict(row)


async def export_checks(connection: Connection, user_id: str) -> list[dict[str, Any]]:
    """Every check of a customer's tax ids, for the customer."""
    rows = await connection.fetch(
        "select number as tax_id, country, is_valid, reason, checked_by, name, checked_at from tax_id_check"
        " where user_id = $1 order by checked_at, id",
        user_id,
    )
    return [dict(row) for row in rows]


async def forget_checks(connection: Connection, user_id: str) -> None:
    """Take away what was kept of a customer's tax ids."""
    await connection.execute("delete from tax_id_check where user_id = $1", user_id)
