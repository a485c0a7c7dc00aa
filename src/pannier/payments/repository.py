"""The statements of payments, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.kernel.ids import uuid7
from pannier.payments.models import Attempt, Notice, Refund, Report
from pannier.platform.observability.context import correlation_id

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_ATTEMPT = msgspec.json.Decoder(Attempt)
_REFUND = msgspec.json.Decoder(Refund)
# As many movements as one report can make.
_EVENTS_MAX = 4


async def find(connection: Connection, attempt_id: uuid.UUID) -> Attempt | None:
    """An attempt by its id."""
    return _attempt(await connection.fetchval("select payment_document($1)", attempt_id))


async def find_open(connection: Connection, checkout_id: uuid.UUID) -> Attempt | None:
    """The attempt that the completion of a checkout stands on."""
    return _attempt(await connection.fetchval("select payment_document(payment_open($1))", checkout_id))


async def find_by_reference(connection: Connection, provider: str, reference: str) -> Attempt | None:
    """The attempt that a provider calls so."""
    return _attempt(
        await connection.fetchval(
            "select payment_document(a.id) from payment_attempt a where a.provider = $1 and a.reference = $2",
            provider,
            reference,
        )
    )


async def of_order(connection: Connection, order_id: uuid.UUID) -> list[Attempt]:
    """The payments of an order, the oldest first."""
    rows = await connection.fetch(
        "select payment_document(a.id) from payment_attempt a where a.order_id = $1 order by a.created_at, a.id",
        order_id,
    )
    return [_ATTEMPT.decode(row[0]) for row in rows]


async def begin(connection: Connection, attempt: Attempt, actor: str) -> None:
    """Write an attempt as it is, after the order's lock; a promise is all there is to it."""
    await connection.execute(
        "select payment_begin($1, $2, $3, $4)", attempt, actor, correlation_id.get(), attempt.created_at
    )


async def apply(
    connection: Connection, attempt_id: uuid.UUID, report: Report, actor: str, at: datetime
) -> Attempt | None:
    """Take in what a provider says; see `payment_apply`."""
    return _attempt(
        await connection.fetchval(
            "select payment_apply($1, $2, $3, $4, $5, $6)",
            attempt_id,
            _told(report),
            [uuid7() for _ in range(_EVENTS_MAX)],
            actor,
            correlation_id.get(),
            at,
        )
    )


async def claim(connection: Connection, attempt_id: uuid.UUID, lease: timedelta, now: datetime) -> Attempt | None:
    """Take on an attempt whose time has come; None when somebody else has."""
    return _attempt(await connection.fetchval("select payment_claim($1, $2, $3)", attempt_id, lease, now))


async def due(connection: Connection, attempt_id: uuid.UUID, at: datetime | None) -> None:
    """When somebody has to look at it again; None is never."""
    await connection.execute("select payment_due($1, $2)", attempt_id, at)


async def has_answered(connection: Connection, attempt_id: uuid.UUID, look_at: datetime) -> None:
    """The provider has answered, and nothing is decided; see `payment_answered`."""
    await connection.execute("select payment_answered($1, $2)", attempt_id, look_at)


async def close(
    connection: Connection,
    attempt_id: uuid.UUID,
    failure: Mapping[str, Any] | None,
    due_at: datetime | None,
    at: datetime,
) -> None:
    """The completion no longer stands on it."""
    await connection.execute("select payment_close($1, $2, $3, $4)", attempt_id, failure, due_at, at)


async def find_paying(connection: Connection, order_id: uuid.UUID) -> Attempt | None:
    """The payment of an order that is under way; see `payment_paying`."""
    return _attempt(await connection.fetchval("select payment_document(payment_paying($1))", order_id))


async def challenged(connection: Connection, attempt_id: uuid.UUID, look_at: datetime) -> None:
    """The shopper was told where to go; see `payment_challenged`."""
    await connection.execute("select payment_challenged($1, $2)", attempt_id, look_at)


async def pay_order(connection: Connection, attempt: Attempt, at: datetime) -> bool:
    """Its order stands for what it captured, with the booking; see `payment_pay_order`."""
    return bool(
        await connection.fetchval("select payment_pay_order($1, $2, $3)", attempt.id, attempt.captured_minor, at)
    )


async def give_up(
    connection: Connection, attempt_id: uuid.UUID, failure: Mapping[str, Any], due_at: datetime, at: datetime
) -> bool:
    """It comes to nothing, and its money is seen to at `due_at`; False where it was over before."""
    return bool(await connection.fetchval("select payment_give_up($1, $2, $3, $4)", attempt_id, failure, due_at, at))


async def due_attempts(connection: Connection, now: datetime, limit: int) -> list[uuid.UUID]:
    """Attempts whose time has come."""
    rows = await connection.fetch(
        "select id from payment_attempt where due_at <= $1 order by due_at limit $2", now, limit
    )
    return [row[0] for row in rows]


async def due_refunds(connection: Connection, now: datetime, limit: int) -> list[uuid.UUID]:
    """Refunds whose time has come."""
    rows = await connection.fetch("select id from refund where due_at <= $1 order by due_at limit $2", now, limit)
    return [row[0] for row in rows]


async def ask_refund(
    connection: Connection,
    order_id: uuid.UUID,
    amount_minor: int | None,
    reason: str,
    actor: str,
    at: datetime,
    booked: Mapping[str, int] | None,
) -> list[uuid.UUID]:
    """Ask for money of an order's payments; see `refund_ask`."""
    asked: Sequence[Mapping[str, Any]] = await connection.fetchval(
        "select refund_ask($1, $2, $3, $4, $5, $6, $7, $8)",
        order_id,
        amount_minor,
        reason,
        [uuid7() for _ in range(20)],
        actor,
        correlation_id.get(),
        at,
        booked,
    )
    return [uuid.UUID(entry["id"]) for entry in asked]


async def begin_refund(
    connection: Connection, attempt: Attempt, amount_minor: int, reason: str, actor: str, at: datetime
) -> uuid.UUID:
    """Ask for money of one attempt; see `refund_begin`."""
    refund_id = uuid7()
    await connection.execute(
        "select refund_begin($1, $2, $3, $4, $5, $6, $7)",
        refund_id,
        attempt.id,
        amount_minor,
        reason,
        actor,
        correlation_id.get(),
        at,
    )
    return refund_id


async def claim_refund(connection: Connection, refund_id: uuid.UUID, lease: timedelta, now: datetime) -> Refund | None:
    """Take on a refund whose time has come."""
    text = await connection.fetchval("select refund_claim($1, $2, $3)", refund_id, lease, now)
    return None if text is None else _REFUND.decode(text)


async def refund_due(connection: Connection, refund_id: uuid.UUID, at: datetime) -> None:
    """When somebody has to try again."""
    await connection.execute("update refund set due_at = $2 where id = $1 and state = 'pending'", refund_id, at)


async def refund_told(
    connection: Connection, refund_id: uuid.UUID, attempt_id: uuid.UUID, failure: str | None, actor: str, at: datetime
) -> str | None:
    """A provider tells of a refund of the attempt; see `refund_told`. None: there is no such refund."""
    state: str | None = await connection.fetchval(
        "select refund_told($1, $2, $3, $4, $5, $6, $7)",
        refund_id,
        attempt_id,
        failure,
        uuid7(),
        actor,
        correlation_id.get(),
        at,
    )
    return state


async def settle_refund(connection: Connection, refund_id: uuid.UUID, report: Report, actor: str, at: datetime) -> None:
    """Note that a refund was given; see `refund_settle`."""
    await connection.execute(
        "select refund_settle($1, $2, $3, $4, $5, $6, $7)",
        refund_id,
        _told(report),
        None,
        [uuid7() for _ in range(_EVENTS_MAX)],
        actor,
        correlation_id.get(),
        at,
    )


async def refund_refused(connection: Connection, refund_id: uuid.UUID, failure: str, actor: str, at: datetime) -> bool:
    """Note that a refund was refused for good; whether that is to be told. See `refund_refused`."""
    return bool(
        await connection.fetchval(
            "select refund_refused($1, $2, $3, $4, $5, $6)",
            refund_id,
            failure,
            uuid7(),
            actor,
            correlation_id.get(),
            at,
        )
    )


async def refunds_of(connection: Connection, order_id: uuid.UUID) -> list[Refund]:
    """The refunds of an order, the oldest first."""
    rows = await connection.fetch(
        "select row_to_json(r)::text from refund r where r.order_id = $1 order by r.created_at, r.id", order_id
    )
    return [_REFUND.decode(row[0]) for row in rows]


async def begin_webhook(
    connection: Connection, provider: str, notice: Notice, attempt_id: uuid.UUID | None, at: datetime
) -> bool:
    """Note an event; False when it was carried out before."""
    return bool(
        await connection.fetchval(
            "insert into payment_webhook as w (provider, event_id, type, attempt_id, received_at)"
            " values ($1, $2, $3, $4, $5) on conflict (provider, event_id) do update set attempt_id ="
            " coalesce(w.attempt_id, excluded.attempt_id) returning applied_at is null",
            provider,
            notice.event_id,
            notice.type[:100],
            attempt_id,
            at,
        )
    )


async def end_webhook(connection: Connection, provider: str, event_id: str, at: datetime) -> None:
    """Note that an event was carried out."""
    await connection.execute(
        "update payment_webhook set applied_at = $3 where provider = $1 and event_id = $2 and applied_at is null",
        provider,
        event_id,
        at,
    )


async def prune_webhooks(connection: Connection, before: datetime, batch: int) -> int:
    """Forget events of before; answers how many."""
    tag = await connection.execute(
        "delete from payment_webhook where (provider, event_id) in (select provider, event_id from payment_webhook"
        " where received_at < $1 order by received_at limit $2 for update skip locked)",
        before,
        batch,
    )
    return int(tag.rpartition(" ")[2])


def _attempt(text: str | None) -> Attempt | None:
    return None if text is None else _ATTEMPT.decode(text)


def _told(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in Report.__slots__}
