"""What a customer has bought before: as many orders as the case says, placed, paid, sent, or canceled."""

from __future__ import annotations

from pannier.cart import CartOwner, Command, add
from pannier.catalog import Cause
from pannier.catalog.models import NewProduct, NewVariant
from pannier.checkout import CheckoutService
from pannier.orders import OrderService
from pannier.platform.principal import Principal
from tests.acceptance.world import World


async def build(world: World) -> None:
    """Orders of something that the case knows nothing of, before it begins."""
    customer = world.given.get("customer") or {}
    completed, canceled = customer.get("completed_orders", 0), customer.get("cancelled_orders", 0)
    if not completed and not canceled:
        return
    services = world.services
    before = NewProduct("Bought before", (NewVariant(100, requires_shipping=False, is_tracked=False),))
    product = await services.catalogue.create_product(before, Cause(actor="staff"))
    # At that time nobody was asked for anything.
    relaxed = {"checkout_requires": (), "checkout_steps": "free", "payment_methods": ("invoice",)}
    settings = services.settings.model_copy(update=relaxed)
    checkouts, orders = CheckoutService(services.db, settings), OrderService(services.db, settings)
    shopper = Principal(kind="customer", roles=frozenset({"customer"}), user_id=customer["id"])
    for number in range(completed + canceled):
        change = add(product.variants[0].id, 1)
        await services.carts.apply(Command(CartOwner(user_id=customer["id"]), "cart.changed", [change]))
        begun = await checkouts.create_checkout(shopper)
        done = await checkouts.complete(shopper, begun.id, payment_method="invoice")
        assert done.order_number is not None
        if number < completed:
            await orders.pay(world.staff, done.order_number)
            await orders.fulfil(world.staff, done.order_number)
        else:
            await orders.cancel(world.staff, done.order_number)
