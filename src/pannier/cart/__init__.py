"""Carts: one write path, lines whose stock is held, figures that are always current."""

from pannier.cart.basket import around_of, goods_of, list_price_when_added
from pannier.cart.charged import PriceKeeping, ViewRules, charged_price, is_for_sale, promised_price
from pannier.cart.displaying import CartDisplays
from pannier.cart.document import CartDocument, CartLineDocument, ChangeResult, CouponDocument, LineDocument
from pannier.cart.errors import (
    CartClosedError,
    CartNotFoundError,
    CouponRejectedError,
    CurrencyMismatchError,
    InvalidQuantityError,
    ItemNotFoundError,
    LimitExceededError,
    PriceChangedError,
    shortage,
)
from pannier.cart.exchange import checked_note, checked_object, headers_of, owner_of
from pannier.cart.history_repository import erase as erase_history
from pannier.cart.history_service import HistoryService
from pannier.cart.merge_service import MergeRequest, MergeService
from pannier.cart.models import QUANTITY_MAX, CartOwner, Change, Command, add
from pannier.cart.price_statements import PriceStatements
from pannier.cart.pricing_service import CartPricingService
from pannier.cart.read_model import Cart, CartShippingOption, Item, Money
from pannier.cart.service import CartService, Outcome
from pannier.cart.sharing_service import SharingService
from pannier.cart.stateless import Basket as StatelessBasket
from pannier.cart.stateless import StatelessPricing
from pannier.cart.stateless import Wanted as StatelessWanted
from pannier.cart.stateless_api import router as pricing_router
from pannier.cart.tokens import exchange_token
from pannier.cart.validation import Finding, consent_token, price_finding
from pannier.platform.idempotency import IdempotencyConflictError, IdempotencyInFlightError

__all__ = [
    "QUANTITY_MAX",
    "Cart",
    "CartClosedError",
    "CartDisplays",
    "CartDocument",
    "CartLineDocument",
    "CartNotFoundError",
    "CartOwner",
    "CartPricingService",
    "CartService",
    "CartShippingOption",
    "Change",
    "ChangeResult",
    "Command",
    "CouponDocument",
    "CouponRejectedError",
    "CurrencyMismatchError",
    "Finding",
    "HistoryService",
    "IdempotencyConflictError",
    "IdempotencyInFlightError",
    "InvalidQuantityError",
    "Item",
    "ItemNotFoundError",
    "LimitExceededError",
    "LineDocument",
    "MergeRequest",
    "MergeService",
    "Money",
    "Outcome",
    "PriceChangedError",
    "PriceKeeping",
    "PriceStatements",
    "SharingService",
    "StatelessBasket",
    "StatelessPricing",
    "StatelessWanted",
    "ViewRules",
    "add",
    "around_of",
    "charged_price",
    "checked_note",
    "checked_object",
    "consent_token",
    "erase_history",
    "exchange_token",
    "goods_of",
    "headers_of",
    "is_for_sale",
    "list_price_when_added",
    "owner_of",
    "price_finding",
    "pricing_router",
    "promised_price",
    "shortage",
]
