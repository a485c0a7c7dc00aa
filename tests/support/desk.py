"""A desk at which one shopper's cart is changed, and its history kept; and what a cart and its past have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from pannier.cart import Cart, CartService, HistoryService, MergeService, SharingService
from pannier.cart.history_schemas import PastCart, RestoreAnswer
from pannier.platform import outbox
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.buyers import Buyer

NEVER_KEPT = timedelta(0)
EVERY = 4


class Desk:
    """A shop, its history, and Ada."""

    def __init__(self, db: Database, settings: Settings, **changes: Any) -> None:
        settings = settings.model_copy(update=changes)
        self.db = db
        self.carts = CartService(db, settings)
        self.merges = MergeService(db, settings, self.carts)
        self.sharing = SharingService(db, settings, self.carts)
        self.history = HistoryService(db, settings, self.carts, snapshot_every=EVERY)
        self.ada = Buyer(self.carts, user_id="ada")

    async def keep(self) -> None:
        """Take the history, and prune the outbox as if it were old."""
        await self.history.take()
        await outbox.prune(self.db, NEVER_KEPT)

    async def restore(self, version: int, **options: Any) -> RestoreAnswer:
        done = await self.history.restore(self.ada.owner, version, **options)
        return msgspec.json.decode(done.body, type=RestoreAnswer)


def _extra(item: Any) -> tuple[Any, ...]:
    return (item.attributes, item.note, item.customisation)


def shown(cart: Cart | PastCart) -> Any:
    """What a cart and its past have in common, in an order of its own; ids change when a line comes back."""
    lines = [(str(i.variant_id), i.quantity, i.added_price.amount, i.selected, *_extra(i)) for i in cart.items]
    saved = [(str(i.variant_id), i.quantity, i.added_price.amount, *_extra(i)) for i in cart.saved_items]
    return sorted(lines, key=str), sorted(saved, key=str), cart.metadata, cart.coupons


def ids(cart: Cart | PastCart) -> set[str]:
    return {str(item.id) for item in (*cart.items, *cart.saved_items)}
