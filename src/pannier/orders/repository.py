"""The statements of orders, one function each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.kernel.ids import hash_token
from pannier.orders.models import Aftermath, Order, Refund, Shortage
from pannier.platform.idempotency import Key
from pannier.platform.principal import Principal

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_AFTERMATH = msgspec.json.Decoder(Aftermath)
_REFUND = msgspec.json.Decoder(Refund)
_ORDER = msgspec.json.Decoder(Order)
_SHORT = msgspec.json.Decoder(list[tuple[uuid.UUID, int, int]])

_LOCK = "select outcome, answer, locked_at, document, short from order_lock($1, $2, $3, $4, $5, $6, $7, $8)"


@dataclass(frozen=True, slots=True)
class LockedOrder:
    """An order under its locks. With an outcome there is none; it says why."""

    outcome: str | None
    answer: str | None
    at: datetime
    order: Order | None
    shortages: tuple[Shortage, ...]
    #: Units in the house of its counted variants.
    on_hand: Mapping[uuid.UUID, int]
    #: What came after its sale, where that was asked for.
    after: Aftermath = field(default_factory=Aftermath)


def decode(document: str) -> Order:
    """An order from the text of `order_document`."""
    return _ORDER.decode(document)


async def lock(
    connection: Connection,
    number: str,
    asker: Principal,
    key: Key | None,
    offset: timedelta,
    *,
    looks_after: bool = False,
) -> LockedOrder:
    """Lock an order with the stock of its lines; `looks_after`: read what came after its sale as well."""
    row = await connection.fetchrow(
        _LOCK,
        number,
        *whose(asker),
        None if key is None else key.owner,
        None if key is None else key.key,
        None if key is None else key.request_hash,
        offset,
    )
    assert row is not None
    outcome, answer, at, document, short = row
    shortages = () if short is None else tuple(Shortage(*entry) for entry in _SHORT.decode(short))
    if document is None:
        return LockedOrder(outcome, answer, at, None, (), {})
    order = decode(document)
    after = await aftermath(connection, order.id) if looks_after else Aftermath()
    return LockedOrder(outcome, answer, at, order, shortages, await on_hand(connection, order.id), after)


async def aftermath(connection: Connection, order_id: uuid.UUID) -> Aftermath:
    """What came after an order's sale."""
    return _AFTERMATH.decode(await connection.fetchval("select order_aftermath($1)", order_id))


async def booked(connection: Connection, order_id: uuid.UUID) -> Mapping[str, int]:
    """What of each payment has come into an order's books."""
    found: Mapping[str, int] = await connection.fetchval("select booked from orders where id = $1", order_id)
    return found


async def note_payment_refunds(connection: Connection, refund_id: uuid.UUID, asked: Sequence[uuid.UUID]) -> None:
    """Note which refunds of payments give a refund."""
    await connection.execute("update order_refund set payment_refunds = $2 where id = $1", refund_id, list(asked))


async def claim_refund(
    connection: Connection, refund_id: uuid.UUID | None, lease: timedelta, lease_max: timedelta, now: datetime
) -> Refund | None:
    """A refund that is to be given by the caller, for as long as the lease; the one that is named, or any.

    The lease is twice as long with every try, up to `lease_max`.
    """
    text = await connection.fetchval("select order_refund_claim($1, $2, $3, $4)", refund_id, lease, lease_max, now)
    return None if text is None else _REFUND.decode(text)


async def on_hand(connection: Connection, order_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Units in the house of an order's counted variants."""
    found: Mapping[str, int] = await connection.fetchval("select order_on_hand($1)", order_id)
    return {uuid.UUID(variant): units for variant, units in found.items()}


async def lock_stock(
    connection: Connection, number: str, more: Sequence[uuid.UUID], offset: timedelta
) -> dict[uuid.UUID, int | None]:
    """Lock an order's stock together with that of more variants; what anybody may have of those that are counted, None
    being any number, and below nothing what was promised beyond what is there."""
    found: Mapping[str, int | None] = await connection.fetchval(
        "select order_lock_stock($1, $2, $3)", number, sorted(set(more)), offset
    )
    return {uuid.UUID(variant): units for variant, units in found.items()}


async def step(connection: Connection, values: Mapping[str, Any]) -> None:
    """Carry out a step; see `order_step` for the values."""
    await connection.execute("select order_step($1)", values)


async def read(connection: Connection, number: str, asker: Principal) -> Order | None:
    """An order the asker may see."""
    text = await connection.fetchval("select order_read($1, $2, $3, $4)", number, *whose(asker))
    return None if text is None else decode(text)


async def page_of_owner(
    connection: Connection, owner: Principal, before: tuple[datetime, uuid.UUID], limit: int
) -> list[Order]:
    """The owner's orders below a place, newest first."""
    token, user_id, _ = whose(owner)
    rows = await connection.fetch(
        "select document from orders_of($1, $2, $3, $4, $5) document", token, user_id, *before, limit
    )
    return [decode(row[0]) for row in rows]


async def page_for_staff(
    connection: Connection,
    status: str | None,
    external_reference: str | None,
    placed: tuple[datetime, datetime],
    before: tuple[datetime, uuid.UUID],
    limit: int,
) -> list[Order]:
    """All orders that match, below a place, newest first."""
    rows = await connection.fetch(
        "select document from orders_for_staff($1, $2, $3, $4, $5, $6, $7) document",
        status,
        external_reference,
        *placed,
        *before,
        limit,
    )
    return [decode(row[0]) for row in rows]


async def search(
    connection: Connection, wanted: Mapping[str, Any], before: tuple[datetime, uuid.UUID], limit: int
) -> list[Order]:
    """All orders that match, below a place, newest first; see `orders_search` for what can be wanted."""
    rows = await connection.fetch("select document from orders_search($1, $2, $3, $4) document", wanted, *before, limit)
    return [decode(row[0]) for row in rows]


async def by_external_reference(connection: Connection, reference: str) -> Order | None:
    """The order that carries the reference."""
    text = await connection.fetchval(
        "select order_document(o.id) from orders o where o.external_reference = $1", reference
    )
    return None if text is None else decode(text)


def whose(asker: Principal) -> tuple[bytes | None, str | None, bool]:
    """What somebody's things are found by: digest of the cart token, user id, and whether all may be seen."""
    token = None if asker.cart_token is None else hash_token(asker.cart_token)
    return token, asker.user_id, "staff" in asker.roles
