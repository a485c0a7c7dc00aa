"""The rest of the shop in plain dictionaries: from a cart to an order, and what becomes of orders."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tests.support.model import Cart, Floor, Promise, Refused


@dataclass
class Session:
    """`is_gone`: its cart was empty when its time was up, and has been taken away."""

    cart: Cart
    expires: float
    is_gone: bool = False


@dataclass
class Order:
    """`state` by variant: untracked, await, hold, commit, or gone when it was canceled."""

    units: dict[str, int]
    state: dict[str, str]
    is_paid: bool = False
    status: str = "pending"


@dataclass
class Shop(Floor):
    """The whole shop."""

    sessions: dict[str, Session] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)

    def tidy_up(self, now: float) -> None:
        """What jobs do: nobody must notice but by figures that are tidier."""
        self.expire(self.goods, now)
        for shopper, cart in list(self.carts.items()):
            if cart.expires <= now:
                del self.carts[shopper]
                for session in self.sessions.values():
                    session.is_gone |= session.cart is cart and not cart.lines

    def begin_checkout(self, shopper: str, now: float) -> None:
        cart = self.carts.get(shopper)
        if cart is not None and self.house.hold_at == "checkout":
            self._lock_cart(cart, now)
        if cart is None or cart.expires <= now:
            raise Refused("EMPTY_CART")
        if self.house.hold_at == "checkout":
            self._refuse_faults(cart, now)
            self._ask_for_consent(cart)
            self.renew(cart.owner, now, self.house.checkout_ttl)
            for variant in self._tracked(cart):
                missing = cart.units(variant) - self._promised(cart, variant)
                assert missing <= 0 or self.hold(cart.owner, variant, missing)
        elif not cart.lines:
            raise Refused("EMPTY_CART")
        self._ask_for_consent(cart)
        self.sessions[shopper] = Session(cart, now + self.house.checkout_ttl)

    def _ask_for_consent(self, cart: Cart) -> None:
        """What costs something else than was shown is agreed to before a checkout begins."""
        if any(self.is_price_changed(line) for line in cart.lines.values()):
            raise Refused("PRICE_CHANGED")

    def complete(self, shopper: str, now: float) -> Order:
        session = self.sessions[shopper]
        if session.is_gone:
            raise Refused("CHECKOUT_NOT_FOUND")
        cart = session.cart
        self._lock_cart(cart, now)
        if session.expires <= now:
            raise Refused("CHECKOUT_EXPIRED")
        self._refuse_faults(cart, now)
        units = {variant: cart.units(variant) for variant in {line.variant for line in cart.lines.values()}}
        action = self.house.when_ordered
        owner = f"order {len(self.orders)}"
        order = Order(units, {v: action if self.goods[v].is_tracked else "untracked" for v in units})
        self.promises[owner] = Promise(now, math.inf)
        if action != "await":
            for variant in self._tracked(cart):
                promised = min(self._promised(cart, variant), units[variant])
                if promised and action == "hold":
                    self._lower(cart.owner, variant, promised)
                    self.promises[owner].units[variant] = promised
                elif promised:
                    self.commit(cart.owner, variant, promised)
                if units[variant] > promised:
                    assert self.hold(owner, variant, units[variant] - promised)
                    if action == "commit":
                        self.commit(owner, variant, units[variant] - promised)
        for variant, left in dict(self.promises[cart.owner].units if cart.owner in self.promises else {}).items():
            self.release(cart.owner, variant, left)
        self.promises.pop(cart.owner, None)
        self.orders.append(order)
        del self.carts[shopper], self.sessions[shopper]
        return order

    def pay(self, order: Order, now: float) -> None:
        self.expire(order.units, now)
        if order.status == "canceled":
            raise Refused("ORDER_CLOSED")
        if not order.is_paid:
            self._settle(order, now, "hold" if self.house.commit_at == "fulfilment" else "commit")
            order.is_paid = True
            order.status = "paid" if order.status == "pending" else order.status

    def fulfil(self, order: Order, now: float) -> None:
        self.expire(order.units, now)
        if order.status == "canceled":
            raise Refused("ORDER_CLOSED")
        if order.status != "fulfilled":
            self._refuse_shortages(order, now)
            for variant, state in order.state.items():
                # What is promised of stock to come cannot leave before it is here.
                if state in {"await", "hold"} and self.goods[variant].on_hand < order.units[variant]:
                    raise Refused("INSUFFICIENT_ON_HAND")
            self._settle(order, now, "commit")
            order.status = "fulfilled"

    def cancel(self, order: Order, now: float) -> None:
        self.expire(order.units, now)
        if order.status == "fulfilled":
            raise Refused("ORDER_NOT_CANCELABLE")
        owner = f"order {self.orders.index(order)}"
        for variant, state in order.state.items():
            if state == "commit":
                self.goods[variant].on_hand += order.units[variant]
            elif state == "hold":
                self.release(owner, variant, order.units[variant])
            order.state[variant] = "gone"
        order.status = "canceled"

    def _settle(self, order: Order, now: float, target: str) -> None:
        self._refuse_shortages(order, now)
        owner = f"order {self.orders.index(order)}"
        for variant in self._awaited(order):
            assert self.hold(owner, variant, order.units[variant])
            order.state[variant] = "hold"
        for variant, state in order.state.items():
            if state == "hold" and target == "commit":
                self.commit(owner, variant, order.units[variant])
                order.state[variant] = "commit"

    def _awaited(self, order: Order) -> list[str]:
        return [variant for variant, state in order.state.items() if state == "await"]

    def _refuse_shortages(self, order: Order, now: float) -> None:
        for variant in self._awaited(order):
            free = self.available(variant, now)
            if free is not None and free < order.units[variant]:
                raise Refused("INSUFFICIENT_STOCK")

    def _lock_cart(self, cart: Cart, now: float) -> None:
        promise = self.promises.get(cart.owner)
        self.expire({line.variant for line in cart.lines.values()} | set(promise.units if promise else ()), now)

    def _tracked(self, cart: Cart) -> list[str]:
        return sorted({line.variant for line in cart.lines.values() if self.goods[line.variant].is_tracked})

    def _refuse_faults(self, cart: Cart, now: float) -> None:
        faults = {"PRODUCT_UNAVAILABLE" for line in cart.lines.values() if not self.goods[line.variant].is_sellable}
        for variant in self._tracked(cart):
            free = self.available(variant, now)
            if free is not None and cart.units(variant) > free + self._promised(cart, variant):
                faults.add("INSUFFICIENT_STOCK")
        if not cart.lines:
            faults = {"EMPTY_CART"}
        if faults:
            raise Refused(*sorted(faults))
