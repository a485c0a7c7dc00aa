"""What is put into carts is kept with what its shopper is asked for it: price rules may make it other than the list's.

Where there are such rules, what is added is looked at before it is written, in one statement for all that wait. What is
written in the end must be by prices no older, and by the list price that was looked at, or it is tried again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from pannier.cart.basket import asked_of
from pannier.cart.charged import ViewRules
from pannier.cart.models import Change, Command
from pannier.cart.repository import offered, policy_of
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricebook import PriceHouse
from pannier.pricing import AskedPrice, Prices
from pannier.promotions import book_revision

#: The list's price of a line, and what its shopper is asked.
Asked = tuple[int, AskedPrice]


class AskedPrices:
    """What shoppers are asked for what they put into their carts."""

    def __init__(self, db: Database, settings: Settings, house: PriceHouse) -> None:
        self._db = db
        self._settings = settings
        self._house = house
        self._policy = (-1, msgspec.Raw(b""))

    async def look_again(self) -> None:
        """Know the prices that are in force."""
        async with self._db.acquire() as connection:
            revision = await book_revision(connection)
        await self._house.at(revision)

    async def on(self, commands: Sequence[Command]) -> tuple[Sequence[Command], msgspec.Raw]:
        """The commands with the prices that are asked, and the policy by which they are to be carried out."""
        if self._house.newest.revision == 0:
            # Nothing was read yet.
            await self.look_again()
        prices = self._house.newest
        if self._policy[0] != prices.revision:
            self._policy = (prices.revision, policy_of(self._settings, prices.revision))
        policy = self._policy[1]
        if not _tells_from_lists(prices):
            return commands, policy
        adding = [(n, one) for n, one in enumerate(commands) if any(change.is_offered for change in one.changes)]
        return (await self._told(commands, adding, prices) if adding else commands), policy

    async def _told(
        self, commands: Sequence[Command], adding: Sequence[tuple[int, Command]], prices: Prices
    ) -> list[Command]:
        async with self._db.acquire() as connection:
            documents = await offered(connection, adding, self._settings, self._db.offset)
        told = list(commands)
        for number, document in documents:
            in_currency = prices.of(document.currency)
            rules = ViewRules(in_currency, self._settings.currency, self._settings.channel, carts_hold=False)
            lines = document.lines or []
            asked = asked_of(document, lines, rules)
            known: dict[uuid.UUID, Asked] = {}
            for line in lines:
                if line.price is not None and line.price[0] is not None:
                    known[line.id] = (line.price[0], asked[line.id])
            command = commands[number]
            told[number] = replace(command, changes=[_with(change, known) for change in command.changes])
        return told


def _tells_from_lists(prices: Prices) -> bool:
    """Whether a shopper may be asked something else than the list says."""
    return bool(prices.book.price_rules) or prices.book.policy.included_across_zones == "net_constant"


def _with(change: Change, known: dict[uuid.UUID, Asked]) -> Change:
    if not change.is_offered or change.line_id not in known:
        return change
    listed, asked = known[change.line_id]
    return replace(change, listed_minor=listed, shelf_minor=asked.shelf_minor, shown_minor=asked.shown_minor)
