"""A real shop and its model side by side: how both are opened, how time passes, and what must be equal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
)

from pannier.cart import CartService
from pannier.checkout import CheckoutService
from pannier.inventory import InventoryService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.orders import OrderService
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import make_product
from tests.support.model import Cart, Good, House, Refused
from tests.support.model_orders import Shop

SHOPPERS = ("ann", "bob", "cy")
#: What a good may be like, beside its stock and price.
KINDS: tuple[dict[str, Any], ...] = (
    {}, {}, {"backorder": 2}, {"backorder": None}, {"safety": 1}, {"each_max": 2}, {"is_tracked": False},
)  # fmt: skip
TABLES = (
    "cart, cart_line, saved_line, cart_history, cart_snapshot, hold, reservation, stock, stock_movement, event,"
    " event_cursor, idempotency_record, checkout, orders, order_line, order_state, price, variant, product,"
    " product_search, product_offer, search_word, search_task, payment_attempt, payment_transaction, refund,"
    " payment_webhook, order_shipment, order_refund, order_return, order_return_line, order_revision"
)


class Trading(RuleBasedStateMachine):
    """One example is one shop from its opening on."""

    def __init__(self, url: str, base: Settings, hold_at: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.base, self.hold_at = base, hold_at
        self.db = self.run(Database.connect(url, base, self.clock))
        self.ids: dict[str, UUID] = {}
        self.items: dict[str, dict[tuple[str, str], UUID]] = {shopper: {} for shopper in SHOPPERS}
        self.checkouts: dict[str, UUID] = {}
        self.numbers: list[tuple[str, str]] = []

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def teardown(self) -> None:
        self.run(self.db.close())
        self.runner.close()

    # Opening

    @initialize(
        commit_at=st.sampled_from(["order", "payment", "fulfilment"]),
        is_partial=st.booleans(),
        is_clamped=st.booleans(),
    )
    def open(self, commit_at: str, is_partial: bool, is_clamped: bool) -> None:
        house = House(self.hold_at, commit_at, is_partial, is_clamped)
        self.model = Shop(house)
        chosen = self.base.model_copy(
            update={
                "hold_at": self.hold_at,
                "commit_at": commit_at,
                "short_stock": "partial" if is_partial else "refuse",
                "over_limit": "clamp" if is_clamped else "refuse",
                "cart_max_quantity_per_item": house.line_max,
                "cart_max_items": house.cart_max,
                "hold_ttl_s": house.hold_ttl,
                "hold_cap_s": house.hold_cap,
                "checkout_ttl_s": house.checkout_ttl,
            }
        )
        self.carts = CartService(self.db, chosen)
        self.stock = InventoryService(self.db, chosen)
        self.tills = CheckoutService(self.db, chosen)
        self.orders = OrderService(self.db, chosen)
        self.buyers = {shopper: Buyer(self.carts) for shopper in SHOPPERS}
        self.run(self._sql(f"truncate {TABLES} cascade"))
        for kind in KINDS:
            self._create(kind, 10, 4)

    async def _sql(self, statement: str, *values: object) -> None:
        async with self.db.read() as connection:
            await connection.execute(statement, *values)

    def _create(self, kind: dict[str, Any], price: int, on_hand: int) -> None:
        good = Good(price, on_hand, **kind)
        name = f"good {len(self.ids)}"
        self.ids[name] = self.run(
            make_product(
                self.db,
                on_hand=good.on_hand if good.is_tracked else None,
                price_minor=good.price,
                backorder_max=good.backorder,
                safety_quantity=good.safety,
                quantity_max=good.each_max,
                name=name,
            )
        )
        self.model.goods[name] = good

    def _good(self, n: int) -> str:
        return f"good {n % len(self.ids)}"

    # Time

    def now(self) -> float:
        """This moment. Nobody can say what is right within a blink of a deadline, so the clock is moved past it."""
        now = self.clock.now().timestamp()
        while any(abs(deadline - now) < 3 for deadline in self._deadlines()):
            self.clock.advance(timedelta(seconds=7))
            now = self.clock.now().timestamp()
        return now

    def _deadlines(self) -> list[float]:
        house = self.model.house
        found = [session.expires for session in self.model.sessions.values()]
        for promise in self.model.promises.values():
            found += [promise.until, promise.until - house.hold_ttl / 2, promise.until - house.checkout_ttl / 2]
        for cart in self.model.carts.values():
            found += [cart.expires, cart.expires - house.cart_ttl * 63 / 64, cart.written + house.idle_after]
        return found

    # Both shops do the same

    def both(self, real: Coroutine[Any, Any, Any], model: Callable[[], Any]) -> Any:
        """What the real one answers; both must refuse the same, for the same reason."""
        expected: tuple[str, ...] = ("OK",)
        try:
            model()
        except Refused as refused:
            expected = refused.errors
        answer, outcome = None, "OK"
        try:
            answer = self.run(real)
        except PannierError as error:
            outcome = error.error
        assert outcome in expected, f"{outcome}, where the model says {' or '.join(expected)}"
        return answer

    # What must hold after every step

    @invariant()
    def the_books_are_right(self) -> None:
        found = self.run(faults(self.db))
        assert found == {}, found

    @invariant()
    def stock_is_as_the_model_says(self) -> None:
        now, names = self.now(), list(self.ids)

        async def levels() -> Any:
            async with self.db.read() as connection:
                return await self.stock.get_levels(connection, list(self.ids.values()))

        found = self.run(levels())
        tracked = [name for name in names if self.model.goods[name].is_tracked]
        real = {n: (found[self.ids[n]].on_hand, found[self.ids[n]].held, found[self.ids[n]].available) for n in tracked}
        goods = self.model.goods
        model = {n: (goods[n].on_hand, goods[n].held, self.model.available(n, now)) for n in tracked}
        assert real == model, f"{real}\n{model}"

    @invariant()
    def carts_are_as_the_model_says(self) -> None:
        for shopper, buyer in self.buyers.items():
            now = self.now()
            real, cart = self.run(buyer.cart()), self.model.cart(shopper, now)
            if cart is None:
                assert (real.id, real.version, real.items) == (None, 0, [])
                continue
            names = {variant: name for name, variant in self.ids.items()}
            seen = {(names[UUID(str(i.variant_id))], str(i.attributes.get("colour", ""))): i for i in real.items}
            self.items[shopper] = {key: UUID(str(item.id)) for key, item in seen.items()}
            shown, expected = {key: self._shown(item) for key, item in seen.items()}, self._expected(cart, now)
            assert shown == expected, f"{shown}\n{expected}"
            assert (real.version, real.total_quantity) == (cart.version, cart.total_quantity), real
            prices = self.model.goods
            total = sum(line.quantity * prices[line.variant].price for line in cart.lines.values())
            assert (real.totals.subtotal.amount, real.totals.total.amount) == (total, total)

    @staticmethod
    def _shown(item: Any) -> Any:
        return item.quantity, item.unit_price.amount, item.added_price.amount, sorted(item.availability.flags)

    def _expected(self, cart: Cart, now: float) -> dict[tuple[str, str], Any]:
        return {
            key: (line.quantity, self.model.goods[line.variant].price, line.price_added, self._flags(cart, key, now))
            for key, line in cart.lines.items()
        }

    def _flags(self, cart: Cart, key: tuple[str, str], now: float) -> list[str]:
        line, good = cart.lines[key], self.model.goods[key[0]]
        found = []
        if not good.is_sellable:
            found.append("unavailable")
        elif good.price != line.price_added:
            found.append("price_changed")
        promise = self.model.promises.get(cart.owner)
        held = promise.units.get(line.variant, 0) if promise is not None and promise.until > now else 0
        if good.is_tracked and held < cart.units(line.variant):
            free = self.model.available(line.variant, now)
            if self.model.house.carts_hold:
                found.append("hold_expired")
            if free is not None and free + held < cart.units(line.variant):
                found.append("insufficient_stock")
        return sorted(found)
