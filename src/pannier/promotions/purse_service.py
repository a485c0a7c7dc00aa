"""Gift cards, store credit and points, as staff keep them. Every command runs in the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pannier.kernel.ids import new_gift_card_code
from pannier.platform import records
from pannier.platform.database import Database
from pannier.platform.problems import ValidationFailedError
from pannier.platform.records import COMMON, Cause, Record, RecordTable
from pannier.promotions import keeping, repository
from pannier.promotions.errors import BalanceShortError, GiftCardNotFoundError

if TYPE_CHECKING:
    from pannier.platform.database import Connection

PurseKind = Literal["store_credit", "points"]
PURSES = RecordTable(
    "purse",
    columns=frozenset({"kind", "currency", "user_id", "code_hash", "code_end", "is_active", "ends_on", "note"}),
    shown="r.id, r.kind::text as kind, r.currency, r.code_end, r.balance, r.is_active, r.ends_on as ends,"
    f" r.note, {COMMON}",
    unknown=GiftCardNotFoundError,
    called="kind",
    # Whose it is stands in no event and no audit, which outlive the customer's account.
    # What is in a purse is asked for by whoever pays from it: no process keeps it.
    touches_prices=False,
)
_CODE_LENGTH_MIN = 8
_END_LENGTH = 4


class PurseService:
    """What customers of one shop can pay with beside money."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def gift_cards(
        self, *, after: uuid.UUID | None, limit: int, is_archived: bool = False, is_active: bool | None = None
    ) -> list[Record]:
        """Up to `limit` gift cards behind one of them."""
        equal = {"kind": "gift_card", "is_active": is_active}
        async with self._db.read() as connection:
            return await records.page(
                connection, PURSES, after=after, limit=limit, is_archived=is_archived, equal=equal
            )

    async def gift_card(self, purse_id: uuid.UUID, *, before: int | None, limit: int) -> dict[str, Any]:
        """A gift card and its ledger, the newest movement first. Raises GiftCardNotFoundError."""
        async with self._db.read() as connection:
            card = await _gift_card(connection, purse_id)
            return {**card, "movements": await repository.purse_movements(connection, purse_id, before, limit)}

    async def issue(
        self,
        connection: Connection,
        values: Mapping[str, Any],
        amount: int,
        code: str | None,
        cause: Cause,
        now: datetime,
    ) -> Record:
        """Make a gift card; `code` in the answer is the only time that it is told. Raises CouponCodeTakenError."""
        chosen = code or new_gift_card_code()
        plain = "".join(character for character in chosen if character.isascii() and character.isalnum()).upper()
        if len(plain) < _CODE_LENGTH_MIN:
            raise ValidationFailedError.of([("code", f"At least {_CODE_LENGTH_MIN} letters or digits")])
        kept = {
            **values,
            "kind": "gift_card",
            "code_hash": await repository.gift_card_hash(connection, chosen),
            "code_end": plain[-_END_LENGTH:],
        }

        async def beside(on: Connection, purse_id: uuid.UUID) -> None:
            await repository.purse_adjust(on, purse_id, amount, "issue", "", cause, now)

        with keeping.refusals({"code": f"…{plain[-_END_LENGTH:]}"}):
            made = await records.create(connection, PURSES, kept, cause, now, beside)
        return {**made, "code": chosen}

    async def change(
        self,
        connection: Connection,
        purse_id: uuid.UUID,
        values: Mapping[str, Any],
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Change a gift card's last day and note."""
        await _gift_card(connection, purse_id)
        return await records.change(connection, PURSES, purse_id, values, cause, now, if_match=if_match)

    async def switch(
        self,
        connection: Connection,
        purse_id: uuid.UUID,
        cause: Cause,
        now: datetime,
        if_match: int | None,
        *,
        is_active: bool,
    ) -> Record:
        """Let a gift card be used, or no longer; what is on it stays. Twice changes nothing."""
        await _gift_card(connection, purse_id)
        return await keeping.switch(connection, PURSES, purse_id, cause, now, if_match, is_active=is_active)

    async def archive(
        self, connection: Connection, purse_id: uuid.UUID, cause: Cause, now: datetime, if_match: int | None
    ) -> Record:
        """Put a gift card away for good, with what is on it. Twice changes nothing."""
        await _gift_card(connection, purse_id)
        return await keeping.archive(connection, PURSES, purse_id, cause, now, if_match)

    async def adjust(
        self,
        connection: Connection,
        purse_id: uuid.UUID,
        amount: int,
        reason: str,
        cause: Cause,
        now: datetime,
        if_match: int | None,
    ) -> Record:
        """Put something on a gift card, or take it off. Raises BalanceShortError."""
        await _gift_card(connection, purse_id)
        return await _adjust(connection, purse_id, amount, reason, cause, now, if_match)

    async def of_customer(self, user_id: str, *, limit: int) -> list[dict[str, Any]]:
        """A customer's store credit and points, each with its newest movements."""
        found = []
        async with self._db.read() as connection:
            for purse in await repository.purses_of(connection, user_id):
                shown = await records.get(connection, PURSES, purse["id"])
                movements = await repository.purse_movements(connection, purse["id"], None, limit)
                found.append({**shown, "movements": movements})
        return found

    async def credit(
        self,
        connection: Connection,
        user_id: str,
        kind: PurseKind,
        currency: str | None,
        amount: int,
        reason: str,
        cause: Cause,
        now: datetime,
    ) -> Record:
        """Give a customer store credit or points, or take some; the first time makes the purse.

        Raises BalanceShortError.
        """
        await repository.lock_purses_of(connection, user_id)
        for purse in await repository.purses_of(connection, user_id):
            if (purse["kind"], purse["currency"]) == (kind, currency):
                return await _adjust(connection, purse["id"], amount, reason, cause, now, None)
        values = {"kind": kind, "currency": currency, "user_id": user_id}

        async def beside(on: Connection, purse_id: uuid.UUID) -> None:
            if not await repository.purse_adjust(on, purse_id, amount, "adjust", reason, cause, now):
                raise _short(0, amount)

        return await records.create(connection, PURSES, values, cause, now, beside)


async def _gift_card(connection: Connection, purse_id: uuid.UUID) -> Record:
    found = await records.get(connection, PURSES, purse_id)
    if found["kind"] != "gift_card":
        raise GiftCardNotFoundError(f"There is no gift card {purse_id}. The list has those that there are.")
    return found


async def _adjust(
    connection: Connection,
    purse_id: uuid.UUID,
    amount: int,
    reason: str,
    cause: Cause,
    now: datetime,
    if_match: int | None,
) -> Record:
    async def beside(on: Connection, changed: uuid.UUID) -> None:
        if not await repository.purse_adjust(on, changed, amount, "adjust", reason, cause, now):
            raise _short((await records.get(on, PURSES, changed))["balance"], amount)

    return await records.change(
        connection, PURSES, purse_id, {}, cause, now, if_match=if_match, beside=beside, what="adjusted"
    )


def _short(balance: int, amount: int) -> BalanceShortError:
    return BalanceShortError(
        f"There is {balance}, and {amount:+} would leave the range of a balance. Take less.",
        field="amount",
        details={"balance": balance, "amount": amount},
    )
