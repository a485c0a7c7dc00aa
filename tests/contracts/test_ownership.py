"""Somebody else's ids open nothing: every operation of the document is asked with them, by everybody who might.

What is sent where is worked out from the document. A parameter, a body or an access that this test does not know makes
it fail: whoever adds a route says here whose its ids are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from pannier.app.permissions import access_of
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import AccountShop, account_shop
from tests.support.catalogue import make_product

PREFIX = "/api/v1"
JANE, JOHN, ANN = "jane@example.com", "john@example.com", "ann@example.com"
#: Stands in everything of Jane's that is text, and nowhere else.
MARK = "zebrafinch"
ADDRESS = {"name": MARK, "line1": "1 High Street", "city": "Springfield", "postal_code": "12345", "country": "US"}
REFUSED = {401, 403, 404, 410}
#: Whose ids these parameters are: Jane's, or nobody's in particular.
OWNED = {
    "item_id",
    "checkout_id",
    "number",
    "address_id",
    "session_id",
    "cart_id",
    "merge_id",
    "share_id",
    "wishlist_id",
    "return_id",
}
OPEN = {
    # Whoever has a share's token may use it, so all that can be tried is one that nobody has.
    "token": "sh_" + "A" * 43,
    "variant_id": "01977d3e-8f00-7000-8000-000000000002",
    "kind": "newsletter", "version": "1", "code": "TEN", "slug_or_id": "no-such-product", "channel": "default",
    "limit": "5", "others_only": "true", "q": "x",
}  # fmt: skip
#: Never asked with somebody else's ids: they have none, or only staff may, for which test_permissions stands.
WITHOUT_OWNER = (
    "/auth/",
    "/payments/",
    "/pricing/",
    "/products",
    "/categories",
    "/inventory/",
    "/admin/",
    "/openapi.json",
    "/docs",
)
#: What staff may do with customers' things.
FOR_STAFF = ("/orders", "/checkouts")

#: What operations on a checkout are sent, by method and path.
CHECKOUT_BODIES: Mapping[tuple[str, str], Any] = {
    ("patch", "/checkouts/{checkout_id}"): {"note": "not yours"},
    ("post", "/checkouts/{checkout_id}/payment"): {"payment_method": "invoice"},
    ("post", "/checkouts/{checkout_id}/complete"): {},
    ("post", "/checkouts/{checkout_id}/coupons"): {"code": "TEN"},
    ("put", "/checkouts/{checkout_id}/draft"): {"note": "not yours"},
}


@dataclass
class Janes:
    """What Jane has: ids by parameter, and the bodies that name them."""

    ids: dict[str, str]
    variant: str
    token: str
    wish: str
    headers: dict[str, str] = field(default_factory=dict)

    def body(self, method: str, path: str) -> Any:
        """The JSON of an operation that takes one, with Jane's ids wherever one belongs."""
        item, variant = self.ids["item_id"], {"variant_id": self.variant, "quantity": 1}
        bodies: Mapping[tuple[str, str], Any] = {
            **CHECKOUT_BODIES,
            ("post", "/checkouts"): {"line_ids": [item]},
            ("post", "/orders/{number}/cancel"): {"reason": "not yours"},
            ("post", "/orders/{number}/returns"): {"items": [{"item_id": self.ids["line_id"], "quantity": 1}]},
            ("post", "/orders/{number}/payments"): {"payment_token": "tok_succeeds"},
            ("post", "/buy-now"): variant,
            ("patch", "/me"): {"name": "Somebody"},
            ("post", "/me/password"): {"password": "a wrong one", "new_password": "a brand new word"},
            ("post", "/me/email"): {"password": "a wrong one", "email": "x@example.com"},
            ("post", "/me/addresses"): {"address": {**ADDRESS, "name": "Somebody"}},
            ("put", "/me/addresses/{address_id}"): {"address": {**ADDRESS, "name": "Somebody"}},
            ("patch", "/me/preferences"): {"preferences": {"language": "en"}},
            ("put", "/me/consents/{kind}"): {"granted": True, "text_version": "1"},
            ("put", "/me/tax-id"): {"tax_id": "DE136695976"},
            ("post", "/me/erase"): {"password": "a wrong one"},
            ("post", "/cart/items"): variant,
            ("patch", "/cart/items/{item_id}"): {"quantity": 5},
            ("put", "/cart/items/{item_id}"): {"quantity": 5},
            ("post", "/cart/items/{item_id}/restore"): {},
            ("post", "/cart/items/{item_id}/duplicate"): {"quantity": 1},
            ("post", "/cart/bulk/items"): {"items": [variant]},
            ("put", "/cart/bulk/items"): {"items": [{"id": item, "quantity": 5}]},
            ("delete", "/cart/bulk/items"): {"ids": [item]},
            ("post", "/cart/merge"): {},
            ("post", "/cart/merge/preview"): {},
            ("post", "/cart/merge/undo"): {},
            ("post", "/cart/restore"): {"cart_id": self.ids["cart_id"], "version": 1},
            ("put", "/cart/selection"): {"ids": [item]},
            ("patch", "/cart/metadata"): {"metadata": {"colour": "red"}},
            ("post", "/cart/accept-changes"): {"consent_token": "none"},
            ("post", "/cart/coupons"): {"code": "TEN"},
            ("put", "/cart/destination"): {"country": "DE"},
            ("post", "/cart/prices/verify"): {"statement": "none"},
            ("put", "/cart/shipping-method"): {"method": None},
            ("post", "/cart/operations"): {"operations": []},
            ("post", "/cart/share"): {},
            ("post", "/wishlists"): {"name": "Mine"},
            ("post", "/wishlists/hearts/toggle"): {"variant_id": self.variant, "wishlist_id": self.ids["wishlist_id"]},
            ("post", "/wishlists/guests/merge"): {},
            ("patch", "/wishlists/{wishlist_id}"): {"name": "not yours"},
            ("put", "/wishlists/{wishlist_id}/order"): {"item_ids": [self.wish]},
            ("post", "/wishlists/{wishlist_id}/items"): variant,
            ("patch", "/wishlists/{wishlist_id}/items/{item_id}"): {"quantity": 5},
            ("post", "/wishlists/{wishlist_id}/undo"): {"version": 1},
            ("post", "/wishlists/{wishlist_id}/cart"): {"item_ids": [self.wish]},
            ("post", "/wishlists/{wishlist_id}/items/{item_id}/cart"): {},
            ("post", "/wishlists/{wishlist_id}/from-cart"): {"item_id": item},
            ("post", "/shared-wishlists/{token}/copy"): {"wishlist_id": self.ids["wishlist_id"]},
            ("post", "/cart/reserve"): {"ttl_s": 60},
            ("post", "/shared-carts/{token}/items"): variant,
            ("put", "/shared-carts/{token}/items"): {"items": [{"id": item, "quantity": 5}]},
            ("delete", "/shared-carts/{token}/items"): {"ids": [item]},
        }
        assert (method, path) in bodies, f"say in Janes.body what {method.upper()} {path} is sent"
        return bodies[method, path]


async def _janes(shop: AccountShop, variant: str) -> Janes:
    tokens = await shop.tokens(JANE)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    line = {"variant_id": variant, "quantity": 1, "note": MARK}
    ready = {"email": JANE, "shipping_address": ADDRESS, "payment_method": "invoice", "note": MARK}
    async with shop.client(**headers) as client:
        await client.patch("me", json={"name": MARK})
        await client.patch("me/preferences", json={"preferences": {"motto": MARK}})
        address = (await client.post("me/addresses", json={"address": ADDRESS, "label": MARK})).json()
        (await client.post("cart/items", json=line)).raise_for_status()
        placed = (await client.post("checkouts", json=ready)).raise_for_status().json()
        done = (await client.post(f"checkouts/{placed['id']}/complete", json={})).raise_for_status().json()
        cart = (await client.post("cart/items", json=line)).raise_for_status().json()
        session = (await client.post("checkouts", json=ready)).raise_for_status().json()
        sessions = (await client.get("me/sessions")).json()["sessions"]
        share = (await client.post("cart/share", json={})).raise_for_status().json()
        wish = {"variant_id": variant, "note": MARK}
        wished = (await client.post("wishlists/default/items", json=wish)).raise_for_status().json()
    ids = {
        "item_id": cart["items"][0]["id"],
        "checkout_id": session["id"],
        "number": done["order"]["number"],
        "address_id": address["id"],
        "session_id": sessions[0]["id"],
        "cart_id": cart["id"],
        "share_id": share["id"],
        "wishlist_id": wished["id"],
        "line_id": done["line_items"][0]["id"],
        "return_id": "01977d3e-8f00-7000-8000-000000000003",
        "merge_id": "01977d3e-8f00-7000-8000-000000000001",
    }
    return Janes(ids, variant, new_cart_token(), wished["items"][0]["id"], headers)


async def _state(shop: AccountShop, janes: Janes) -> list[Any]:
    """What Jane sees of hers. How much of a product is left is no secret, and changes when others buy."""
    async with shop.client(**janes.headers) as client:
        paths = [
            "cart",
            "cart/share",
            f"wishlists/{janes.ids['wishlist_id']}",
            f"orders/{janes.ids['number']}",
            "me/addresses",
            "me/sessions",
            "me",
            "me/preferences",
        ]
        found: list[Any] = [(await client.get(path)).raise_for_status().json() for path in paths]
        wishes = found[2]
        found[2] = (wishes["version"], wishes["name"], [(i["id"], i["quantity"], i["note"]) for i in wishes["items"]])
        cart = found[0]
        found[0] = (cart["id"], cart["version"], [(i["id"], i["quantity"], i["note"]) for i in cart["items"]])
        found.append((await client.get(f"checkouts/{janes.ids['checkout_id']}")).raise_for_status().json()["status"])
    return found


def _filled(parameters: list[dict[str, Any]], janes: Janes) -> tuple[dict[str, str], dict[str, str], bool]:
    """Path and query parameters, and whether Jane is among them."""
    places: dict[str, dict[str, str]] = {"path": {}, "query": {}}
    is_owned = False
    for parameter in parameters:
        name, place = parameter["name"], parameter["in"]
        if place not in places:
            continue
        if name in OWNED:
            places[place][name], is_owned = janes.ids[name], True
        elif place == "path" or name in OPEN:
            assert name in OPEN, f"say whose the parameter {name} is: in OWNED or in OPEN"
            places[place][name] = OPEN[name]
        else:
            assert not name.endswith(("_id", "token", "number")), f"say whose the parameter {name} is"
    return places["path"], places["query"], is_owned


async def _ask(
    client: httpx.AsyncClient, method: str, path: str, operation: Any, janes: Janes
) -> tuple[int, str, bool]:
    values, query, is_owned = _filled(operation.get("parameters", []), janes)
    body = janes.body(method, path) if "requestBody" in operation else None
    answer = await client.request(method, path.format(**values).lstrip("/"), params=query, json=body)
    return answer.status_code, answer.text, is_owned


@pytest.mark.parametrize("who", ["guest", "customer", "staff"])
async def test_nobody_gets_at_somebody_elses(db: Database, settings: Settings, clock: ManualClock, who: str) -> None:
    async with account_shop(db, settings, clock, rate_limits=False) as shop:
        variant = await make_product(db, name="Stool", on_hand=500)
        for email, role in ((JANE, "customer"), (JOHN, "customer"), (ANN, "staff")):
            await shop.account(email, role=role)
        janes = await _janes(shop, str(variant))
        before = await _state(shop, janes)
        token = {"Authorization": f"Bearer {new_cart_token()}"}
        headers = token if who == "guest" else await shop.bearer(JOHN if who == "customer" else ANN)
        asked, wrong = 0, []
        async with shop.client(**headers) as client:
            for path, item in shop.app.openapi()["paths"].items():
                below = path.removeprefix(PREFIX)
                if not path.startswith(PREFIX) or below.startswith(WITHOUT_OWNER):
                    continue
                for method, operation in item.items():
                    if who == "staff" and below.startswith(FOR_STAFF):
                        continue
                    status, text, is_owned = await _ask(client, method, below, operation, janes)
                    asked += 1
                    if MARK in text or JANE in text:
                        wrong.append(f"{method} {path} tells of it: {text[:200]}")
                    if status >= 500 or (is_owned and status not in REFUSED):
                        wrong.append(f"{method} {path}: {status}")
        assert wrong == []
        assert asked > 20
        assert await _state(shop, janes) == before


async def test_the_same_walk_finds_a_door_that_is_open(db: Database, settings: Settings, clock: ManualClock) -> None:
    """The control: asked as Jane herself, the same operations tell of what is hers."""
    async with account_shop(db, settings, clock, rate_limits=False) as shop:
        await shop.account(JANE)
        janes = await _janes(shop, str(await make_product(db, name="Stool", on_hand=500)))
        found = set()
        async with shop.client(**janes.headers) as client:
            for path, item in shop.app.openapi()["paths"].items():
                below = path.removeprefix(PREFIX)
                if path.startswith(PREFIX) and not below.startswith(WITHOUT_OWNER) and "get" in item:
                    status, text, is_owned = await _ask(client, "get", below, item["get"], janes)
                    if is_owned and status == 200 and MARK in text:
                        found.add(below)
    assert {"/orders/{number}", "/checkouts/{checkout_id}", "/wishlists/{wishlist_id}"} <= found


async def test_every_operation_opens_to_whom_the_table_says(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    """Asked without a body, so that only who asks is judged: whoever is let in is told what is missing."""
    async with account_shop(db, settings, clock, rate_limits=False) as shop:
        for email, role in ((JOHN, "customer"), (ANN, "staff")):
            await shop.account(email, role=role)
        people: dict[str, dict[str, str]] = {
            "nobody": {},
            "guest": {"Authorization": f"Bearer {new_cart_token()}"},
            "customer": await shop.bearer(JOHN),
            "staff": await shop.bearer(ANN),
            "operator": {"Authorization": f"Bearer {settings.admin_token.get_secret_value()}"}
            if settings.admin_token
            else {},
        }
        wrong = []
        # What is one's own comes last: some of it ends the session that is asked with.
        paths = sorted(shop.app.openapi()["paths"].items(), key=lambda entry: entry[0].startswith(f"{PREFIX}/me"))
        for path, item in paths:
            for method, operation in item.items():
                access = access_of(method, path, PREFIX)
                assert access is not None, f"say in app/permissions.py who may {method.upper()} {path}"
                if access not in {"user", "staff"}:
                    continue
                assert {} not in operation["security"]
                parameters = {p["name"]: "x" for p in operation.get("parameters", []) if p["in"] == "path"}
                asked = path.removeprefix(PREFIX).format(**parameters).lstrip("/")
                for name, headers in people.items():
                    async with shop.client(**headers) as client:
                        answer = await client.request(method, asked)
                    is_in = name in ({"customer", "staff"} if access == "user" else {"staff", "operator"})
                    told = answer.json()["error"] if answer.status_code in {401, 403} else ""
                    if is_in == (told in {"LOGIN_REQUIRED", "FORBIDDEN"}):
                        wrong.append(f"{name}: {method.upper()} {path} {answer.status_code} {told}")
        assert wrong == []
