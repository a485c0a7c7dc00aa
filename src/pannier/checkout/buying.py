"""Buy now: a checkout of one line, over a cart of its own, that leaves the shopper's cart alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from pannier.cart import CartService, Command, Outcome
from pannier.checkout.models import Told
from pannier.checkout.service import CheckoutAnswer, CheckoutService
from pannier.platform.idempotency import Key
from pannier.platform.principal import Principal


@dataclass(frozen=True, slots=True)
class Bought:
    """The checkout that was begun, and the outcome of making its cart: a guest may have got a token by it."""

    checkout: CheckoutAnswer
    outcome: Outcome


class BuyNowService:
    """Two transactions: the cart with its line and hold, then the checkout over it.

    Between them nothing is lost: a cart without its checkout gives its units back when the hold runs out, and a
    repeated request finds both by its key.
    """

    def __init__(self, carts: CartService, checkouts: CheckoutService) -> None:
        self._carts = carts
        self._checkouts = checkouts

    async def buy(
        self, principal: Principal, command: Command, told: Told | None, key_of: Callable[[Principal], Key | None]
    ) -> Bought:
        """Begin a checkout over the lines that `command` adds.

        Raises the refusals of adding to a cart and of beginning a checkout; nothing is held then.
        """
        await self._checkouts.check(principal, told)
        outcome = await self._carts.apply(replace(command, is_aside=True))
        if outcome.token is not None:
            principal = msgspec.structs.replace(principal, cart_token=outcome.token)
        assert outcome.cart.id is not None
        checkout = await self._checkouts.create_checkout(
            principal, told, channel=command.channel, cart_id=uuid.UUID(outcome.cart.id), key=key_of(principal)
        )
        return Bought(checkout, outcome)
