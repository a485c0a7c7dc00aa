"""What wishlists need of others."""

from __future__ import annotations

from typing import Protocol

from pannier.platform.principal import Principal


class GuestTokens(Protocol):
    """The token of a guest who is about to keep something; it lasts as long as a cart's.

    Where nobody knows the one that was shown it may have been planted, and a new one is made; `is_known` says that
    there are lists under it already. Raises LoginRequiredError where the shop has nothing for guests.
    """

    async def __call__(self, principal: Principal, *, is_known: bool) -> str: ...
