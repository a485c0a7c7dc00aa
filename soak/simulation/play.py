"""One seed from beginning to end."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast

from pannier.checkout import CheckoutService
from pannier.kernel.clock import ManualClock
from pannier.kernel.errors import PannierError
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from soak.simulation import books
from soak.simulation.cast import Shopper, Street, desk, resumer, sweeper, time_passes
from soak.simulation.chance import ids_of, waiting_of
from soak.simulation.lines import LinePool, Losses
from soak.simulation.provider import FaultyProvider
from soak.simulation.scheduler import Act, Scheduler
from soak.simulation.shop import CODE, Stage, settings_of

_HOLD_AT = ("add", "checkout", "order", "payment", "immediate")
_COMMIT_AT = ("order", "payment", "fulfilment")
_STEPS_S = (1, 20, 45, 400, 1300)
_METHODS = ("test", "test", "test", "invoice")
#: Hours that go by until nothing is left to be carried on.
_HOURS = 8


@dataclass(frozen=True)
class Played:
    """What came of a seed."""

    seed: str
    trace: list[str]
    findings: list[str]
    orders: int

    @property
    def digest(self) -> str:
        """Two plays of one seed have the same."""
        return hashlib.sha256("\n".join([*self.trace, *self.findings]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Controls:
    """What is taken away, to see whether it is missed. `weaken` makes everybody's checkouts worse ones."""

    weaken: Callable[[CheckoutService], None] | None = None
    forgets_keys: bool = False
    has_resumer: bool = True


async def play(stage: Stage, seed: str, controls: Controls | None = None) -> Played:
    """Let chance have its way, then see whether the books are right."""
    await stage.reset()
    controls = controls or Controls()
    chance = random.Random(f"{seed}/play")
    settings = settings_of(
        stage.url,
        hold_at=chance.choice(_HOLD_AT),
        commit_at=chance.choice(_COMMIT_AT),
        payment_capture=chance.choice(("at_once", "ordered")),
    )
    clock = ManualClock()
    pool = LinePool(stage.pool, Losses(chance, chance.choice((0, 0, 1, 2)), 0.1))
    scheduler = Scheduler(
        random.Random(f"{seed}/turns"),
        pool.bury,
        deaths=chance.choice((0, 1, 2, 4)),
        mortality=chance.choice((0.02, 0.05, 0.15)),
    )
    pool.scheduler = scheduler
    db = Database(cast("Any", pool), clock, settings, stage.db._beside)  # noqa: SLF001 # nobody stops there
    with ids_of(seed), waiting_of(scheduler):
        street = _street(stage, db, settings, clock, scheduler, chance, controls)
        await _raise_curtain(street, stage, controls)
        try:
            await scheduler.run()
            await _quieten(street, controls)
        except BaseException:
            await scheduler.end()
            raise
        findings = [f"{name}: {type(error).__name__}: {error}" for name, error in scheduler.failures]
        findings += await books.findings(db, is_thorough=int(hashlib.sha256(seed.encode()).hexdigest(), 16) % 8 == 0)
        findings += await books.money(db, street.provider)
        async with db.read() as connection:
            orders = await books.orders_of(connection)
        findings += _broken_promises(street, {order["checkout_id"]: order["number"] for order in orders})
    return Played(seed, scheduler.trace, findings, len(orders))


def _street(
    stage: Stage,
    db: Database,
    settings: Settings,
    clock: ManualClock,
    scheduler: Scheduler,
    chance: random.Random,
    controls: Controls,
) -> Street:
    def enter(name: str, act: Act) -> None:
        # What the network and people do, no crash of ours undoes; what they bring may be cut off.
        street.enter(name, act, is_mortal=name.startswith(("webhook", "back")))

    provider = FaultyProvider(
        chance,
        scheduler,
        clock,
        enter,
        stage.standing,
        faults=chance.choice((0, 1, 3)),
        forgets_keys=controls.forgets_keys,
    )
    street = Street(db, settings, clock, stage.house(db), scheduler, chance, provider, controls.weaken)
    provider.deliver, provider.come_back = street.webhook, street.come_back
    return street


async def _raise_curtain(street: Street, stage: Stage, controls: Controls) -> None:
    """Who is there, and what they are about to do."""
    chance = street.chance
    for number in range(chance.choice((1, 2, 2, 3))):
        goods = chance.sample(stage.goods, chance.choice((1, 1, 2)))
        units = [(variant, chance.choice((1, 1, 2))) for variant in goods]
        code = CODE if chance.random() < 0.4 else None
        try:
            shopper = await Shopper.ready(street, units, code, chance.choice(_METHODS))
        except PannierError:
            # Those before had it all.
            continue
        _enter_tabs(street, shopper, f"shopper {number}")
    for number in range(chance.choice((0, 1, 1, 2))):
        act = chance.choice(("cancel", "pay"))
        street.enter(f"desk {number}", partial(desk, street, act))
    street.enter("sweeper", lambda: sweeper(street, 2))
    if controls.has_resumer:
        street.enter("resumer", lambda: resumer(street, chance.choice((1, 3))))
    steps = [timedelta(seconds=chance.choice(_STEPS_S)) for _ in range(chance.choice((0, 1, 3)))]
    street.enter("time", lambda: time_passes(street, steps), is_mortal=False)


def _enter_tabs(street: Street, shopper: Shopper, name: str) -> None:
    chance = street.chance
    key = f"{name}-clicks".replace(" ", "-")
    for tab in range(chance.choice((1, 2, 2, 3))):
        own = chance.choice((key, key, f"{key}-in-tab-{tab}", None))
        token = chance.choice((None, "a card"))
        street.enter(f"{name} tab {tab}", partial(shopper.complete, own, token))
    if chance.random() < 0.3:
        quantity = chance.choice((0, 1, 2, 3))
        street.enter(f"{name} in the cart", lambda: shopper.change_mind(quantity))
    if chance.random() < 0.2:
        street.enter(f"{name} gives up", shopper.give_up)
    if chance.random() < 0.2:
        street.enter(f"{name} looks", shopper.look)


async def _quieten(street: Street, controls: Controls) -> None:
    """Whatever is left to be done behind the scenes is done, as hours go by and nothing breaks any more."""
    street.provider.stop_failing()
    for _ in range(_HOURS):
        street.clock.advance(timedelta(hours=1))
        if controls.has_resumer and not await street.checkouts().completion.resume():
            break
    await street.scheduler.run()
    street.clock.advance(timedelta(hours=3))
    await sweeper(street, 1)


def _broken_promises(street: Street, numbers: dict[Any, str]) -> list[str]:
    """Orders that somebody was told of, and that are not there."""
    return [
        f"checkout {checkout} was told of {sorted(told)}, and there is {numbers.get(checkout)}"
        for checkout, told in street.told.items()
        if told != {numbers.get(checkout)}
    ]
