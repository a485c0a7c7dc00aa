"""A shop that stands and is being used: a real server on a real database, and one of everything in it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from pannier.accounts import StaffAccounts
from pannier.app import create_app
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.rate_limits import GROUPS
from pannier.platform.settings import Settings
from pannier.platform.tokens.own import OwnTokens
from tests.support.catalogue import make_product
from tests.support.offers import make_coupon, make_promotion
from tests.support.web import served

ADDRESS = {"name": "Jane Doe", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}
READY = {"email": "jane@example.com", "shipping_address": ADDRESS, "payment_method": "invoice"}

RECORDS: dict[str, dict[str, Any]] = {
    "zones": {"name": "Home", "areas": [{"country": "US"}]},
    "tax-rates": {"code": "levy", "category": "rare", "percent": 1, "valid_to": "2020-12-31"},
    "price-lists": {"code": "friends", "name": "Friends", "customer_group": "friends"},
    "shipping-methods": {
        "code": "mule",
        "name": "Mule",
        "definition": {"kind": "flat", "amount": 1},
        "is_enabled": False,
    },
}


@dataclass
class StandingShop:
    """Where it answers, and the ids of what there is in it."""

    url: str
    settings: Settings
    variants: list[str]
    products: list[str] = field(default_factory=list)
    #: Of what staff keep, one of each, by the path of its list below /admin.
    records: dict[str, str] = field(default_factory=dict)

    @property
    def staff(self) -> dict[str, str]:
        """The headers of somebody of the shop."""
        assert self.settings.admin_token is not None
        return {"Authorization": f"Bearer {self.settings.admin_token.get_secret_value()}"}

    def client(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        """A client that speaks for whom the headers name."""
        return httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)


@dataclass
class Trade:
    """A shopper's headers, and the ids of what the shopper has: a cart, an open checkout, an order."""

    headers: dict[str, str]
    items: list[str]
    saved: list[str]
    checkouts: list[str]
    orders: list[str]
    reservations: list[str]
    wishlists: list[str]


@asynccontextmanager
async def standing(settings: Settings, db: Database) -> AsyncIterator[StandingShop]:
    """A shop with a few products: many in stock, one left, none left, not counted."""
    made: list[uuid.UUID] = [
        await make_product(db, name=f"Stool {on_hand}", on_hand=on_hand) for on_hand in (100_000, 1, 0, None)
    ]
    # Counted like everybody, and never refused: what is compared asks more in a second than a shopper in an hour.
    ample = {f"rate_limit_{group}": "1000000/minute" for group in GROUPS}
    # A customer stays signed in for as long as is compared.
    lasting = {"access_token_ttl_s": 86_400}
    changes = {"access_log": "off", "wishlist_login": "optional", "enable_cart_reserve": True}
    settings = settings.model_copy(update={**changes, **ample, **lasting})
    with served(create_app(settings)) as url:
        shop = StandingShop(url, settings, [str(variant) for variant in made])
        async with shop.client() as client:
            for product in (await client.get("/products")).raise_for_status().json()["products"]:
                shop.products += [product["slug"], product["id"]]
        async with shop.client(shop.staff) as staff:
            for path, body in RECORDS.items():
                shop.records[path] = (await staff.post(f"/admin/{path}", json=body)).raise_for_status().json()["id"]
        promotion = await make_promotion(db, {"type": "order_percent", "percent": 10}, needs_code=True)
        await make_coupon(db, promotion, "TEN")
        yield shop


async def trade(shop: StandingShop, *, with_cookie: bool = False) -> Trade:
    """Somebody who has bought something and is about to buy more; staff have promised units elsewhere too."""
    bearer = {"Authorization": f"Bearer {new_cart_token()}"}
    async with shop.client(None if with_cookie else bearer) as client:
        placed = await _checkout(client, shop)
        done = (await client.post(f"/checkouts/{placed}/complete", json={})).raise_for_status().json()
        still_open = await _checkout(client, shop)
        cart = await _with_a_saved_line(client, shop)
        wished = (await client.post("/wishlists/default/items", json={"variant_id": shop.variants[0]})).json()
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
    async with shop.client(shop.staff) as staff:
        wanted = {"items": [{"variant_id": shop.variants[0], "quantity": 1}], "ttl_s": 600}
        reserved = (await staff.post("/inventory/reserve", json=wanted)).raise_for_status().json()
    return Trade(
        headers if with_cookie else bearer,
        items=[item["id"] for item in (*cart["items"], *wished["items"])],
        saved=[item["id"] for item in cart["saved_items"]],
        checkouts=[placed, still_open],
        orders=[done["order"]["number"]],
        reservations=[reserved["id"]],
        wishlists=[wished["id"], "default"],
    )


async def _with_a_saved_line(client: httpx.AsyncClient, shop: StandingShop) -> dict[str, Any]:
    wanted = {"variant_id": shop.variants[0], "attributes": {"colour": "red"}}
    cart = (await client.post("/cart/items", json=wanted)).raise_for_status().json()
    (item,) = (item for item in cart["items"] if item["attributes"])
    saved: dict[str, Any] = (await client.post(f"/cart/items/{item['id']}/save")).raise_for_status().json()
    return saved


async def signed_in(shop: StandingShop, db: Database) -> dict[str, str]:
    """The headers of a customer with an account."""
    email, password = "jane@example.com", "three grey herons"
    async with db.read() as connection:
        secret = await connection.fetchval("select secret from account_key")
    staff = StaffAccounts(db, shop.settings, OwnTokens(secret, audience="pannier:public", access_ttl_s=600))
    await staff.create(email, password)
    async with shop.client() as client:
        answer = await client.post("/auth/login", json={"email": email, "password": password})
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


async def _checkout(client: httpx.AsyncClient, shop: StandingShop) -> str:
    for variant in (shop.variants[0], shop.variants[3]):
        wanted: dict[str, Any] = {"variant_id": variant, "quantity": 2}
        (await client.post("/cart/items", json=wanted)).raise_for_status()
    session = (await client.post("/checkouts", json=READY)).raise_for_status().json()
    return str(session["id"])
