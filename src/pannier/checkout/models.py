"""A checkout session, and the basket it is about. Amounts are minor units of the basket's currency."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from pannier.pricing import Around, Goods, Prices

CheckoutStatus = Literal[
    "incomplete",
    "ready_for_complete",
    "complete_in_progress",
    "requires_escalation",
    "completed",
    "canceled",
    "expired",
]
StockAction = Literal["commit", "hold", "await"]
#: What is to be done next; `confirm` when nothing is left to be told.
NextStep = Literal["cart", "address", "shipping", "payment", "confirm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenders:
    """What is paid with beside money. `points` is the most that are used; None is none, 0 as many as possible."""

    gift_cards: tuple[uuid.UUID, ...] = ()
    store_credit: bool = False
    points: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A checkout as it is stored. `line_ids` None is every selected line of the cart, as it is at the time."""

    id: uuid.UUID
    cart_id: uuid.UUID
    status: CheckoutStatus
    version: int
    line_ids: tuple[uuid.UUID, ...] | None = None
    email: str | None = None
    shipping_address: Mapping[str, Any] | None = None
    billing_address: Mapping[str, Any] | None = None
    shipping_method: str | None = None
    payment_method: str | None = None
    note: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    shown_total_minor: int | None = None
    #: The promotions that the shopper was shown last; None before anything was shown.
    shown_promotions: tuple[str, ...] | None = None
    #: Units of each gift that were shown then, by variant.
    shown_gifts: Mapping[str, int] | None = None
    #: What providers of prices and taxes said of it then, to which question.
    provided: Mapping[str, Any] | None = None
    #: What was then left to pay after gift cards, credit and points.
    shown_due_minor: int | None = None
    #: Gift cards by the ids of their purses, and whether store credit and points are used.
    tenders: Tenders | None = None
    #: Why the last payment came to nothing: {error, message}.
    payment_failure: Mapping[str, Any] | None = None
    #: What the shopper was typing, as it was: nothing of it counts.
    draft: Mapping[str, Any] | None = None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime


class Told(Protocol):
    """What a shopper tells of a checkout, checked already: `CheckoutPatch`. Only the fields that were given count."""

    def model_dump(self, *, exclude_unset: bool) -> dict[str, Any]: ...


class BasketLine(NamedTuple):
    """A line of the cart as it is now. `price_minor` is what a unit costs; None: it has no price any more.

    `available` is what anybody may have beside the `held` units of this cart; None is without bound.
    """

    id: uuid.UUID
    variant_id: str
    quantity: int
    price_minor: int | None
    is_selected: bool
    is_sellable: bool
    is_tracked: bool
    available: int | None
    held: int
    product_id: str
    sku: str | None
    name: str
    tax_category: str
    requires_shipping: bool
    extra: Mapping[str, Any] | None
    display: Mapping[str, Any]
    #: What the shopper was shown when it was added, or agreed to since; None where nothing is known to have changed.
    added_minor: int | None = None
    #: What prices need to know of it; `is_price_fixed`: `price_minor` counts, whatever rules there are.
    goods: Goods = Goods("", 0)
    is_price_fixed: bool = False


@dataclass(frozen=True, slots=True)
class PurseFound:
    """A purse that the session names, with what is in it: minor units, or points."""

    id: uuid.UUID
    kind: Literal["gift_card", "store_credit", "points"]
    balance: int
    currency: str | None
    is_active: bool
    ends: date | None = None
    code_end: str | None = None
    #: The code by which it was just named.
    code: str | None = None


class Basket(NamedTuple):
    """The cart under a checkout."""

    id: uuid.UUID
    version: int
    is_open: bool
    user_id: str | None
    currency: str
    channel: str
    lines: tuple[BasketLine, ...]
    #: Whether the cart has lines saved for later, which stay the shopper's when it becomes an order.
    has_saved: bool = False
    #: Whether it stands beside the shopper's open cart: what is bought at once has a cart of its own.
    is_aside: bool = False
    #: Whose it is and what was told of it, as prices need it; None of a cart that is gone.
    around: Around | None = None
    shipping_method: str | None = None
    #: Codes of the cart whose promotions, or they themselves, have been used as often as they may: (code, reason).
    used_up: tuple[tuple[str, str], ...] = ()
    #: Units there are of goods that promotions give away; None is without bound.
    gifts: Mapping[str, int | None] = {}
    purses: tuple[PurseFound, ...] = ()


class AnswersAtHand(Protocol):
    """What providers said, as far as it is known; checkout/answers.py asks for the rest."""

    @property
    def has_prices(self) -> bool: ...
    @property
    def has_taxes(self) -> bool: ...
    def of(self, question: Any, kept: Mapping[str, Any] | None, *, trusts_fallback: bool) -> Any: ...


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What a shop asks for before it sells. `required` names fields: email, shipping_address."""

    prices: Prices
    payment_methods: tuple[str, ...]
    required: frozenset[str]
    is_guest_welcome: bool
    #: What placing an order does to its units, and whether beginning a checkout holds them.
    stock_action: StockAction
    holds_at_checkout: bool
    #: What becomes of the units of an order that is paid when it is placed.
    stock_action_when_paid: StockAction = "commit"
    #: Whether a price that has changed since it was shown must be agreed to before a checkout begins.
    asks_consent: bool = True
    #: Whether address, shipping and payment are told in this order.
    is_stepwise: bool = False
    skips_single_shipping: bool = False
    skips_single_payment: bool = False
    #: Whether a checkout that is completed again answers its order, or that it is closed.
    answers_again: bool = True
    #: Ways to pay for which somebody is asked before there is an order.
    charging: frozenset[str] = frozenset()
    #: How long a payment may be under way until it is looked at by others, and how long a shopper may take to pay.
    lease: timedelta = timedelta(seconds=15)
    payment_life: timedelta = timedelta(minutes=30)
    #: Whether money is taken before there is an order, and not after it.
    captures_at_once: bool = True
    #: What providers of prices and taxes said; None in a shop that has none.
    answers: AnswersAtHand | None = None


class Requirement(NamedTuple):
    """Something that is missing or wrong; `field` is where in the session, `details` figures about it."""

    field: str
    error: str
    message: str
    details: Mapping[str, Any] = {}
