"""A shop without HTTP: its services on a test's database, and shoppers who fill carts and check out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pannier.cart import CartOwner, CartService, Command, add
from pannier.checkout import Address, CheckoutAnswer, CheckoutPatch, CheckoutService
from pannier.kernel.ids import new_cart_token
from pannier.orders import OrderService
from pannier.platform.database import Database
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings

ADDRESS = Address(name="Jane Doe", line1="1 High Street", city="Springfield", postal_code="12345", country="US")
DETAILS = CheckoutPatch(email="jane@example.com", shipping_address=ADDRESS, payment_method="invoice")
STAFF = Principal("admin", frozenset({"admin", "staff"}))

#: 8 % on goods, shipping 15.99, free above 200.00.
SHOP_C: dict[str, Any] = {
    "tax_percent": Decimal(8),
    "shipping_flat_minor": 1599,
    "shipping_free_from_minor": 20_000,
    "shipping_free_operator": "gt",
}


def guest() -> Principal:
    """Somebody with a cart token of his own."""
    return Principal("guest", frozenset({"guest"}), None, new_cart_token(), "bearer")


def customer(user_id: str) -> Principal:
    """Somebody with an account."""
    return Principal("customer", frozenset({"customer"}), user_id)


def owner_of(shopper: Principal) -> CartOwner:
    """Whose cart the shopper's is."""
    return CartOwner(user_id=shopper.user_id, token=shopper.cart_token)


@dataclass
class Shop:
    """The services a sale needs, with the shop's settings changed as a test wants them."""

    db: Database
    settings: Settings
    carts: CartService
    checkouts: CheckoutService
    orders: OrderService

    @classmethod
    def of(cls, db: Database, settings: Settings, **changes: Any) -> Shop:
        settings = settings.model_copy(update=changes)
        return cls(db, settings, CartService(db, settings), CheckoutService(db, settings), OrderService(db, settings))

    async def fill(self, shopper: Principal, variant: uuid.UUID, quantity: int = 1, **options: Any) -> uuid.UUID:
        """Put units into the shopper's cart; answers the line's id."""
        change = add(variant, quantity, **options)
        outcome = await self.carts.apply(Command(owner_of(shopper), "cart.item_added", [change]))
        line_id = outcome.answer.results[0].line_id
        assert line_id is not None
        return uuid.UUID(str(line_id))

    async def ready(
        self, variant: uuid.UUID, quantity: int = 1, shopper: Principal | None = None
    ) -> tuple[Principal, CheckoutAnswer]:
        """A shopper whose checkout over these units lacks nothing."""
        shopper = shopper or guest()
        await self.fill(shopper, variant, quantity)
        return shopper, await self.checkouts.create_checkout(shopper, DETAILS)

    async def buy(
        self, variant: uuid.UUID, quantity: int = 1, shopper: Principal | None = None
    ) -> tuple[Principal, str]:
        """A shopper and the number of the order just placed."""
        shopper, session = await self.ready(variant, quantity, shopper)
        done = await self.checkouts.complete(shopper, session.id)
        assert done.order_number is not None
        return shopper, done.order_number


async def stock_figures(db: Database, variant: uuid.UUID) -> tuple[int, int]:
    """(on_hand, held)."""
    async with db.read() as connection:
        row = await connection.fetchrow("select on_hand, held from stock where variant_id = $1", variant)
    assert row is not None
    return row["on_hand"], row["held"]


async def count(db: Database, table: str) -> int:
    """Rows of a table."""
    async with db.read() as connection:
        return int(await connection.fetchval(f"select count(*) from {table}"))
