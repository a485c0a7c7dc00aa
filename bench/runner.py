"""One run: each load between two runs of its baseline, at each number of clients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from bench import pgbench, wrk
from bench.models import LOADS, Load, Measurement, Pair
from bench.postgres import Server
from bench.seeding import SeededShop
from bench.serving import Shop

#: Baselines with a smaller write set than ours, for the record.
OTHER_BASELINES = ("add3", "hot1")

#: Fewer are not prepared: more checkouts a second than this have been seen on two cores.
_CHECKOUTS_PER_SECOND_MIN = 800.0


@dataclass(frozen=True)
class Plan:
    """What is measured and for how long, in seconds."""

    clients: tuple[int, ...] = (1, 8, 32, 64)
    seconds: float = 20
    warm_up_s: float = 3
    loads: tuple[Load, ...] = LOADS
    with_others: bool = True

    @property
    def steps(self) -> int:
        """How many measurements there are to come."""
        return len(self.clients) * (3 * len(self.loads) + (len(OTHER_BASELINES) if self.with_others else 0))


Report = Callable[[Measurement], None]


class Runner:
    """Measures on one server and one running shop, and tells `report` of each measurement."""

    def __init__(self, server: Server, shop: Shop, seeded: SeededShop, plan: Plan, report: Report) -> None:
        self._server = server
        self._shop = shop
        self._seeded = seeded
        self._plan = plan
        self._report = report

    def run(self) -> tuple[list[Pair], list[Measurement]]:
        """Everything the plan asks for: pairs, and the other baselines."""
        pairs, others = [], []
        for clients in self._plan.clients:
            for load in self._plan.loads:
                before = self._baseline(load.baseline, clients)
                measured = self._load(load, clients)
                pairs.append(Pair(load, before, measured, self._baseline(load.baseline, clients)))
            if self._plan.with_others:
                others += [self._baseline(name, clients) for name in OTHER_BASELINES]
        return pairs, others

    def _baseline(self, name: str, clients: int) -> Measurement:
        self._settle()
        pgbench.measure(self._server, name, clients, self._plan.warm_up_s)
        return self._told(pgbench.measure(self._server, name, clients, self._plan.seconds))

    def _load(self, load: Load, clients: int) -> Measurement:
        plan, sizes = self._plan, self._seeded.sizes
        if load.name == "checkout":
            return self._checkouts(clients)
        first, last = sizes.hot if load.name == "hot" else sizes.spread
        numbers = {"first": first, "last": last, "products": sizes.products}
        self._seeded.promote(load.has_promotions)
        self._settle()
        self._wrk(load.lua, clients, plan.warm_up_s, **numbers)
        found = self._wrk(load.lua, clients, plan.seconds, **numbers)
        self._seeded.promote(False)
        return self._told(dataclasses.replace(found, name=load.name))

    def _checkouts(self, clients: int) -> Measurement:
        """Each is completed once, so as many are made first as the load can get through."""
        plan = self._plan
        warm = self._complete(clients, plan.warm_up_s, rate=4_000)
        # What is completed while cold is slower than what comes, by far on a machine that others use as well.
        rate = max(_CHECKOUTS_PER_SECOND_MIN, 2.5 * warm.per_second)
        return self._told(self._complete(clients, plan.seconds, rate))

    def _complete(self, clients: int, seconds: float, rate: float) -> Measurement:
        first, last = self._seeded.prepare_checkouts(int(rate * seconds) + 10 * clients)
        self._settle()
        products = self._seeded.sizes.products
        return self._wrk("checkout", clients, seconds, first=first, last=last, products=products)

    def _wrk(self, name: str, clients: int, seconds: float, **numbers: int) -> Measurement:
        return wrk.measure(self._shop, self._server.pid, name, clients, seconds, **numbers)

    def _settle(self) -> None:
        # So that no checkpoint falls due in the middle of a measurement; both sides of a pair begin after one.
        self._server.run_script("postgres", "checkpoint")

    def _told(self, measurement: Measurement) -> Measurement:
        self._report(measurement)
        return measurement
