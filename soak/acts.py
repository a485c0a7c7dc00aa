"""What shoppers do, and how each thing is written into the journal.

An act is a coroutine function of the shopper. `HABITS` names each with its weight; a new thing to do is a function
and a row there: it asks with the journal as it will be, and compares what it is told with that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from soak.journal import Journal, Order, total_of
from soak.shopper import BrokenPromiseError, Shopper

Act = Callable[[Shopper], Awaitable[None]]
_ADDRESS = {
    "name": "Jane Doe",
    "line1": "1 Main Street",
    "city": "Springfield",
    "postal_code": "62701",
    "country": "US",
}
_DETAILS = {"email": "jane@example.com", "payment_method": "invoice", "shipping_address": _ADDRESS}
_LOOK_EVERY_S = 0.2
_OK, _CREATED = 200, 201


async def add(shopper: Shopper) -> None:
    """Put units of one product into the cart."""
    variant, units = _wish(shopper)
    wanted = {"variant_id": variant, "quantity": units}
    await _change(shopper, "POST", "/cart/items", wanted, _after(shopper, {variant: units}))


async def bulk_add(shopper: Shopper) -> None:
    """Put units of several products into the cart, all or none."""
    wishes = dict(_wish(shopper) for _ in range(3))
    items = [{"variant_id": variant, "quantity": units} for variant, units in wishes.items()]
    await _change(shopper, "POST", "/cart/bulk/items", {"items": items}, _after(shopper, wishes))


async def change(shopper: Shopper) -> None:
    """Set the units of a line; 0 takes it out."""
    variant = shopper.random.choice(sorted(shopper.journal.lines))
    before, item = shopper.journal.lines[variant]
    units = shopper.random.randrange(5)
    await _change(
        shopper, "PATCH", f"/cart/items/{item}", {"quantity": units}, _after(shopper, {variant: units - before})
    )


async def remove(shopper: Shopper) -> None:
    """Take a line out."""
    variant = shopper.random.choice(sorted(shopper.journal.lines))
    before, item = shopper.journal.lines[variant]
    await _change(shopper, "DELETE", f"/cart/items/{item}", None, _after(shopper, {variant: -before}))


async def clear(shopper: Shopper) -> None:
    """Take every line out."""
    after = shopper.journal.copy()
    after.lines = {}
    await _change(shopper, "DELETE", "/cart", None, after)


async def look(shopper: Shopper) -> None:
    """See the cart."""
    status, cart = await shopper.ask("GET", "/cart")
    _compare(shopper, status, cart)


async def linger(shopper: Shopper) -> None:
    """Do nothing but look until the holds have run out; the lines stay."""
    until = asyncio.get_running_loop().time() + shopper.street.hold_ttl_s + 0.3
    while asyncio.get_running_loop().time() < until:
        await look(shopper)
        if not shopper.street.is_open.is_set():
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def buy(shopper: Shopper) -> None:
    """Check out and place the order."""
    checkout = await _check_out(shopper)
    if checkout is None:
        return
    units = shopper.journal.units
    total = total_of(units, shopper.street.prices)
    order = Order(None, checkout["id"], total, frozenset(units.items()))
    if checkout["totals"]["total"]["amount"] != total:
        raise BrokenPromiseError(f"shopper {shopper.number}: total {checkout['totals']}, by the journal {total}")
    after = Journal({}, {**shopper.journal.orders, order.checkout: order})
    status, done = await shopper.ask(
        "POST", f"/checkouts/{order.checkout}/complete", {"expected_total": total}, if_done=after
    )
    if status != _OK:
        _expect(shopper, done, {"INSUFFICIENT_STOCK", "CHECKOUT_NOT_READY", "HOLD_EXPIRED"})
        await clear(shopper)
        return
    if done["order"] is None or done["order"]["total"]["amount"] != total:
        raise BrokenPromiseError(f"shopper {shopper.number}: ordered for {total}, was told {done['order']}")
    after.orders[order.checkout] = replace(order, number=done["order"]["number"])
    shopper.journal = after


async def think_better_of_it(shopper: Shopper) -> None:
    """Begin a checkout and cancel it; the cart stays as it is."""
    checkout = await _check_out(shopper)
    if checkout is not None:
        await shopper.ask("POST", f"/checkouts/{checkout['id']}/cancel", {})


async def cancel_order(shopper: Shopper) -> None:
    """Cancel one of one's orders: its units are for sale again."""
    order = shopper.random.choice(_standing(shopper))
    after = shopper.journal.copy()
    after.orders[order.checkout] = replace(order, is_canceled=True)
    status, told = await shopper.ask("POST", f"/orders/{order.number}/cancel", {}, if_done=after)
    if status != _OK or told["status"] != "canceled":
        raise BrokenPromiseError(f"shopper {shopper.number}: cancel of {order.number} came to {status} {told}")
    shopper.journal = after


def _is_filled(shopper: Shopper) -> bool:
    return bool(shopper.journal.lines)


def _standing(shopper: Shopper) -> list[Order]:
    """The shopper's orders that can be canceled."""
    return [order for order in shopper.journal.orders.values() if not order.is_canceled]


@dataclass(frozen=True)
class Habit:
    """An act, how often it is chosen, and whether a shopper can do it now; who cannot adds something instead."""

    act: Act
    weight: int
    can: Callable[[Shopper], object] = lambda _: True


#: Everything shoppers do. Merging a guest's cart into a user's belongs here, too, once that can be done.
HABITS: dict[str, Habit] = {
    "add": Habit(add, 30),
    "bulk add": Habit(bulk_add, 10),
    "change": Habit(change, 15, _is_filled),
    "remove": Habit(remove, 6, _is_filled),
    "clear": Habit(clear, 3, _is_filled),
    "look": Habit(look, 12),
    "linger": Habit(linger, 2),
    "buy": Habit(buy, 14, _is_filled),
    "begin and cancel a checkout": Habit(think_better_of_it, 3, _is_filled),
    "cancel an order": Habit(cancel_order, 5, _standing),
}


async def any_act(shopper: Shopper) -> None:
    """One of them, by their weights."""
    name = shopper.random.choices([*HABITS], [habit.weight for habit in HABITS.values()])[0]
    if not HABITS[name].can(shopper):
        name = "add"
    shopper.street.acts[name] += 1
    await HABITS[name].act(shopper)


def _wish(shopper: Shopper) -> tuple[str, int]:
    return shopper.random.choice(sorted(shopper.street.prices)), shopper.random.randint(1, 3)


def _after(shopper: Shopper, added: dict[str, int]) -> Journal:
    """The journal once these units were added, or taken out where negative."""
    after = shopper.journal.copy()
    for variant, units in added.items():
        before, item = after.lines.get(variant, (0, ""))
        after.lines[variant] = (before + units, item)
        if before + units == 0:
            del after.lines[variant]
    return after


async def _change(shopper: Shopper, method: str, path: str, body: object, after: Journal) -> None:
    status, told = await shopper.ask(method, path, body, if_done=after)
    if status == _OK:
        shopper.journal = after
        _compare(shopper, status, told.get("cart", told))
        return
    _expect(shopper, told, {"INSUFFICIENT_STOCK", "LIMIT_EXCEEDED"})
    if "cart" in told:
        _compare(shopper, _OK, told["cart"])


def _compare(shopper: Shopper, status: int, cart: dict[str, Any]) -> None:
    """The cart we are told is the one in the journal; its items' ids are noted."""
    told = {item["variant_id"]: (item["quantity"], item["id"]) for item in cart.get("items", [])}
    if status != _OK or {variant: units for variant, (units, _) in told.items()} != shopper.journal.units:
        raise BrokenPromiseError(
            f"shopper {shopper.number}: the shop says {status} {told or cart}, the journal {shopper.journal.lines}"
        )
    shopper.journal.lines = told


def _expect(shopper: Shopper, told: dict[str, Any], refusals: set[str]) -> None:
    if told.get("error") not in refusals:
        raise BrokenPromiseError(f"shopper {shopper.number}: refused with {told}")


async def _check_out(shopper: Shopper) -> dict[str, Any] | None:
    status, told = await shopper.ask("POST", "/checkouts", _DETAILS)
    if status in (_OK, _CREATED):
        return told
    _expect(shopper, told, {"INSUFFICIENT_STOCK", "HOLD_EXPIRED"})
    await clear(shopper)
    return None
