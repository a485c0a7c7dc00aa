"""Commands and queries over stock. A command is one transaction of its own, or part of the caller's where `conn` is
given (a retry of that is the caller's, too); what it answers is the state after it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.inventory import repository, rules
from pannier.inventory.errors import refusal
from pannier.inventory.models import (
    Availability,
    Cause,
    HeldFor,
    LevelRow,
    LevelsSet,
    Movement,
    RefusedLevel,
    Reservation,
    StockLevel,
    StockSettings,
    Wanted,
)
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings

if TYPE_CHECKING:
    from pannier.platform.database import Connection

#: Tells which of the ids are variants of the catalogue, which is another capability.
KnownVariants = Callable[["Connection", Sequence[uuid.UUID]], Awaitable[frozenset[uuid.UUID]]]
Answer = Mapping[str, Any]

_CHUNK = 20_000


class InventoryService:
    """The stock of one shop. Without `known_variants` every id is taken for a variant's."""

    def __init__(self, db: Database, settings: Settings, *, known_variants: KnownVariants | None = None) -> None:
        self._db = db
        self._known_variants = known_variants
        self.hold_ttl = timedelta(seconds=settings.hold_ttl_s)
        self.hold_cap = timedelta(seconds=max(settings.hold_cap_s, settings.hold_ttl_s))

    async def set_levels(self, conn: Connection, rows: Iterable[LevelRow], cause: Cause) -> LevelsSet:
        """Bring each variant to its figure, in the caller's transaction, and book the differences.

        A variant without a stock row gets one. A negative figure is kept and sells nothing. A figure below what
        is promised is not taken; it is told. Raises StockQuantityError for rows that contradict each other.
        """
        return await self._set_levels(conn, rows, cause, is_difference=False)

    async def add_levels(self, conn: Connection, rows: Iterable[LevelRow], cause: Cause) -> LevelsSet:
        """The same, with `on_hand` as the units to add (or take away, where negative)."""
        return await self._set_levels(conn, rows, cause, is_difference=True)

    async def _set_levels(
        self, conn: Connection, rows: Iterable[LevelRow], cause: Cause, *, is_difference: bool
    ) -> LevelsSet:
        ordered = rules.sorted_levels(rows)
        made, changed, refused = 0, 0, list[RefusedLevel]()
        for start in range(0, len(ordered), _CHUNK):
            answer = await repository.set_levels(
                conn,
                ordered[start : start + _CHUNK],
                is_difference=is_difference,
                offset=self._db.offset,
                cause=cause,
            )
            made += answer["made"]
            changed += answer["changed"]
            refused += msgspec.convert(answer["refused"], list[RefusedLevel])
        return LevelsSet(made, changed, refused)

    async def get_levels(self, conn: Connection, variant_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, StockLevel]:
        """The figures of those variants that have a stock row."""
        found = await repository.levels(conn, variant_ids, self._db.offset)
        return {level.variant_id: level for level in found}

    async def held_for(self, variant_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, HeldFor]:
        """To whom variants are promised now; those that nobody is promised are not in it."""
        async with self._db.read() as conn:
            return await repository.held_for(conn, variant_ids, self._db.offset)

    async def get_level(self, variant_id: uuid.UUID) -> StockLevel:
        """The figures of a variant. Raises StockNotFoundError when it has no stock row."""
        async with self._db.read() as conn:
            return await self._level(conn, variant_id)

    async def movements(
        self, variant_id: uuid.UUID, *, before_version: int | None = None, limit: int = 50
    ) -> list[Movement]:
        """The ledger of a variant, the newest first; the next page is before the last one's version."""
        async with self._db.read() as conn:
            return await repository.movements(conn, variant_id, before_version, limit)

    async def receive(
        self, variant_id: uuid.UUID, quantity: int, cause: Cause, conn: Connection | None = None
    ) -> StockLevel:
        """Book units that came in; the first receipt makes the stock row."""
        return await self._move(variant_id, "receive", quantity, cause, conn)

    async def adjust(
        self,
        variant_id: uuid.UUID,
        quantity: int,
        cause: Cause,
        conn: Connection | None = None,
        *,
        allow_negative: bool = False,
    ) -> StockLevel:
        """Book a difference that somebody found, plus or minus. Raises BelowHeldError, StockNotFoundError, and
        BelowZeroError for taking away more than there is, unless `allow_negative`."""
        rules.check_movement("adjust", quantity)
        return await self._command(variant_id, "adjust", quantity, {"allow_negative": allow_negative}, cause, conn)

    async def count(
        self,
        variant_id: uuid.UUID,
        on_hand: int,
        cause: Cause,
        conn: Connection | None = None,
        *,
        is_truth: bool = False,
    ) -> StockLevel:
        """Book what brings `on_hand` to what was counted. Below nothing only as far as may be ordered back.

        Raises BelowHeldError for less than is promised. `is_truth`: only promises to orders and other systems count,
        and none where goods may be ordered back; carts find out that there is less for them.
        Raises StockQuantityError.
        """
        rules.check_movement("count", on_hand)
        return await self._command(variant_id, "count", on_hand, {"is_truth": is_truth}, cause, conn)

    async def configure(
        self,
        variant_id: uuid.UUID,
        wanted: StockSettings,
        cause: Cause,
        conn: Connection | None = None,
        *,
        is_truth: bool = False,
    ) -> StockLevel:
        """Say how the variant is counted. Raises BelowHeldError when a backorder bound is below what is promised,
        unless `is_truth`: it then sells nothing until that much has been delivered or given back."""
        changes = {**wanted.as_changes(), "is_truth": is_truth}
        return await self._command(variant_id, "configure", 0, changes, cause, conn)

    async def availability(self, items: Iterable[Wanted]) -> list[Availability]:
        """Whether each of the quantities could be had now, by variant id; units of dead holds could.

        A variant without a stock row is not counted, so any quantity could. One that the catalogue does not know
        is told as such.
        """
        wanted = rules.together(items)
        ids = [item.variant_id for item in wanted]
        async with self._db.read() as conn:
            levels = await self.get_levels(conn, ids)
            known = await self._known(conn, [i for i in ids if i not in levels])
        answers = []
        for item in wanted:
            level = levels.get(item.variant_id)
            is_known = level is not None or item.variant_id in known
            available = level.available if level is not None else None if is_known else 0
            answers.append(
                Availability(
                    item.variant_id,
                    item.quantity,
                    available,
                    is_known and (available is None or item.quantity <= available),
                    is_known,
                )
            )
        return answers

    async def reserve(
        self,
        items: Iterable[Wanted],
        cause: Cause,
        *,
        reservation_id: uuid.UUID | None = None,
        ttl: timedelta | None = None,
        reference: str | None = None,
        conn: Connection | None = None,
    ) -> Reservation:
        """Promise all of the units or none, for `ttl` (at most the shop's cap).

        The same id with the same items answers the same promise again. Raises InsufficientStockError with every
        short item, ReservationConflictError, StockNotFoundError for a variant that does not exist.
        """
        wanted = rules.together(items)
        chosen, event_id = reservation_id or uuid7(), uuid7()
        life = min(ttl or self.hold_ttl, self.hold_cap)

        async def command(conn: Connection) -> Answer:
            ids = [item.variant_id for item in wanted]
            unknown = sorted(set(ids) - await self._known(conn, ids))
            if unknown:
                raise refusal("STOCK_NOT_FOUND", {"variant_ids": [str(i) for i in unknown]})
            return await repository.reserve(conn, chosen, wanted, life, reference, event_id, self._db.offset, cause)

        return _reservation(await self._run(conn, command))

    async def extend(
        self, reservation_id: uuid.UUID, *, ttl: timedelta | None = None, conn: Connection | None = None
    ) -> Reservation:
        """Let it live `ttl` from now, up to the cap counted from its beginning; it is never shortened.

        Raises HoldExpiredError, ReservationNotFoundError.
        """
        life = min(ttl or self.hold_ttl, self.hold_cap)
        return _reservation(
            await self._run(
                conn, lambda on: repository.extend(on, reservation_id, life, self.hold_cap, self._db.offset)
            )
        )

    async def release(self, reservation_id: uuid.UUID, cause: Cause, conn: Connection | None = None) -> Reservation:
        """Give the units back; again is the same as once. Raises ReservationNotFoundError, also when committed."""
        return await self._settle(reservation_id, "release", cause, conn)

    async def commit(self, reservation_id: uuid.UUID, cause: Cause, conn: Connection | None = None) -> Reservation:
        """The units have left the house; again is the same as once.

        Raises HoldExpiredError, ReservationNotFoundError.
        """
        return await self._settle(reservation_id, "commit", cause, conn)

    async def _settle(self, reservation_id: uuid.UUID, op: str, cause: Cause, conn: Connection | None) -> Reservation:
        event_id = uuid7()
        return _reservation(
            await self._run(
                conn, lambda on: repository.settle(on, reservation_id, op, event_id, self._db.offset, cause)
            )
        )

    async def _move(
        self, variant_id: uuid.UUID, op: str, quantity: int, cause: Cause, conn: Connection | None
    ) -> StockLevel:
        rules.check_movement(op, quantity)
        return await self._command(variant_id, op, quantity, {}, cause, conn)

    async def _command(
        self,
        variant_id: uuid.UUID,
        op: str,
        quantity: int,
        changes: Mapping[str, Any],
        cause: Cause,
        conn: Connection | None,
    ) -> StockLevel:
        event_id = uuid7()
        level: list[StockLevel] = []

        async def command(on: Connection) -> Answer:
            if variant_id not in await self._known(on, [variant_id]):
                raise refusal("STOCK_NOT_FOUND", {"variant_id": str(variant_id)})
            answer = await repository.command(on, variant_id, op, quantity, changes, event_id, self._db.offset, cause)
            level[:] = await repository.levels(on, [variant_id], self._db.offset)
            return answer

        await self._run(conn, command)
        return level[0]

    async def _level(self, conn: Connection, variant_id: uuid.UUID) -> StockLevel:
        found = await repository.levels(conn, [variant_id], self._db.offset)
        if not found:
            raise refusal("STOCK_NOT_FOUND", {"variant_id": str(variant_id)})
        return found[0]

    async def _known(self, conn: Connection, ids: Sequence[uuid.UUID]) -> frozenset[uuid.UUID]:
        return frozenset(ids) if self._known_variants is None else await self._known_variants(conn, ids)

    async def _run(self, conn: Connection | None, command: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """What the command answers; raises what it refuses, so that its transaction is taken back."""

        async def accepted(on: Connection) -> Answer:
            answer = await command(on)
            if answer["outcome"] != "OK":
                raise refusal(answer["outcome"], answer.get("details"))
            return answer

        return await accepted(conn) if conn is not None else await self._db.write(accepted)


def _reservation(answer: Answer) -> Reservation:
    return msgspec.convert(answer["reservation"], Reservation)
