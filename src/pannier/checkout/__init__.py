"""Checkout: a session over a cart that becomes exactly one order."""

from pannier.checkout.api import router, webhook_router
from pannier.checkout.buying import Bought, BuyNowService
from pannier.checkout.buying_api import buying_router
from pannier.checkout.codes import CodeService
from pannier.checkout.codes_api import codes_router
from pannier.checkout.completing_api import HOT_ROUTES
from pannier.checkout.drafts import DraftService
from pannier.checkout.dues import DueService
from pannier.checkout.dues_api import dues_router
from pannier.checkout.reordering import ReorderService
from pannier.checkout.reordering_api import reordering_router
from pannier.checkout.revising import ReviseService
from pannier.checkout.revising_api import admin_revising_router
from pannier.checkout.schemas import CheckoutDocument, CheckoutPatch
from pannier.checkout.service import CheckoutAnswer, CheckoutService
from pannier.checkout.wishing import CartGuestTokens, WishingService
from pannier.checkout.wishing_api import wishing_router
from pannier.platform.fields import Address

__all__ = [
    "HOT_ROUTES",
    "Address",
    "Bought",
    "BuyNowService",
    "CartGuestTokens",
    "CheckoutAnswer",
    "CheckoutDocument",
    "CheckoutPatch",
    "CheckoutService",
    "CodeService",
    "DraftService",
    "DueService",
    "ReorderService",
    "ReviseService",
    "WishingService",
    "admin_revising_router",
    "buying_router",
    "codes_router",
    "dues_router",
    "reordering_router",
    "router",
    "webhook_router",
    "wishing_router",
]
