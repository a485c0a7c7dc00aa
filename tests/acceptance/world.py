"""A shop in which a case happens: its services, and the names that the case has for what is in it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import asyncpg

from pannier.app.wiring import Services
from pannier.cart import Cart, CartOwner
from pannier.kernel.ids import new_cart_token, uuid7
from pannier.platform.principal import Principal
from tests.acceptance.naming import Names

ME = "me"
VISITOR = "visitor"
#: Registered in every case.
JANE = "jane"


@dataclass
class Attempt:
    """A request that is completing a checkout, and what keeps it from being done."""

    request: asyncio.Task[Any]
    blocker: asyncpg.Connection[asyncpg.Record]
    begun_at: datetime


class CaseClock:
    """The machine's time moved to a case's day. Unlike any shop's it may be set back: cases name days as they like."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        self.offset += by

    def set_day(self, day: date) -> None:
        """Noon of that day."""
        self.offset = datetime.combine(day, time(12), UTC) - datetime.now(UTC)


@dataclass
class World:
    """One case under way."""

    case: Mapping[str, Any]
    services: Services
    clock: CaseClock
    #: Product of the case → its only variant, and the product of that.
    variants: dict[str, uuid.UUID] = field(default_factory=dict)
    products: dict[str, uuid.UUID] = field(default_factory=dict)
    names_of: Names = field(default_factory=Names)
    #: (kind, name) → id of rates, methods, promotions, coupons and price rules, as staff change them.
    records: dict[tuple[str, str], Any] = field(default_factory=dict)
    #: When the first operation happened; what was ordered before is told of the past.
    begun_at: datetime | None = None
    #: The user id of whoever `me` is identified as.
    customer: str | None = None
    #: Where goods go, as reverse charge and exports ask.
    location: str = "home"
    registered: frozenset[str] = frozenset({JANE})
    tokens: dict[str, str] = field(default_factory=dict)
    #: Order of the case → its number.
    orders: dict[str, str] = field(default_factory=dict)
    placed_by: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    viewed: dict[str, int] | None = None
    #: Checkouts and carts by shopper, as each knows them.
    sessions: dict[str, uuid.UUID] = field(default_factory=dict)
    known_carts: dict[str, str | None] = field(default_factory=dict)
    #: Names that stand for requests about the shopper's own cart, and what they have begun.
    requests: frozenset[str] = frozenset()
    attempts: dict[str, Attempt] = field(default_factory=dict)
    #: Keys under which an order was placed whose answer was lost.
    lost_keys: dict[str, str] = field(default_factory=dict)
    #: Opens the shop anew, with other settings.
    restart: Callable[..., Awaitable[None]] | None = None
    merged_by: str | None = None
    #: What the provider will say of the next attempt to pay.
    payment_result: str | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.case["given"]
        return given

    @property
    def is_checkout(self) -> bool:
        """Whether the case goes through the checkout step by step."""
        return self.case.get("area") == "checkout"

    def payment_code(self, name: str) -> str:
        """What the shop calls a way to pay."""
        return self.names_of.ours.get(("payment", name), name)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def user(self, who: str) -> str | None:
        """The user id of somebody who is known."""
        if who == ME and self.customer is not None:
            return self.customer
        return who if who in self.registered else None

    def owner(self, who: str) -> CartOwner:
        """Whose cart is meant by a name."""
        user = self.user(who)
        return CartOwner(token=self.token(who)) if user is None else CartOwner(user_id=user)

    def token(self, who: str) -> str:
        """The token of somebody unidentified."""
        return self.tokens.setdefault(who, new_cart_token())

    def principal(self, who: str) -> Principal:
        """The same shopper to those services that ask for a principal."""
        user = self.user(who)
        if user is not None:
            return Principal(kind="customer", roles=frozenset({"customer"}), user_id=user)
        return Principal(kind="guest", roles=frozenset({"guest"}), cart_token=self.token(who))

    @property
    def staff(self) -> Principal:
        return Principal(kind="admin", roles=frozenset({"admin", "staff"}))

    def variant(self, product: str) -> uuid.UUID:
        """The variant of a product; an id that nothing has for a product that is not there."""
        return self.variants.get(product) or uuid7()

    async def cart(self, who: str, channel: str | None = None) -> Cart:
        """Somebody's present cart."""
        return await self.services.carts.get(self.owner(who), self.channel(channel))

    def channel(self, name: str | None) -> str | None:
        """The shop's code of a channel; None is that of the case."""
        return None if name is None else self.names_of.code("channel", name)

    def name_of(self, variant_id: str | uuid.UUID) -> str:
        """What the case calls a variant."""
        return self.names_of.theirs["product", str(variant_id)]
