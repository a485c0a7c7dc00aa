"""What the services of promotions do alike: switch records on and off, put them away, count their uses."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from pannier.platform import records
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import Cause, Record, RecordTable
from pannier.promotions import repository
from pannier.promotions.errors import CouponCodeTakenError, LimitBelowUsedError, ReferenceTakenError

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: The days of a record, over the row `r`, as they are shown.
PERIOD = "r.starts_on as starts, r.ends_on as ends"
_COLUMNS = {"starts": "starts_on", "ends": "ends_on", "limit": "use_limit"}


def columns_of(shown: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown or sent, by the names of the columns."""
    return {_COLUMNS.get(name, name): value for name, value in shown.items()}


async def switch(
    connection: Connection,
    table: RecordTable,
    record_id: uuid.UUID,
    cause: Cause,
    now: datetime,
    if_match: int | None,
    *,
    is_active: bool,
) -> Record:
    """Let a record count, or no longer. Twice changes nothing."""
    found = await records.get(connection, table, record_id)
    if found["is_active"] is is_active and found["archived_at"] is None and if_match in {None, found["version"]}:
        return found
    what = "activated" if is_active else "deactivated"
    return await records.change(
        connection, table, record_id, {"is_active": is_active}, cause, now, if_match=if_match, what=what
    )


async def archive(
    connection: Connection,
    table: RecordTable,
    record_id: uuid.UUID,
    cause: Cause,
    now: datetime,
    if_match: int | None,
) -> Record:
    """Switch a record off and put it away. Twice changes nothing."""
    found = await records.get(connection, table, record_id)
    if found["is_active"]:
        if_match = (await switch(connection, table, record_id, cause, now, if_match, is_active=False))["version"]
    return await records.archive(connection, table, record_id, cause, now, if_match=if_match)


async def with_used(
    connection: Connection, table: RecordTable, record_id: uuid.UUID, values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The values, and with a limit the uses it begins with. Raises LimitBelowUsedError.

    Uses are counted in the row only while there is a limit, see coupon_claim: so they are counted here, and nobody
    adds one until this transaction is over.
    """
    if "use_limit" not in values:
        return values
    use_limit = values["use_limit"]
    if use_limit is None:
        return {**values, "used": 0}
    used = await repository.count_uses(connection, table.name, record_id)
    if used > use_limit:
        raise LimitBelowUsedError(
            f"It was used {used} times already, so the limit cannot be {use_limit}. Switch it off to end it.",
            field="limit",
            details={"used": used, "limit": use_limit},
        )
    return {**values, "used": used}


@contextlib.contextmanager
def refusals(values: Mapping[str, Any]) -> Iterator[None]:
    """Tells what a constraint refused in the words of whoever sent the values."""
    try:
        yield
    except asyncpg.UniqueViolationError as taken:
        if getattr(taken, "constraint_name", None) == "promotion_external_reference_key":
            raise ReferenceTakenError(
                f"Another promotion has the reference {values.get('external_reference')!r}.", field="external_reference"
            ) from taken
        raise code_taken(str(values.get("code", ""))) from taken
    except asyncpg.CheckViolationError as refused:
        if str(getattr(refused, "constraint_name", "")).endswith("_period"):
            raise ValidationFailedError.of([("ends", "Not before it starts; both days are included")]) from refused
        raise


def code_taken(code: str) -> CouponCodeTakenError:
    """The refusal of a code that somebody else has."""
    return CouponCodeTakenError(
        f"The code {code} is taken, in these letters or in others of its case. Choose another one.", field="code"
    )
