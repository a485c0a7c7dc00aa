"""Handing orders over to an outside order service: queued from the outbox, told one after the other, taken once.

    outbox ──queue──▶ order_handover ──tell──▶ the service, under the event's id as the key

An event of an order is told when all before it were taken. What fails is told again, later each time; what is refused
stays, with everything behind it, until staff have it told again. The port is `OrderTaker`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.kernel.events import Event
from pannier.orders import repository
from pannier.orders.changing import not_found
from pannier.orders.errors import HandoverNotFoundError
from pannier.orders.models import Handover, HandoverState
from pannier.orders.ports import HandoverRefusedError, HandoverTroubleError, OrderTaker
from pannier.orders.view import show
from pannier.platform.database import Database
from pannier.platform.principal import Principal

if TYPE_CHECKING:
    from pannier.platform.database import Connection

logger = logging.getLogger(__name__)

CONSUMER = "order service"
_LEASE = timedelta(seconds=60)
_AGAIN_S, _AGAIN_S_MAX = 5.0, 3600.0
_FAILURE_CHARS_MAX = 500
_SYSTEM = Principal("staff", frozenset({"staff"}), "system")

_HANDOVER = msgspec.json.Decoder(Handover)


class HandoverService:
    """Tells one service of one shop's orders; without `taker` there is nobody to tell."""

    def __init__(self, db: Database, taker: OrderTaker | None = None) -> None:
        self._db = db
        self.taker = taker

    async def queue(self, events: Sequence[Event]) -> None:
        """Queue what is of orders; events that come again change nothing. A handler of the outbox."""
        rows = [
            {
                "id": event.id,
                "order_id": event.aggregate_id,
                "version": event.version,
                "type": event.type,
                "data": event.data,
                "at": event.at,
            }
            for event in events
            if event.aggregate_kind == "order"
        ]
        if not rows:
            return

        async def command(connection: Connection) -> None:
            await connection.execute("select handover_queue($1, $2)", rows, self._db.clock.now())

        await self._db.write(command)

    async def tell(self, limit: int = 100) -> int:
        """Tell what is due; answers how many were taken or refused."""
        settled = 0
        for _ in range(limit):
            one = await self._claim()
            if one is None:
                break
            settled += await self._told(one)
        return settled

    async def of_order(self, staff: Principal, number: str) -> list[Handover]:
        """What the service was, or is to be, told of an order, oldest first. Raises OrderNotFoundError."""
        async with self._db.read() as connection:
            order = await repository.read(connection, number, staff)
            if order is None:
                raise not_found(number)
            rows = await connection.fetch(
                "select to_jsonb(h)::text from order_handover h where h.order_id = $1 order by h.version", order.id
            )
        return [_HANDOVER.decode(row[0]) for row in rows]

    async def again(self, staff: Principal, number: str, handover_id: uuid.UUID) -> list[Handover]:
        """Have it told again, now. Raises HandoverNotFoundError where it was taken, or is not there."""

        async def command(connection: Connection) -> bool:
            found: bool = await connection.fetchval(
                "select handover_again($1, $2, $3)", number, handover_id, self._db.clock.now()
            )
            return found

        if not await self._db.write(command):
            raise HandoverNotFoundError(
                f"Nothing like this of order {number} is still to be taken.", field="handover_id"
            )
        return await self.of_order(staff, number)

    async def prune(self, keep: timedelta, batch: int = 5000) -> int:
        """Forget what was taken of events that are older than `keep`; answers how many. What is to be taken stays."""
        before, total = self._db.clock.now() - keep, 0
        while True:
            gone: int = await self._db.write(
                lambda connection: connection.fetchval("select handover_prune($1, $2)", batch, before),
                self._db.job_patience_s,
            )
            total += gone
            if gone < batch:
                return total

    async def _claim(self) -> Handover | None:
        async def command(connection: Connection) -> Handover | None:
            text = await connection.fetchval("select handover_claim($1, $2)", _LEASE, self._db.clock.now())
            return None if text is None else _HANDOVER.decode(text)

        return None if self.taker is None else await self._db.write(command)

    async def _told(self, one: Handover) -> bool:
        """Tell it, outside of any transaction, and note what became of it. Whether it is over."""
        assert self.taker is not None
        try:
            reference = await self.taker.take(one, await self._document(one))
        except HandoverRefusedError as refused:
            logger.error("the order service refuses %s of order %s: %s", one.type, one.order_id, refused)
            return await self._settle(one, "refused", failure=str(refused))
        except HandoverTroubleError as trouble:
            logger.warning("the order service was not told %s of order %s: %s", one.type, one.order_id, trouble)
            wait = timedelta(seconds=min(_AGAIN_S * 2 ** min(one.tries, 20), _AGAIN_S_MAX))
            await self._settle(one, "pending", failure=str(trouble), due_at=self._db.clock.now() + wait)
            return False
        return await self._settle(one, "taken", reference=reference)

    async def _settle(
        self,
        one: Handover,
        state: HandoverState,
        *,
        reference: str | None = None,
        failure: str | None = None,
        due_at: datetime | None = None,
    ) -> bool:
        async def command(connection: Connection) -> bool:
            done: bool = await connection.fetchval(
                "select handover_settle($1, $2, $3, $4, $5, $6)",
                one.id,
                state,
                reference,
                None if failure is None else failure[:_FAILURE_CHARS_MAX],
                due_at,
                self._db.clock.now(),
            )
            return done

        return await self._db.write(command)

    async def _document(self, one: Handover) -> Mapping[str, Any]:
        """The order as it is by now: a service that is told late is told no figures that are gone."""
        async with self._db.read() as connection:
            text = await connection.fetchval("select order_document($1)", one.order_id)
        return show(repository.decode(text))
