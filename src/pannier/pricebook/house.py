"""The shop's prices as this process knows them, never older than what the database says it has.

Whoever reads a cart is told the revision of the shop's prices in the same statement, and asks here for prices of that
revision. They are loaded when it is a new one, once, however many ask.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace

from pannier.platform.database import Connection, Database
from pannier.pricing import Prices

# A request that is sent again is shown with the prices it was answered with, if that was not long ago.
_KEPT = 16
#: How often goods that promotions give away are looked at again.
GIFTS_INTERVAL_S = 60.0

_logger = logging.getLogger(__name__)
#: Reads the prices of now, in a transaction that sees one moment.
Load = Callable[[Connection], Awaitable[Prices]]


class PriceHouse:
    """Keeps the newest prices, and a few older ones."""

    def __init__(self, db: Database, first: Prices, load: Load) -> None:
        self._db = db
        self._load = load
        self._known: OrderedDict[int, Prices] = OrderedDict({first.revision: first})
        self._newest = first
        self._loading = asyncio.Lock()
        self._reads = 0

    @property
    def newest(self) -> Prices:
        """The newest that this process has seen."""
        return self._newest

    def known(self, revision: int) -> Prices | None:
        """The prices of a revision, if they are at hand; the newest for one that is older than all that are kept."""
        if revision == self._newest.revision:
            return self._newest
        found = self._known.get(revision)
        if found is None and revision < self._newest.revision:
            return self._newest
        return found

    async def at(self, revision: int) -> Prices:
        """The prices of a revision or newer, read by one for all who ask, at one moment.

        Also from inside a transaction: they are read on a connection that no transaction takes, since to wait for a
        second one of the pool while a first is held can be to wait for ever.
        """
        found = self.known(revision)
        if found is not None:
            return found
        async with self._loading:
            return self.known(revision) or await self._read()

    async def look_at_gifts(self) -> None:
        """Read the prices anew where they have goods in them, whose own price may have changed."""
        if self._newest.book.gifts:
            async with self._loading:
                await self._read()

    async def _read(self) -> Prices:
        async with self._db.beside() as own, own.transaction(isolation="repeatable_read", readonly=True):
            self._reads += 1
            return self._keep(replace(await self._load(own), reading=self._reads))

    def _keep(self, prices: Prices) -> Prices:
        self._known[prices.revision] = prices
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        if prices.revision >= self._newest.revision:
            if prices.revision > self._newest.revision:
                _logger.info("prices of revision %d are in force", prices.revision)
            self._newest = prices
        return prices
