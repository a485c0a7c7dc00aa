"""The statements of checkouts, one function each. A change is two: lock, then save or place."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from pannier.cart import (
    CartDocument,
    CouponDocument,
    LineDocument,
    PriceKeeping,
    ViewRules,
    around_of,
    charged_price,
    goods_of,
    list_price_when_added,
    promised_price,
)
from pannier.checkout.models import Basket, BasketLine, PurseFound, Session
from pannier.orders import Order, decode, whose
from pannier.payments import Attempt
from pannier.platform.idempotency import Key
from pannier.platform.principal import Principal
from pannier.pricebook import PriceHouse
from pannier.pricing import Around, Prices

if TYPE_CHECKING:
    from pannier.platform.database import Connection

_SESSION = msgspec.json.Decoder(Session)
_CART = msgspec.json.Decoder(CartDocument)

_READ = "select read_at, session, basket, placed, aside from checkout_read($1, $2, $3, $4, $5, $6)"
_LOCK = (
    "select outcome, answer, locked_at, session, basket, placed, aside "
    "from checkout_lock($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
)

_PLACE = "select checkout_place($1, $2, $3, $4, $5, $6, $7, $8)"


@dataclass(frozen=True, slots=True)
class Placing:
    """An order to be placed: `values` of `checkout_place`, the cart lines it takes, and its counted units."""

    values: dict[str, Any]
    line_ids: list[uuid.UUID]
    variants: list[str]
    quantities: list[int]


class Aside(msgspec.Struct, frozen=True):
    """What a session's figures depend on beside its cart: see `checkout_documents`."""

    coupons: list[CouponDocument] | None = None
    purses: list[PurseFound] | None = None
    gifts: dict[str, int | None] | None = None
    payment: Attempt | None = None


_ASIDE = msgspec.json.Decoder(Aside)


@dataclass(frozen=True, slots=True)
class Found:
    """A session, its cart and the order it became, at one moment. With an outcome there is nothing; it says why.

    `prices` are those of that moment.
    """

    outcome: str | None
    answer: str | None
    at: datetime
    session: Session | None
    basket: Basket | None
    order: Order | None
    prices: Prices
    #: Whether there are gifts that were not looked at, since they came with prices that this process did not know.
    is_stale: bool = False
    #: The payment that is under way.
    attempt: Attempt | None = None


async def read(
    connection: Connection,
    checkout_id: uuid.UUID,
    asker: Principal,
    house: PriceHouse,
    keeping: PriceKeeping,
    offset: timedelta,
) -> Found:
    """A checkout of the asker's, without locks."""
    gifts = _gifts_of(house.newest)
    row = await connection.fetchrow(_READ, checkout_id, *whose(asker), offset, gifts)
    assert row is not None
    return await _found(house, keeping, gifts, None, None, *row)


async def lock(
    connection: Connection,
    checkout_id: uuid.UUID | None,
    asker: Principal,
    channel: str,
    key: Key | None,
    *,
    locks_stock: bool,
    house: PriceHouse,
    keeping: PriceKeeping,
    offset: timedelta,
    cart_id: uuid.UUID | None = None,
    told: Mapping[str, Any] | None = None,
    gifts: Collection[uuid.UUID] = (),
) -> Found:
    """A checkout of the asker's under every lock a change of it needs; without an id, that of the open cart, or of
    the one that is named. `told`: what it is to be paid with beside money; `gifts`: goods to be given away, whose stock
    is locked too."""
    seen = _gifts_of(house.newest)
    place = (locks_stock, offset, cart_id, seen, list(gifts))
    row = await connection.fetchrow(_LOCK, checkout_id, *whose(asker), channel, *_columns(key), *place, told)
    assert row is not None
    return await _found(house, keeping, seen, *row)


async def try_alone(connection: Connection, checkout_id: uuid.UUID) -> bool:
    """Whether nobody else is completing this checkout; until the transaction ends nobody else may."""
    is_alone: bool = await connection.fetchval(
        "select pg_try_advisory_xact_lock(hashtextextended('checkout:' || $1::uuid, 0))", checkout_id
    )
    return is_alone


async def save(connection: Connection, values: Mapping[str, Any], key: Key | None, answer: str | None) -> None:
    """Store a session; see `checkout_save` for the values."""
    await connection.execute("select checkout_save($1, $2, $3, $4, $5)", values, *_columns(key), answer)


async def keep_draft(
    connection: Connection, checkout_id: uuid.UUID, asker: Principal, draft: Mapping[str, Any], offset: timedelta
) -> str:
    """Keep what is being typed; see `checkout_draft` for the outcomes."""
    outcome: str = await connection.fetchval(
        "select checkout_draft($1, $2, $3, $4, $5, $6)", checkout_id, *whose(asker), draft, offset
    )
    return outcome


async def expire_due(connection: Connection, event_ids: list[uuid.UUID], offset: timedelta) -> int:
    """Close sessions whose time is up, at most as many as there are ids for their events; answers how many."""
    closed: int = await connection.fetchval("select checkout_expire_due($1, $2)", event_ids, offset)
    return closed


async def place(connection: Connection, placing: Placing, key: Key | None, answer: str | None) -> None:
    """Turn a session into its order; see `checkout_place` for the values."""
    await connection.execute(
        _PLACE, placing.values, placing.line_ids, placing.variants, placing.quantities, *_columns(key), answer
    )


def _columns(key: Key | None) -> tuple[bytes | None, str | None, bytes | None]:
    return (None, None, None) if key is None else (key.owner, key.key, key.request_hash)


def _gifts_of(prices: Prices) -> list[uuid.UUID]:
    known = {goods.id for each in (prices, *prices.others.values()) for goods in each.book.gifts.values()}
    return [uuid.UUID(variant) for variant in sorted(known)]


async def _found(
    house: PriceHouse,
    keeping: PriceKeeping,
    gifts: list[uuid.UUID],
    outcome: str | None,
    answer: str | None,
    at: datetime,
    session: str | None,
    basket: str | None,
    placed: str | None,
    aside: str | None,
) -> Found:
    prices, seen, is_stale = house.newest, None, False
    beside = Aside() if aside is None else _ASIDE.decode(aside)
    if basket is not None:
        document = _CART.decode(basket)
        prices = (await house.at(document.price_revision)).of(document.currency)
        is_stale = not set(_gifts_of(prices)) <= set(gifts)
        seen = _basket(document, beside, prices, keeping, at)
    return Found(
        outcome,
        answer,
        at,
        None if session is None else _SESSION.decode(session),
        seen,
        None if placed is None else decode(placed),
        prices,
        is_stale,
        beside.payment,
    )


def _basket(document: CartDocument, aside: Aside, prices: Prices, keeping: PriceKeeping, at: datetime) -> Basket:
    if aside.coupons is not None:
        # The same, with what the address of the session has used.
        document = msgspec.structs.replace(document, coupon_documents=aside.coupons)
    promised = document.promised
    is_alive = document.expires_at == "infinity" or document.expires_at > document.read_at
    around = around_of(document)
    return Basket(
        uuid.UUID(document.id),
        document.version,
        is_alive and document.status in {"active", "abandoned"},
        document.user_id,
        document.currency,
        document.channel,
        tuple(
            [_line(line, promised.get(line.variant_id, 0), prices, keeping, document) for line in document.lines or ()]
        ),
        bool(document.saved),
        document.is_aside,
        around,
        document.shipping_method,
        tuple(_used_up(document, around, prices.day(at))),
        {**(document.gift_units or {}), **(aside.gifts or {})},
        tuple(aside.purses or ()),
    )


def _used_up(document: CartDocument, around: Around, on: date) -> Iterator[tuple[str, str]]:
    """Codes that can be used no more, and why; one that is only not good for this cart just gives nothing."""
    exhausted = {one.coupon.code for one in document.coupon_documents or () if one.promotion_is_exhausted}
    for one in around.coupons:
        reason = "usage_limit" if one.coupon.code in exhausted else one.coupon.refusal(on, around.shopper)
        if reason in {"usage_limit", "customer_limit"}:
            yield one.coupon.code, reason


def _line(line: LineDocument, held: int, prices: Prices, keeping: PriceKeeping, document: CartDocument) -> BasketLine:
    shown, read_at = line.display, document.read_at
    has_price = line.is_price_fixed or (line.price is not None and line.price[0] is not None)
    promised, added = promised_price(line, keeping, read_at), line.shown_minor
    if added is None:
        rules = ViewRules(prices, document.currency, document.channel, carts_hold=False, keeping=keeping)
        added = list_price_when_added(document, line, rules)
    return BasketLine(
        line.id,
        line.variant_id,
        line.quantity,
        (charged_price(line, keeping, read_at) if promised is None else promised) if has_price else None,
        line.is_selected,
        line.is_sellable,
        line.is_tracked,
        line.available,
        held,
        shown.product_id,
        shown.sku,
        shown.name,
        shown.tax_category,
        shown.requires_shipping,
        line.extra,
        shown.kept(),
        added,
        goods_of(line, prices, keeping, read_at),
        promised is not None,
    )
