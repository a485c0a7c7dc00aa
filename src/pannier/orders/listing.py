"""Finding orders, for staff: by who bought, what, when and how it stands; and all of them as CSV."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pannier.kernel.money import format_amount
from pannier.orders import repository
from pannier.orders.models import Order, OrderStatus, PaymentStatus
from pannier.orders.rules import balance_of
from pannier.orders.service import EVER, next_cursor, place_of
from pannier.platform.database import Database

_BATCH = 200
#: What a program for tables would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "number", "external_reference", "placed_at", "status", "payment_status", "channel", "user_id", "email", "name",
    "country", "units", "currency", "subtotal", "discount", "shipping", "tax", "total", "paid", "refunded", "credited",
    "balance", "payment_method", "shipping_method",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for; what is None counts for nothing. `q`: a number's, name's or e-mail address's beginning."""

    q: str | None = None
    email: str | None = None
    user_id: str | None = None
    variant_id: uuid.UUID | None = None
    status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None


class OrderListing:
    """The orders of one shop, as staff look through them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def find(
        self, wanted: Filter, *, cursor: str | None = None, limit: int = 20
    ) -> tuple[list[Order], str | None]:
        """A page, newest first, and the cursor of the next one."""
        async with self._db.read() as connection:
            found = await repository.search(connection, _values(wanted), place_of(cursor), limit + 1)
        return found[:limit], next_cursor(found, limit)

    async def as_csv(self, wanted: Filter) -> AsyncIterator[str]:
        """All that match, as lines of CSV, a batch at a time: however many there are, few are in memory."""
        yield _line(COLUMNS)
        cursor: str | None = None
        while True:
            found, cursor = await self.find(wanted, cursor=cursor, limit=_BATCH)
            yield "".join(_line(_cells(order)) for order in found)
            if cursor is None:
                return


def _values(wanted: Filter) -> dict[str, object]:
    named = {
        "q": wanted.q or None,
        "email": wanted.email or None,
        "user_id": wanted.user_id,
        "variant_id": wanted.variant_id,
        "status": wanted.status,
        "payment_status": wanted.payment_status,
    }
    return {
        **{name: value for name, value in named.items() if value is not None},
        "from": wanted.placed_from or EVER[0],
        "to": wanted.placed_to or EVER[1],
    }


def _cells(order: Order) -> Sequence[object]:
    address = order.shipping_address or order.billing_address or {}

    def amount(minor: int) -> str:
        return format_amount(minor, order.currency)

    return (
        order.number,
        _text(order.external_reference),
        order.placed_at.isoformat(),
        order.status,
        order.payment_status,
        order.channel,
        _text(order.user_id),
        _text(order.email),
        _text(address.get("name")),
        _text(address.get("country")),
        order.total_quantity,
        order.currency,
        amount(order.subtotal_minor),
        amount(order.discount_minor),
        amount(order.shipping_minor),
        amount(order.tax_minor),
        amount(order.total_minor),
        amount(order.captured_minor),
        amount(order.refunded_minor),
        amount(order.credited_minor),
        amount(balance_of(order)),
        order.payment_method,
        _text(order.shipping_method),
    )


def _text(value: object) -> str:
    """What somebody else wrote: never a formula."""
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def _line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()
