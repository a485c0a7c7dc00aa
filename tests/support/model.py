"""A shop in plain dictionaries: what the real one must agree with after every step.

No database, no locks, no batches: it says what should be promised, sold and shown, one request after the other.
Times are seconds; quantities are units. Whatever is refused raises Refused and has changed nothing else.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

DAY = 86_400.0


class Refused(Exception):  # noqa: N818 # it is an answer
    """Carries the name of the error that the shopper is told; several where either may come first."""

    def __init__(self, *errors: str) -> None:
        super().__init__(" or ".join(errors))
        self.errors = errors


@dataclass
class House:
    """The settings that matter."""

    hold_at: str
    commit_at: str
    is_partial: bool = False
    is_clamped: bool = False
    line_max: int = 6
    cart_max: int = 12
    hold_ttl: float = 900.0
    hold_cap: float = 2000.0
    checkout_ttl: float = 1800.0
    cart_ttl: float = 30 * DAY
    idle_after: float = DAY

    @property
    def carts_hold(self) -> bool:
        return self.hold_at in {"add", "immediate"}

    @property
    def when_ordered(self) -> str:
        if self.hold_at == "immediate":
            return "commit"
        if self.hold_at == "payment":
            return "await"
        return "commit" if self.commit_at == "order" else "hold"


@dataclass
class Good:
    price: int
    on_hand: int = 0
    held: int = 0
    is_tracked: bool = True
    is_sellable: bool = True
    backorder: int | None = 0
    safety: int = 0
    each_max: int | None = None


@dataclass
class Line:
    variant: str
    quantity: int
    price_added: int


@dataclass
class Cart:
    owner: str
    version: int = 0
    expires: float = math.inf
    # When somebody wrote to it last, and since when nobody has to be told that it is abandoned.
    written: float = 0.0
    is_abandoned: bool = False
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)

    def units(self, variant: str) -> int:
        return sum(line.quantity for line in self.lines.values() if line.variant == variant)

    @property
    def total_quantity(self) -> int:
        return sum(line.quantity for line in self.lines.values())


@dataclass
class Promise:
    """What a cart or an order was promised. `is_short`: less than it wants, so every write tries again."""

    since: float
    until: float
    units: dict[str, int] = field(default_factory=dict)
    is_short: bool = False


@dataclass
class Floor:
    """Stock and carts; carts by shopper, promises by cart or order, numbered as they were made."""

    house: House
    goods: dict[str, Good] = field(default_factory=dict)
    carts: dict[str, Cart] = field(default_factory=dict)
    promises: dict[str, Promise] = field(default_factory=dict)
    made: int = 0

    # Stock

    def available(self, variant: str, now: float) -> int | None:
        good = self.goods[variant]
        if not good.is_tracked or good.backorder is None:
            return None
        dead = sum(p.units.get(variant, 0) for p in self.promises.values() if p.until <= now)
        return max(0, good.on_hand + good.backorder - good.safety - good.held + dead)

    def hold(self, owner: str, variant: str, quantity: int) -> bool:
        good = self.goods[variant]
        if good.backorder is not None and good.held + quantity > good.on_hand + good.backorder - good.safety:
            return False
        units = self.promises[owner].units
        units[variant] = units.get(variant, 0) + quantity
        if self._is_taken(owner):
            good.on_hand -= quantity
        else:
            good.held += quantity
        return True

    def release(self, owner: str, variant: str, quantity: int) -> None:
        self._lower(owner, variant, quantity)
        if self._is_taken(owner):
            self.goods[variant].on_hand += quantity
        else:
            self.goods[variant].held -= quantity

    def commit(self, owner: str, variant: str, quantity: int) -> None:
        self._lower(owner, variant, quantity)
        if not self._is_taken(owner):
            self.goods[variant].held -= quantity
            self.goods[variant].on_hand -= quantity

    def _is_taken(self, owner: str) -> bool:
        return self.house.hold_at == "immediate" and owner.startswith("cart")

    def _lower(self, owner: str, variant: str, quantity: int) -> None:
        units = self.promises[owner].units
        units[variant] -= quantity
        assert units[variant] >= 0
        if units[variant] == 0:
            del units[variant]

    def expire(self, variants: Iterable[str], now: float) -> None:
        """What everybody does who locks stock: let go of what has run out on it."""
        for variant in set(variants):
            for owner, promise in self.promises.items():
                if promise.until <= now and variant in promise.units:
                    self.release(owner, variant, promise.units[variant])

    def move_stock(self, variant: str, change: int, now: float) -> None:
        """A refusal takes back even what was let go of on the way: it is one transaction."""
        before = copy.deepcopy((self.goods, self.promises))
        self.expire([variant], now)
        try:
            self._move_stock(variant, change)
        except Refused:
            self.goods, self.promises = before
            raise

    def _move_stock(self, variant: str, change: int) -> None:
        good = self.goods[variant]
        if (
            change < 0
            and good.held
            and good.backorder is not None
            and good.held > good.on_hand + change + good.backorder
        ):
            raise Refused("BELOW_HELD")
        if change < 0 and good.on_hand + change < 0:
            raise Refused("BELOW_ZERO")
        good.on_hand += change

    def renew(self, owner: str, now: float, ttl: float) -> None:
        promise = self.promises.setdefault(owner, Promise(now, now + ttl))
        if promise.until >= now + ttl / 2:
            return
        if promise.until <= now:
            promise.since = now
        promise.until = max(promise.until, min(now + ttl, promise.since + max(self.house.hold_cap, ttl)))

    # Carts

    def cart(self, shopper: str, now: float) -> Cart | None:
        cart = self.carts.get(shopper)
        return None if cart is None or cart.expires <= now else cart

    @contextmanager
    def write(
        self,
        shopper: str,
        now: float,
        touched: Iterable[str],
        *,
        makes: bool,
        version: int | None = None,
        whole: bool = False,
    ) -> Iterator[Cart]:
        """Around one request: what every write does before and after its changes. `whole`: it is about every line."""
        cart = self.cart(shopper, now)
        is_new = cart is None
        if cart is None:
            self.carts.pop(shopper, None)
            self.made += 1
            cart = Cart(f"cart {self.made}")
        promise = self.promises.get(cart.owner)
        wants_more = promise is None or promise.until <= now or promise.is_short
        is_lapsed = self.house.carts_hold and bool(cart.lines) and wants_more
        if self.house.carts_hold and promise is not None and promise.until > now:
            self.renew(cart.owner, now, self.house.hold_ttl)
        everything = {line.variant for line in cart.lines.values()} if is_lapsed or whole else set()
        self.expire({*touched, *everything}, now)
        if version is not None and version != cart.version:
            raise Refused("CART_VERSION_MISMATCH")
        if is_new and not makes:
            raise Refused("CART_NOT_FOUND")
        if self.house.carts_hold:
            self.renew(cart.owner, now, self.house.hold_ttl)
        before = cart.version
        try:
            yield cart
        finally:
            if is_lapsed:
                self._hold_again(cart)
            if cart.version > before:
                self.carts[shopper] = cart
                cart.written, cart.is_abandoned = now, False
                if now + self.house.cart_ttl - cart.expires > self.house.cart_ttl / 64 or cart.expires == math.inf:
                    cart.expires = now + self.house.cart_ttl
            elif is_new:
                self.promises.pop(cart.owner, None)

    def _hold_again(self, cart: Cart) -> None:
        promise = self.promises[cart.owner]
        promise.is_short = False
        for variant in {line.variant for line in cart.lines.values() if self.goods[line.variant].is_tracked}:
            missing = cart.units(variant) - promise.units.get(variant, 0)
            if missing > 0 and not self.hold(cart.owner, variant, missing):
                promise.is_short = True

    def call_abandoned(self, now: float) -> int:
        """How many carts with lines nobody has written to for a day, who were not told of before.

        One whose time is up is still there until somebody tidies up.
        """
        idle = [
            cart
            for cart in self.carts.values()
            if cart.lines and not cart.is_abandoned and cart.written + self.house.idle_after <= now
        ]
        for cart in idle:
            cart.is_abandoned = True
            cart.version += 1
        return len(idle)

    def is_price_changed(self, line: Line) -> bool:
        good = self.goods[line.variant]
        return good.is_sellable and good.price != line.price_added

    def accept_changes(self, shopper: str, now: float) -> None:
        """The shopper agrees to every price there is now. Here it is asked only of carts that lack nothing else."""
        with self.write(
            shopper, now, (line.variant for line in self.carts[shopper].lines.values()), makes=False
        ) as cart:
            for line in cart.lines.values():
                if self.is_price_changed(line):
                    line.price_added = self.goods[line.variant].price
            cart.version += 1

    def clear(self, shopper: str, now: float) -> None:
        if self.cart(shopper, now) is None:
            self.carts.pop(shopper, None)
            return
        with self.write(shopper, now, (), makes=False, whole=True) as cart:
            for key in list(cart.lines):
                self.set(cart, key, 0, now)
                cart.version += 1 if not cart.lines else 0

    def add(self, cart: Cart, variant: str, attribute: str, quantity: int, now: float) -> None:
        if not self.goods[variant].is_sellable:
            raise Refused("PRODUCT_UNAVAILABLE")
        line = cart.lines.get((variant, attribute)) or Line(variant, 0, self.goods[variant].price)
        self._bring(cart, (variant, attribute), line, line.quantity + quantity, now)

    def set(self, cart: Cart, key: tuple[str, str], quantity: int, now: float) -> None:
        if key not in cart.lines:
            raise Refused("ITEM_NOT_FOUND")
        if quantity > cart.lines[key].quantity and not self.goods[key[0]].is_sellable:
            raise Refused("PRODUCT_UNAVAILABLE")
        self._bring(cart, key, cart.lines[key], quantity, now)

    def _bring(self, cart: Cart, key: tuple[str, str], line: Line, wanted: int, now: float) -> None:
        """To `wanted` units: the product's bound, what there is of it, the cart's bound; then the line."""
        others = cart.units(line.variant) - (line.quantity if key in cart.lines else 0)
        each = min(self.house.line_max, self.goods[line.variant].each_max or self.house.line_max) - others
        if wanted > max(line.quantity, each):
            if not self.house.is_clamped or each <= line.quantity:
                raise Refused("LIMIT_EXCEEDED")
            wanted = each
        room = max(0, self.house.cart_max - (cart.total_quantity - line.quantity))
        if wanted > max(line.quantity, room) and self.house.is_clamped and room > line.quantity:
            wanted = room
        if wanted > max(line.quantity, room):
            there = self.available(line.variant, now) if self.goods[line.variant].is_tracked else None
            most = None if there is None else there + self._promised(cart, line.variant) - others
            is_short = most is not None and wanted > most
            is_taken = most is not None and self.house.is_partial and most > line.quantity
            if is_short and not is_taken:
                raise Refused("INSUFFICIENT_STOCK")
            if not is_short or most is None or most > room:
                raise Refused("LIMIT_EXCEEDED")
        if (
            self.goods[line.variant].is_tracked
            and not self._fit(cart, line, others, wanted, now)
            and wanted > line.quantity
        ):
            most = (self.available(line.variant, now) or 0) + self._promised(cart, line.variant) - others
            if not self.house.is_partial or most <= line.quantity:
                raise Refused("INSUFFICIENT_STOCK")
            wanted = most
            assert self._fit(cart, line, others, wanted, now)
        line.quantity = wanted
        if wanted:
            cart.lines[key] = line
        else:
            cart.lines.pop(key, None)

    def _promised(self, cart: Cart, variant: str) -> int:
        promise = self.promises.get(cart.owner)
        return 0 if promise is None else promise.units.get(variant, 0)

    def _fit(self, cart: Cart, line: Line, others: int, wanted: int, now: float) -> bool:
        need = others + wanted - self._promised(cart, line.variant)
        if need < 0:
            self.release(cart.owner, line.variant, -need)
        elif need > 0 and wanted > 0:
            if not self.house.carts_hold:
                free = self.available(line.variant, now)
                return wanted <= line.quantity or free is None or need <= free
            return self.hold(cart.owner, line.variant, need)
        return True

    def all_or_nothing(self, cart: Cart, changes: Callable[[], None]) -> None:
        """Carry the changes out; a refusal takes back what went before it."""
        before = copy.deepcopy((self.goods, self.promises, cart.lines))
        try:
            changes()
        except Refused:
            self.goods, self.promises, cart.lines = before
            raise
