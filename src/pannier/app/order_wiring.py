"""How the services of orders are put together, and of what comes after their sale."""

from __future__ import annotations

from typing import Any

from pannier.cart import CartService, StatelessPricing
from pannier.checkout import CheckoutService, DueService, ReorderService, ReviseService
from pannier.orders import (
    HandoverService,
    OrderListing,
    OrderService,
    OrderTaker,
    RefundService,
    ReturnService,
    ThroughPayments,
)
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from pannier.pricebook import Providers as PriceProviders


def order_services(
    db: Database,
    settings: Settings,
    checkouts: CheckoutService,
    carts: CartService,
    providers: PriceProviders,
    taker: OrderTaker | None,
) -> dict[str, Any]:
    """Orders, and what comes after their sale."""
    payments = checkouts.payments
    refunds = RefundService(db, ThroughPayments(payments))
    orders = OrderService(db, settings, refunds)
    pricing = StatelessPricing(db, settings, carts, providers)
    return {
        "orders": orders,
        "pricing": pricing,
        "order_listing": OrderListing(db),
        "reordering": ReorderService(carts, orders),
        "handovers": HandoverService(db, taker),
        "revisions": ReviseService(db, settings, pricing, orders, refunds, payments),
        "dues": DueService(db, settings, orders, payments, checkouts.completion),
        "refunds": refunds,
        "returns": ReturnService(db, settings, refunds),
    }
