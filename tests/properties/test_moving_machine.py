"""Lines that move: out of the cart and back, into an order, past the cart, and from a guest's cart into a user's.

The other machine (test_shop_machine.py) knows everything about one way through the shop. This one lets chance mix the
ways, and says of each what a shopper would: every unit is in one place, and none is lost or made on the way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pannier.cart import CartService, Change, Command, MergeRequest, MergeService, add
from pannier.checkout import CheckoutService
from pannier.checkout.buying import BuyNowService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from tests.properties.trading import TABLES
from tests.support.books import faults
from tests.support.buyers import Buyer
from tests.support.catalogue import figures, make_product
from tests.support.shop import DETAILS, customer

# Few of each, so that they meet.
GOODS, ON_HAND = 2, 9
GUESTS, USERS = ("gil", "gus"), ("ada",)
shoppers = st.sampled_from([*GUESTS, *USERS])
guests, users = st.sampled_from(GUESTS), st.sampled_from(USERS)
which, goods = st.integers(0, 30), st.integers(0, GOODS - 1)
units = st.sampled_from([1, 1, 2, 3, 5])
colours = st.sampled_from(["", "", "", "red"])


class Key(NamedTuple):
    """What makes two lines one."""

    good: int
    colour: str


@dataclass
class Line:
    """A line of a cart."""

    quantity: int
    is_selected: bool = True


@dataclass
class Aside:
    """A purchase past the cart that has begun."""

    shopper: str
    checkout: UUID
    good: int
    quantity: int


@dataclass
class Goods:
    """Who has how much of what. `sold` by good, carts and what is saved by shopper."""

    carts: dict[str, dict[Key, Line]] = field(default_factory=dict)
    saved: dict[str, Counter[Key]] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)
    sold: Counter[int] = field(default_factory=Counter)

    def promised(self, good: int) -> int:
        """Units that carts and purchases under way have."""
        in_carts = sum(line.quantity for cart in self.carts.values() for key, line in cart.items() if key.good == good)
        return in_carts + sum(aside.quantity for aside in self.asides if aside.good == good)

    def available(self, good: int) -> int:
        return ON_HAND - self.sold[good] - self.promised(good)


class MovingMachine(RuleBasedStateMachine):
    """One example is one shop from its opening on."""

    def __init__(self, url: str, base: Settings) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.is_immediate = base.hold_at == "immediate"
        self.db = self.run(Database.connect(url, base, ManualClock()))
        self.carts = CartService(self.db, base)
        self.merges = MergeService(self.db, base, self.carts)
        self.tills = CheckoutService(self.db, base)
        self.buying = BuyNowService(self.carts, self.tills)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def teardown(self) -> None:
        self.run(self.db.close())
        self.runner.close()

    @initialize()
    def open(self) -> None:
        self.run(self._empty())
        self.ids = [self.run(make_product(self.db, on_hand=ON_HAND)) for _ in range(GOODS)]
        self.buyers = {name: Buyer(self.carts, user_id=name if name in USERS else None) for name in (*GUESTS, *USERS)}
        self.model = Goods({name: {} for name in self.buyers}, {name: Counter() for name in self.buyers})
        self.lines: dict[str, dict[Key, UUID]] = {name: {} for name in self.buyers}
        self.kept: dict[str, dict[Key, UUID]] = {name: {} for name in self.buyers}

    async def _empty(self) -> None:
        async with self.db.read() as connection:
            await connection.execute(f"truncate {TABLES}, cart_merge cascade")

    def _does(self, real: Coroutine[Any, Any, Any], refusal: str | None) -> Any:
        """What the shop answers; where the model knows a refusal it must be that one."""
        try:
            answer, outcome = self.run(real), None
        except PannierError as error:
            answer, outcome = None, error.error
        assert outcome == refusal, f"{outcome}, where the model says {refusal}"
        return answer

    def _short(self, good: int, wanted: int) -> str | None:
        return "INSUFFICIENT_STOCK" if wanted > self.model.available(good) else None

    def _chosen(self, of: dict[Key, UUID], n: int) -> tuple[Key, UUID]:
        key = sorted(of)[n % len(of)]
        return key, of[key]

    def _change(self, shopper: str, change: Change, refusal: str | None, then: Callable[[], object]) -> None:
        self._does(self.buyers[shopper].change([change]), refusal)
        if refusal is None:
            then()

    # The cart

    @rule(shopper=shoppers, good=goods, quantity=units, colour=colours)
    def put_into_the_cart(self, shopper: str, good: int, quantity: int, colour: str) -> None:
        key = Key(good, colour)
        change = add(self.ids[good], quantity, attributes={"colour": colour} if colour else None)
        self._change(shopper, change, self._short(good, quantity), lambda: self._join(shopper, key, quantity))

    def _join(self, shopper: str, key: Key, quantity: int) -> None:
        self.model.carts[shopper].setdefault(key, Line(0)).quantity += quantity

    @rule(shopper=shoppers, n=which, quantity=st.integers(0, 5))
    @precondition(lambda self: any(self.lines.values()))
    def set_units(self, shopper: str, n: int, quantity: int) -> None:
        shopper, key, item = self._line(shopper, n)
        cart = self.model.carts[shopper]
        refusal = self._short(key.good, quantity - cart[key].quantity) if quantity > cart[key].quantity else None

        def then() -> None:
            cart[key].quantity = quantity
            if not quantity:
                del cart[key]

        self._change(shopper, Change(op="set", line_id=item, quantity=quantity), refusal, then)

    def _line(self, shopper: str, n: int) -> tuple[str, Key, UUID]:
        """A line of the shopper's, or of somebody who has one."""
        shopper = shopper if self.lines[shopper] else next(name for name, has in self.lines.items() if has)
        return (shopper, *self._chosen(self.lines[shopper], n))

    @rule(shopper=shoppers, n=which, is_selected=st.booleans())
    @precondition(lambda self: any(self.lines.values()))
    def select(self, shopper: str, n: int, is_selected: bool) -> None:
        shopper, key, item = self._line(shopper, n)
        change = Change(op="set", line_id=item, is_selected=is_selected)
        self._change(shopper, change, None, lambda: setattr(self.model.carts[shopper][key], "is_selected", is_selected))

    # For later

    @rule(shopper=shoppers, n=which)
    @precondition(lambda self: any(self.lines.values()))
    def save_for_later(self, shopper: str, n: int) -> None:
        shopper, key, item = self._line(shopper, n)

        def then() -> None:
            self.model.saved[shopper][key] += self.model.carts[shopper].pop(key).quantity

        self._change(shopper, Change(op="save", line_id=item), None, then)

    @rule(shopper=shoppers, n=which, quantity=st.sampled_from([None, None, 1, 2]))
    @precondition(lambda self: any(self.kept.values()))
    def bring_back(self, shopper: str, n: int, quantity: int | None) -> None:
        shopper = shopper if self.kept[shopper] else next(name for name, has in self.kept.items() if has)
        key, item = self._chosen(self.kept[shopper], n)
        moved = min(quantity or ON_HAND * 9, self.model.saved[shopper][key])

        def then() -> None:
            self.model.saved[shopper][key] -= moved
            self._join(shopper, key, moved)

        change = Change(op="restore", line_id=item, quantity=quantity)
        self._change(shopper, change, self._short(key.good, moved), then)

    # A guest signs in

    @rule(guest=guests, user=users)
    def sign_in(self, guest: str, user: str) -> None:
        self._does(self.merges.merge(MergeRequest(user, self.buyers[guest].owner.token)), None)
        cart = self.model.carts[user]
        for key, line in self.model.carts[guest].items():
            mine = cart.get(key)
            if mine is None:
                cart[key] = line
            else:
                cart[key] = Line(mine.quantity + line.quantity, mine.is_selected or line.is_selected)
        self.model.saved[user] += self.model.saved[guest]
        self.model.carts[guest], self.model.saved[guest] = {}, Counter()

    # To the till

    def _principal(self, shopper: str) -> Principal:
        if shopper in USERS:
            return customer(shopper)
        return Principal("guest", frozenset({"guest"}), None, self.buyers[shopper].owner.token, "bearer")

    @rule(shopper=shoppers)
    def order_what_is_selected(self, shopper: str) -> None:
        ordered = {key: line for key, line in self.model.carts[shopper].items() if line.is_selected}
        self._does(self._order(shopper), None if ordered else "EMPTY_CART")
        for key, line in ordered.items():
            self.model.sold[key.good] += line.quantity
            del self.model.carts[shopper][key]

    async def _order(self, shopper: str) -> Any:
        session = await self.tills.create_checkout(self._principal(shopper), DETAILS)
        return await self.tills.complete(self._principal(shopper), session.id)

    @rule(shopper=shoppers, good=goods, quantity=units)
    def buy_now(self, shopper: str, good: int, quantity: int) -> None:
        refusal = self._short(good, quantity)
        command = Command(self.buyers[shopper].owner, "cart.bought_now", [add(self.ids[good], quantity)])
        bought = self._does(self.buying.buy(self._principal(shopper), command, DETAILS, lambda _: None), refusal)
        if bought is not None:
            self.model.asides.append(Aside(shopper, bought.checkout.id, good, quantity))

    @rule(n=which, is_bought=st.booleans())
    @precondition(lambda self: self.model.asides)
    def decide_on_it(self, n: int, is_bought: bool) -> None:
        aside = self.model.asides.pop(n % len(self.model.asides))
        step = self.tills.complete if is_bought else self.tills.cancel
        self._does(step(self._principal(aside.shopper), aside.checkout), None)
        self.model.sold[aside.good] += aside.quantity if is_bought else 0

    # What must hold after every step

    @invariant()
    def the_books_are_right(self) -> None:
        found = self.run(faults(self.db))
        assert found == {}, found

    @invariant()
    def every_unit_is_in_one_place(self) -> None:
        for good, variant in enumerate(self.ids):
            stock, promised = self.run(figures(self.db, variant)), self.model.promised(good)
            there = ON_HAND - self.model.sold[good]
            expected = (there - promised, 0) if self.is_immediate else (there, promised)
            assert (stock.on_hand, stock.held) == expected, f"good {good}: {stock}, by the model {expected}"

    @invariant()
    def everybody_has_what_the_model_says(self) -> None:
        for name, buyer in self.buyers.items():
            cart = self.run(buyer.cart())
            found = {self._key(item): (item.quantity, item.selected, item.availability.flags) for item in cart.items}
            lines = self.model.carts[name].items()
            model: dict[Key, Any] = {key: (line.quantity, line.is_selected, []) for key, line in lines}
            assert found == model, f"{name}: {found}\n{model}"
            saved = {self._key(item): item.quantity for item in cart.saved_items}
            assert saved == +self.model.saved[name], f"{name}: {saved}\n{self.model.saved[name]}"
            self.lines[name] = {self._key(item): UUID(str(item.id)) for item in cart.items}
            self.kept[name] = {self._key(item): UUID(str(item.id)) for item in cart.saved_items}

    def _key(self, item: Any) -> Key:
        return Key(self.ids.index(UUID(str(item.variant_id))), str(item.attributes.get("colour", "")))


# A limit that ends an example would be taken for a failure of it, and the search for a smaller one never ends.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hold_at", ["add", "immediate"])
def test_every_unit_stays_in_one_place_whichever_way_it_goes(database_url: str, hold_at: str) -> None:
    unlimited = {"cart_max_items": 0, "cart_max_quantity_per_item": 0}
    base = Settings(database_url=database_url, database_pool_size=2)
    base = base.model_copy(update={"hold_at": hold_at, "commit_at": "order", **unlimited})

    class Opened(MovingMachine):
        def __init__(self) -> None:
            super().__init__(database_url, base)

    run_state_machine_as_test(
        Opened,
        settings=settings(
            max_examples=8,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
