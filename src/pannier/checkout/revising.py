"""Edits and exchanges: what is added to an order is priced as it would be in a cart of its own, then the order changes.

Composed here, since orders know nothing of today's prices. The price is asked for before anything is locked; the stock
of what is added and of what is there is locked in one order, then the order.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pannier.cart import LineDocument, StatelessBasket, StatelessPricing, StatelessWanted
from pannier.kernel.ids import uuid7
from pannier.orders import (
    Addition,
    Aftermath,
    Decide,
    Looked,
    Order,
    OrderChanges,
    OrderRevision,
    OrderService,
    RefundService,
    StockAction,
    Tell,
    Transition,
    complete_return,
    edit_order,
    find_return,
    lock_stock_of,
    more_due,
    open_return,
    revised_order,
    show,
    show_refund,
    show_return,
    stock_when_ordered,
    stock_when_paid,
)
from pannier.payments import Attempt, PaymentService, begin_attempt
from pannier.platform.database import Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from pannier.pricing import LineQuote

if TYPE_CHECKING:
    from pannier.platform.database import Connection


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of an order: units left on its lines by id, and units of variants that are added."""

    quantities: Mapping[uuid.UUID, int] = field(default_factory=dict)
    added: Sequence[tuple[uuid.UUID, int]] = ()
    version: int | None = None


class ReviseService:
    """Edits of orders before they are sent, and exchanges of goods that came back."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        pricing: StatelessPricing,
        orders: OrderService,
        refunds: RefundService,
        payments: PaymentService,
    ) -> None:
        self._db = db
        self._settings = settings
        self._pricing = pricing
        self._orders = orders
        self._refunds = refunds
        self._payments = payments
        self._changes = OrderChanges(db)

    async def edit(
        self, staff: Principal, number: str, wanted: Edit, *, reason: str = "", key: Key | None = None
    ) -> Answer:
        """Change what is in an order. The difference is due, or given back: the answer has the order, and the refund.

        Raises OrderNotEditableError, OrderChangedError, OrderQuantityError, InsufficientStockError,
        ProductUnavailableError, ValidationFailedError for a variant that is not there.
        """

        async def prepare() -> list[Addition]:
            return await self._priced(await self._orders.get(staff, number), wanted.added)

        added = await self._changes.prepared(key, prepare)
        if isinstance(added, Answer):
            return added
        refund_id, found = uuid7(), _Found()

        def decide(order: Order, _: Any) -> Transition | None:
            asked = OrderRevision(
                quantities=wanted.quantities,
                added=added,
                stock=self._stock(order),
                available=found.available,
                version=wanted.version,
            )
            return edit_order(order, asked, refund_id, reason)

        def tell(order: Order, after: Aftermath | None) -> Mapping[str, Any]:
            return _told(order, after, refund_id)

        first = self._locking(number, added, found)
        return await self._revise(staff, number, decide, reason, key, tell, first, refund_id)

    async def exchange(
        self,
        staff: Principal,
        number: str,
        return_id: uuid.UUID,
        looked: Sequence[Looked] | None = None,
        *,
        wanted: Sequence[tuple[uuid.UUID, int]] | None = None,
        answer: str = "",
        key: Key | None = None,
    ) -> Answer:
        """Note what came back, and put what is wanted instead into the order: its units are held, and are to be sent.

        `wanted` is what the return says when it is left out. What is more than the goods that came back is due, what is
        less is given back. Raises ReturnNotFoundError, ReturnStateError, OrderQuantityError, InsufficientStockError.
        """

        async def prepare() -> list[Addition]:
            before, after = await self._orders.aftermath(staff, number)
            one = open_return(find_return(after, return_id))
            asked = wanted or [(uuid.UUID(str(wish["variant_id"])), int(wish["quantity"])) for wish in one.exchange_for]
            if not asked:
                raise ValidationFailedError.of([("exchange_for", "Say what is sent instead: the return names nothing")])
            return await self._priced(before, asked)

        added = await self._changes.prepared(key, prepare)
        if isinstance(added, Answer):
            return added
        refund_id, found = uuid7(), _Found()

        def decide(order: Order, locked: Any) -> Transition | None:
            back = open_return(find_return(locked.after, return_id))
            step = complete_return(order, back, looked, refund_id, pays_back=False, answer=answer)
            assert step is not None, "a return that is open is completed by it"
            step = replace(step, event="order.exchanged")
            credit = int(step.money.get("credited", 0))
            asked_for = OrderRevision(added=added, stock=self._stock(order), available=found.available)
            return revised_order(order, step, asked_for, credit, refund_id, back.reason, return_id)

        def tell(order: Order, after: Aftermath | None) -> Mapping[str, Any]:
            assert after is not None
            shown = show_return(order, find_return(after, return_id))
            return {**_told(order, after, refund_id), "return": shown}

        first = self._locking(number, added, found)
        return await self._revise(staff, number, decide, answer, key, tell, first, refund_id)

    async def _revise(
        self,
        staff: Principal,
        number: str,
        decide: Decide,
        reason: str,
        key: Key | None,
        tell: Tell,
        first: Callable[[Connection], Awaitable[None]],
        refund_id: uuid.UUID,
    ) -> Answer:
        """The change in one transaction; what it gives back is given after it."""
        done = await self._changes.change(
            staff, number, decide, reason=reason, key=key, tell=tell, also=self._ask_for, first=first
        )
        if not done.is_replay:
            await self._refunds.give(refund_id)
        return done

    def _stock(self, order: Order) -> StockAction:
        """What becomes of units that come into the order: as of those that it was placed with."""
        hold_at, commit_at = self._settings.hold_at, self._settings.commit_at
        if order.payment_status != "paid" or hold_at == "immediate":
            return stock_when_ordered(hold_at, commit_at)
        return stock_when_paid(commit_at)

    def _locking(
        self, number: str, added: Sequence[Addition], found: _Found
    ) -> Callable[[Connection], Awaitable[None]]:
        async def lock(connection: Connection) -> None:
            variants = [one.variant_id for one in added]
            found.available = await lock_stock_of(connection, number, variants, self._db.offset)

        return lock

    async def _ask_for(self, connection: Connection, order: Order, step: Transition) -> None:
        """Tell whoever gives back of a refund, and note the promise of what is due now where nobody is asked for it."""
        await self._refunds.ask_for(connection, order, step)
        more = more_due(order, step)
        if more and self._payments.providers.of(order.payment_method).is_promise:
            now = self._db.clock.now()
            promise = Attempt(
                id=uuid7(),
                order_id=order.id,
                provider=order.payment_method,
                method=order.payment_method,
                amount_minor=more,
                currency=order.currency,
                state="promised",
                created_at=now,
                updated_at=now,
                expires_at=now,
            )
            await begin_attempt(connection, promise, "system")

    async def _priced(self, order: Order, wanted: Sequence[tuple[uuid.UUID, int]]) -> list[Addition]:
        """What is added, at today's price with today's tax where the order goes; it is sent with the rest.

        No promotion takes anything off it: those are claimed, and used up, by the cart that an order is placed from.
        """
        if not wanted:
            return []
        units: dict[uuid.UUID, int] = {}
        for variant_id, quantity in wanted:
            units[variant_id] = units.get(variant_id, 0) + quantity
        basket = StatelessBasket(
            [StatelessWanted(variant_id, quantity) for variant_id, quantity in units.items()],
            order.quote.get("destination") or order.shipping_address,
            channel=order.channel,
            user_id=order.user_id,
            currency=order.currency,
            has_promotions=False,
        )
        priced = await self._pricing.price(basket)
        return [
            _addition(line, figures)
            for line, figures in zip(priced.document.lines or (), priced.quoted.lines, strict=True)
        ]


@dataclass
class _Found:
    """What is found under the lock of the stock, by the try that counts."""

    available: dict[uuid.UUID, int | None] = field(default_factory=dict)


def _addition(line: LineDocument, figures: LineQuote) -> Addition:
    shown = line.display
    added = figures.tax_minor - figures.tax_included_minor
    return Addition(
        row={
            "id": uuid7(),
            "variant_id": line.variant_id,
            "product_id": shown.product_id,
            "sku": shown.sku,
            "name": shown.name,
            "extra": None,
            "display": {**shown.kept(), "discounts": []},
            "quantity": figures.quantity,
            "unit_price_minor": figures.unit_price_minor,
            "discount_minor": figures.subtotal_minor - figures.total_minor,
            "tax_minor": figures.tax_minor,
            "total_minor": figures.total_minor,
        },
        tax_added_minor=added,
        taxes=_taxes(figures),
    )


def _taxes(figures: LineQuote) -> list[dict[str, Any]]:
    base = figures.total_minor - figures.tax_included_minor
    return [
        {
            "rate_id": part.rate.id,
            "percent": str(part.rate.percent),
            "zone": part.rate.zone,
            "category": part.rate.category,
            "base_minor": base,
            "amount_minor": part.amount_minor,
            "included": part.rate.is_included,
        }
        for part in figures.taxes
        if part.amount_minor
    ]


def _told(order: Order, after: Aftermath | None, refund_id: uuid.UUID) -> dict[str, Any]:
    refund = next((one for one in (after or Aftermath()).refunds if one.id == refund_id), None)
    return {"order": show(order), "refund": None if refund is None else show_refund(refund)}
