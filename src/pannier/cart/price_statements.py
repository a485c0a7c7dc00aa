"""What a cart's prices were, are, and were at their lowest; and proof of what a shopper was shown.

A statement is the figures, signed with the shop's key: whoever holds one can show later what the shop asked and when,
and the shop can tell it from one that was made up. Nothing is stored for it.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec

from pannier.cart.basket import price_when_added, priced
from pannier.cart.document import CartDocument, LineDocument
from pannier.cart.errors import StatementNotGenuineError
from pannier.cart.models import CartOwner
from pannier.cart.read_model import Hint, Money
from pannier.cart.service import CartService
from pannier.kernel.times import in_zulu
from pannier.platform.database import Database
from pannier.pricing import LineQuote

#: For so many days back the lowest price is looked for.
LOWEST_DAYS = 30
_ALGORITHM = "HS256"
_ISSUER = "pannier prices"


class ComparedLine(msgspec.Struct, frozen=True):
    """A line's prices: shown when it was added or agreed to, now, and the lowest of 30 days (null: not known)."""

    item_id: uuid.UUID
    variant_id: str
    name: str
    quantity: int
    added_price: Money
    unit_price: Money
    change: Money
    lowest_price: Money | None
    added_at: str


class PriceComparison(msgspec.Struct, frozen=True):
    """A cart at the prices it was filled at and at those of now, before promotions on the whole.

    `recommendations`: what is missing for a promotion or free delivery. `statement` proves the figures of now.
    """

    cart_id: str | None
    version: int
    lines: list[ComparedLine]
    value_when_added: Money
    value_now: Money
    change: Money
    total_now: Money
    recommendations: list[Hint]
    statement: str | None
    read_at: str


class StatedLine(msgspec.Struct, frozen=True):
    """What a statement says of a line."""

    variant_id: str
    quantity: int
    unit_price: Money


class Statement(msgspec.Struct, frozen=True):
    """What the shop stated, and when."""

    stated_at: str
    cart_id: str
    version: int
    lines: list[StatedLine]
    total: Money


class PriceStatements:
    """Compares the prices of carts, states them, and knows its own statements again."""

    def __init__(self, db: Database, carts: CartService, key: bytes) -> None:
        self._db = db
        self._carts = carts
        self._key = key

    async def compare(self, owner: CartOwner, channel: str | None) -> PriceComparison:
        """The owner's open cart at the prices of then and of now; an empty one has none."""
        document = await self._carts.find(owner, channel)
        if document is None or not document.lines:
            return self._empty(document)
        rules = await self._carts.rules_of(document)
        quoted = priced(document, rules, explains=True)
        known = {line.line_id: line for line in quoted.lines}
        lowest = await self._lowest(document)
        currency = document.currency
        lines = [
            _compared(
                line,
                known[line.id],
                price_when_added(document, line, known[line.id].unit_price_minor, rules),
                lowest.get(line.variant_id),
                currency,
            )
            for line in document.lines
            if line.id in known
        ]
        then = sum([line.added_price.amount * line.quantity for line in lines])
        now = sum([line.unit_price.amount * line.quantity for line in lines])
        total = Money(quoted.totals.total_minor, currency)
        return PriceComparison(
            document.id,
            document.version,
            lines,
            Money(then, currency),
            Money(now, currency),
            Money(now - then, currency),
            total,
            [Hint(m.code, m.text) for m in quoted.messages if m.code in {"PROMOTION_NEAR", "FREE_DELIVERY_NEAR"}],
            self._state(document, lines, total),
            in_zulu(document.read_at),
        )

    def verify(self, statement: str) -> Statement:
        """What a statement of this shop says. Raises StatementNotGenuineError for one that it never made."""
        try:
            said = jwt.decode(
                statement, self._key, algorithms=[_ALGORITHM], issuer=_ISSUER, options={"verify_iat": False}
            )
            currency = said["currency"]
            return Statement(
                said["at"],
                said["cart"],
                said["version"],
                [StatedLine(variant, quantity, Money(unit, currency)) for variant, quantity, unit in said["lines"]],
                Money(said["total"], currency),
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as fault:
            raise StatementNotGenuineError(
                "This shop has made no such statement, or it was changed since.", field="statement"
            ) from fault

    def _state(self, document: CartDocument, lines: list[ComparedLine], total: Money) -> str:
        said: dict[str, Any] = {
            "iss": _ISSUER,
            "at": in_zulu(document.read_at),
            "cart": document.id,
            "version": document.version,
            "currency": document.currency,
            "lines": [[line.variant_id, line.quantity, line.unit_price.amount] for line in lines],
            "total": total.amount,
        }
        return jwt.encode(said, self._key, algorithm=_ALGORITHM)

    async def _lowest(self, document: CartDocument) -> dict[str, int]:
        since = datetime.fromisoformat(document.read_at) - timedelta(days=LOWEST_DAYS)
        variants = list({line.variant_id for line in document.lines or ()})
        async with self._db.read() as connection:
            rows = await connection.fetch(
                "select variant_id, amount_minor from price_lowest($1, $2, $3)", variants, document.currency, since
            )
        return {str(row["variant_id"]): row["amount_minor"] for row in rows}

    def _empty(self, document: CartDocument | None) -> PriceComparison:
        rules = self._carts.rules
        currency = rules.currency if document is None else document.currency
        zero = Money(0, currency)
        cart_id, version = (None, 0) if document is None else (document.id, document.version)
        read_at = in_zulu(self._db.clock.now().isoformat())
        return PriceComparison(cart_id, version, [], zero, zero, zero, zero, [], None, read_at)


def _compared(
    line: LineDocument, figures: LineQuote, then_minor: int, lowest: int | None, currency: str
) -> ComparedLine:
    change = figures.unit_price_minor - then_minor
    return ComparedLine(
        line.id,
        line.variant_id,
        line.display.name,
        line.quantity,
        Money(then_minor, currency),
        Money(figures.unit_price_minor, currency),
        Money(change, currency),
        None if lowest is None else Money(lowest, currency),
        in_zulu(line.added_at),
    )
