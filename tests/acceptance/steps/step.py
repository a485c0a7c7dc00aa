"""One operation of a case: who acts, on whose cart, and with what."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pannier.cart import Cart, Change, Command, Item
from pannier.kernel.ids import uuid7
from tests.acceptance.world import ME, World


async def _nobody(_: Step) -> None:
    raise AssertionError("nobody runs steps here")


@dataclass
class Step:
    """An operation with its number and its fields."""

    world: World
    number: int
    fields: Mapping[str, Any]
    #: Carries out another operation within this one; set by whoever runs steps.
    run: Callable[[Step], Awaitable[None]] = field(default=_nobody)
    #: What is told of it although it was carried out.
    notices: list[dict[str, Any]] = field(default_factory=list)

    @property
    def operation(self) -> str:
        return str(self.fields["op"])

    @property
    def who(self) -> str:
        """Who acts, on whose cart: that of a shopper who is not registered is anybody's who has its key."""
        by, of = str(self.fields.get("by", ME)), self.fields.get("cart_of")
        return by if of is None or of in self.world.registered else str(of)

    @property
    def channel(self) -> str | None:
        """The shop's code of the channel in which the step happens; None is that of the case."""
        return self.world.channel(self.fields.get("channel"))

    @property
    def product(self) -> str:
        return str(self.fields["product"])

    @property
    def variant(self) -> uuid.UUID:
        return self.world.variant(self.product)

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.fields.get("options") or {})

    async def check_owner(self) -> None:
        """Whoever names another shopper's cart by its id looks for it by that id first."""
        of = self.fields.get("cart_of")
        if of is not None and of != self.who and of in self.world.registered:
            theirs = await self.world.cart(of, self.fields.get("channel"))
            cart_id = uuid7() if theirs.id is None else uuid.UUID(theirs.id)
            await self.world.services.carts.of_id(self.world.owner(self.who), cart_id, self.channel)

    async def cart(self) -> Cart:
        return await self.world.services.carts.get(self.world.owner(self.who), self.channel)

    def command(self, event: str) -> Command:
        """Whose cart is to change, and nothing yet."""
        known = self.world.known_carts.get(self.who) if self.world.is_checkout else None
        cart_id = None if known is None else uuid.UUID(known)
        return Command(self.world.owner(self.who), event, channel=self.channel, cart_id=cart_id)

    async def line(self) -> uuid.UUID:
        """The id of the line that is meant; one that nothing has where there is none."""
        wanted = str(self.world.variants.get(self.product))
        for item in (await self.cart()).items:
            if item.variant_id == wanted and item.attributes == self.options:
                return item.id
        return uuid7()

    async def change(self, changes: Sequence[Change], *, is_clear: bool = False) -> Cart:
        """Carry changes of the cart out; tells of what was taken instead of what was asked for."""
        command = replace(self.command("cart.changed"), changes=changes, is_clear=is_clear)
        outcome = await self.world.services.carts.apply(command)
        self.world.known_carts[self.who] = outcome.cart.id
        for message in outcome.cart.messages:
            if message.code == "INSUFFICIENT_STOCK" and message.details and "requested" in message.details:
                name = {"add": "more", "set_qty": "fits"}[self.operation]
                entry = {"step": self.number, "kind": "insufficient_stock", "product": self.product}
                self.notices.append(entry | {"available": message.details[name]})
        return outcome.cart

    def shown(self, items: Sequence[Item]) -> dict[str, int]:
        """Units on show of each product."""
        return {self.world.name_of(item.variant_id): item.quantity for item in items}
