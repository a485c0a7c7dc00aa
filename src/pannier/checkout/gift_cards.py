"""Gift cards by their codes. What is kept of a session are the ids: whoever reads it can spend nothing by them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from pannier.checkout.errors import GiftCardRejectedError
from pannier.checkout.models import Basket, PurseFound

if TYPE_CHECKING:
    from pannier.platform.database import Connection
    from pannier.pricing import Prices

_TEXTS: Mapping[str, str] = {
    "unknown": "There is no gift card with that code. Check how it is written.",
    "inactive": "That gift card is blocked. Ask the shop about it.",
    "expired": "That gift card is no longer valid.",
    "empty": "There is nothing left on that gift card.",
    "other_currency": "That gift card is in another currency.",
}


@dataclass(frozen=True, slots=True)
class Purses:
    """What somebody could pay with beside money. `has_gift_cards`: whether the shop has issued any.

    Store credit is in minor units; `points` counts them, and `point_minor` is what one of them pays.
    """

    has_gift_cards: bool
    store_credit_minor: int = 0
    points: int = 0
    point_minor: int = 0


_PURSES = msgspec.json.Decoder(list[PurseFound])


def gift_cards_of(codes: Sequence[str], basket: Basket | None, on: date) -> tuple[uuid.UUID, ...]:
    """The cards that codes name, each once. Raises GiftCardRejectedError for the first that cannot pay."""
    known = {purse.code: purse for purse in (() if basket is None else basket.purses) if purse.code is not None}
    ids: dict[uuid.UUID, None] = {}
    for place, code in enumerate(codes):
        card = known.get(code)
        reason = _refused(card, "" if basket is None else basket.currency, on)
        if card is None or reason is not None:
            reason = reason or "unknown"
            raise GiftCardRejectedError(
                _TEXTS[reason], field=f"gift_cards.{place}", details={"reason": reason, "index": place}
            )
        ids[card.id] = None
    return tuple(ids)


def _refused(card: PurseFound | None, currency: str | None, on: date) -> str | None:
    if card is None:
        return "unknown"
    if not card.is_active:
        return "inactive"
    if card.ends is not None and on > card.ends:
        return "expired"
    if card.currency != currency:
        return "other_currency"
    return None if card.balance > 0 else "empty"


async def purses_of(connection: Connection, user_id: str | None, currency: str, prices: Prices, at: datetime) -> Purses:
    """What a user could pay with today, as far as it is in the shop's currency."""
    row = await connection.fetchrow(
        "select exists (select 1 from purse where code_hash is not null) as has_gift_cards,"
        " case when $1::text is not null then purse_documents('{}', $1) end as found",
        user_id,
    )
    assert row is not None
    found = _PURSES.decode(row["found"]) if row["found"] else []
    good = [purse for purse in found if _refused(purse, purse.currency, prices.day(at)) is None]
    credit = [purse.balance for purse in good if purse.kind == "store_credit" and purse.currency == currency]
    loyalty = prices.book.loyalty
    point_minor = 0 if loyalty is None else loyalty.point_minor
    points = [purse.balance for purse in good if purse.kind == "points" and point_minor]
    return Purses(bool(row["has_gift_cards"]), sum(credit), sum(points), point_minor)
