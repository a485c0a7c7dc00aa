"""Carts that are shown to others and filled together, by links that can be taken back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.app.factory import PannierApp
from pannier.cart import MergeRequest
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import hash_token, new_cart_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import figures, make_product


@pytest_asyncio.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncIterator[PannierApp]:
    made = create_app(settings.model_copy(update={"access_log": "all"}), clock=clock)
    async with made.running():
        yield made


class Shopper:
    """Somebody with a cart token, over HTTP."""

    def __init__(self, app: PannierApp) -> None:
        self.token = new_cart_token()
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://shop/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
        )

    async def send(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def share(self, mode: str = "collaborate", **options: Any) -> str:
        made = await self.send("POST", "/cart/share", {"mode": mode, **options}, 201)
        return str(made["token"])


@pytest_asyncio.fixture
async def ada(app: PannierApp) -> AsyncIterator[Shopper]:
    shopper = Shopper(app)
    yield shopper
    await shopper.http.aclose()


@pytest_asyncio.fixture
async def bob(app: PannierApp) -> AsyncIterator[Shopper]:
    shopper = Shopper(app)
    yield shopper
    await shopper.http.aclose()


@pytest_asyncio.fixture
async def variant(ada: Shopper, db: Database) -> str:
    """Something of which Ada has two in her cart."""
    variant = str(await make_product(db, on_hand=10))
    await ada.send("POST", "/cart/items", {"variant_id": variant, "quantity": 2, "note": "blue, please"})
    return variant


async def test_a_link_shows_the_cart_and_not_whose_it_is(ada: Shopper, bob: Shopper, variant: str) -> None:
    cart = await ada.send("GET", "/cart")
    shown = await bob.send("GET", f"/shared-carts/{await ada.share('read')}")
    assert [(i["variant_id"], i["quantity"], i["note"], i["added_by"]) for i in shown["items"]] == [
        (variant, 2, None, None)
    ]
    assert (shown["totals"], shown["version"]) == (cart["totals"], cart["version"])
    assert cart["id"] not in str(shown)
    assert not {"owner", "metadata", "saved_items", "coupons", "id"} & set(shown)


@pytest.mark.parametrize("mode", ["read", "collaborate"])
@pytest.mark.parametrize("show_notes", [False, True])
async def test_what_the_owner_noted_is_shown_and_copied_only_where_that_was_chosen(
    ada: Shopper, bob: Shopper, variant: str, mode: str, show_notes: bool
) -> None:
    token = await ada.share(mode, show_notes=show_notes)
    if mode == "collaborate":
        theirs = {"variant_id": variant, "note": "for Bob", "name": "Bob"}
        answer = await bob.send("POST", f"/shared-carts/{token}/items", theirs)
        assert ("blue, please" in str(answer)) is show_notes
    shown = await bob.send("GET", f"/shared-carts/{token}")
    await bob.send("POST", f"/shared-carts/{token}/copy")
    copied = await bob.send("GET", "/cart")
    listed = (await ada.send("GET", "/cart/share"))["shares"]

    owners = "blue, please" if show_notes else None
    expected = [owners, "for Bob"] if mode == "collaborate" else [owners]
    assert [item["note"] for item in shown["items"]] == expected
    # Equal lines become one in the copy, with the note of the last.
    assert copied["items"][0]["note"] == expected[-1]
    assert [share["show_notes"] for share in listed] == [show_notes]
    assert (await ada.send("GET", "/cart"))["items"][0]["note"] == "blue, please"


async def test_only_the_digest_of_a_token_is_stored_and_no_log_has_it(
    ada: Shopper, bob: Shopper, variant: str, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = await ada.share()
    await bob.send("GET", f"/shared-carts/{token}")
    await bob.send("POST", f"/shared-carts/{token}/items", {"variant_id": variant, "quantity": 99}, 409)
    async with db.read() as connection:
        row = await connection.fetchrow("select token_hash, s::text as whole from cart_share s")
    assert row is not None
    assert row["token_hash"] == hash_token(token)
    assert token not in row["whole"]
    ours = "".join(str(record.__dict__) for record in caplog.records if record.name.startswith("pannier"))
    assert "GET /api/v1/shared-carts/{token} 200" in ours
    assert token not in ours


async def test_a_link_to_look_at_changes_nothing(ada: Shopper, bob: Shopper, variant: str) -> None:
    token = await ada.share("read")
    item = (await ada.send("GET", "/cart"))["items"][0]["id"]
    for method, body in (
        ("POST", {"variant_id": variant}),
        ("PUT", {"items": [{"id": item, "quantity": 1}]}),
        ("DELETE", {"ids": [item]}),
    ):
        refused = await bob.send(method, f"/shared-carts/{token}/items", body, 403)
        assert refused["error"] == "SHARE_READ_ONLY"
    assert (await ada.send("GET", "/cart"))["version"] == 1


async def test_filling_together_tells_who_added_what(ada: Shopper, bob: Shopper, variant: str, db: Database) -> None:
    token = await ada.share()
    await bob.send("POST", f"/shared-carts/{token}/items", {"variant_id": variant, "quantity": 3, "name": "Bob"})
    shown = await bob.send("POST", f"/shared-carts/{token}/items", {"variant_id": variant, "name": "Bob"})
    assert [(i["quantity"], i["added_by"]) for i in shown["items"]] == [(2, None), (4, "Bob")]
    assert (await figures(db, UUID(variant))).held == 6
    line = shown["items"][1]["id"]
    await bob.send("PUT", f"/shared-carts/{token}/items", {"items": [{"id": line, "quantity": 1}]})
    assert (await ada.send("GET", "/cart"))["total_quantity"] == 3
    events = (await ada.send("GET", "/cart/history"))["events"]
    assert {event["actor"].partition(":")[0] for event in events} == {"guest", "share"}
    await bob.send("DELETE", f"/shared-carts/{token}/items", {"ids": [line]})
    refused = await bob.send("POST", f"/shared-carts/{token}/items", {"variant_id": variant, "quantity": 50}, 409)
    assert refused["error"] == "INSUFFICIENT_STOCK"
    assert "cart" not in refused, "the whole cart is for its owner"
    assert await faults(db) == {}


async def test_a_link_can_be_revoked_by_its_owner_alone(ada: Shopper, bob: Shopper, variant: str) -> None:
    token, other = await ada.share(), await ada.share("read")
    listed = (await ada.send("GET", "/cart/share"))["shares"]
    assert [(share["mode"], share["token"]) for share in listed] == [("collaborate", None), ("read", None)]
    assert (await bob.send("GET", "/cart/share"))["shares"] == []
    await bob.send("POST", "/cart/items", {"variant_id": variant})
    await bob.send("DELETE", f"/cart/share/{listed[0]['id']}", status=404)
    await ada.send("DELETE", f"/cart/share/{listed[0]['id']}", status=204)
    await ada.send("DELETE", f"/cart/share/{listed[0]['id']}", status=404)
    for method, path in (("GET", ""), ("POST", "/copy")):
        assert (await bob.send(method, f"/shared-carts/{token}{path}", status=404))["error"] == "SHARE_NOT_FOUND"
    await bob.send("POST", f"/shared-carts/{token}/items", {"variant_id": variant}, 404)
    await bob.send("GET", f"/shared-carts/{other}")


@pytest.mark.parametrize("token", ["sh_" + "A" * 43, "ct_" + "A" * 43, "sh_", "sh_" + "'" * 43])
async def test_no_other_token_opens_anything(bob: Shopper, variant: str, token: str) -> None:
    assert (await bob.send("GET", f"/shared-carts/{token}", status=404))["status"] == 404


async def test_the_token_of_a_cart_opens_no_shared_one_and_the_other_way_round(
    ada: Shopper, bob: Shopper, variant: str
) -> None:
    token = await ada.share()
    await bob.send("GET", f"/shared-carts/{ada.token}", status=404)
    stolen = await bob.send("GET", "/cart", Authorization=f"Bearer {token}")
    assert (stolen["id"], stolen["items"]) == (None, [])


async def test_a_link_lasts_as_long_as_it_says(ada: Shopper, bob: Shopper, variant: str, clock: ManualClock) -> None:
    short, long = await ada.share(expires_in_hours=1), await ada.share()
    clock.advance(timedelta(hours=1))
    await bob.send("GET", f"/shared-carts/{short}", status=404)
    await bob.send("GET", f"/shared-carts/{long}")
    assert len((await ada.send("GET", "/cart/share"))["shares"]) == 1


async def test_a_closed_cart_is_shared_no_more_and_the_next_one_not_either(
    ada: Shopper, bob: Shopper, variant: str, db: Database
) -> None:
    token = await ada.share()
    async with db.read() as connection:
        await connection.execute("update cart set status = 'expired'")
    await ada.send("POST", "/cart/items", {"variant_id": variant})
    await bob.send("GET", f"/shared-carts/{token}", status=404)
    await bob.send("POST", f"/shared-carts/{token}/items", {"variant_id": variant}, 404)
    assert (await ada.send("GET", "/cart"))["total_quantity"] == 1


async def test_a_copy_takes_what_there_is_with_a_result_for_each(
    ada: Shopper, bob: Shopper, variant: str, db: Database
) -> None:
    rare = str(await make_product(db, on_hand=1))
    await ada.send("POST", "/cart/items", {"variant_id": rare})
    token = await ada.share("read")
    done = await bob.send("POST", f"/shared-carts/{token}/copy")
    assert [(result["ok"], result["error"]) for result in done["results"]] == [
        (True, None),
        (False, "INSUFFICIENT_STOCK"),
    ]
    assert [(i["variant_id"], i["quantity"], i["note"]) for i in done["cart"]["items"]] == [(variant, 2, None)]
    assert (await ada.send("GET", "/cart"))["total_quantity"] == 3
    assert await faults(db) == {}


async def test_links_are_bounded_and_need_a_cart(ada: Shopper, bob: Shopper, variant: str, settings: Settings) -> None:
    assert (await bob.send("POST", "/cart/share", status=404))["error"] == "CART_NOT_FOUND"
    for _ in range(settings.cart_share_max):
        await ada.share()
    assert (await ada.send("POST", "/cart/share", status=409))["error"] == "LIMIT_EXCEEDED"
    for wrong in ({"mode": "own"}, {"expires_in_hours": 0}, {"extra": 1}):
        await ada.send("POST", "/cart/share", wrong, 422)


async def test_a_link_to_a_guest_s_cart_leads_on_after_a_merge(
    ada: Shopper, bob: Shopper, variant: str, app: PannierApp
) -> None:
    token = await ada.share("read")
    services = app.lifecycle.services
    assert services is not None
    await services.merges.merge(MergeRequest("ada", ada.token))
    shown = await bob.send("GET", f"/shared-carts/{token}")
    assert [item["quantity"] for item in shown["items"]] == [2]


async def test_a_write_through_a_link_is_carried_out_once_per_key(ada: Shopper, bob: Shopper, db: Database) -> None:
    variant = await make_product(db)
    mine = {"variant_id": str(variant), "quantity": 1}
    await ada.http.post("/cart/items", json=mine, headers={"Idempotency-Key": "k"})
    token = await ada.share()
    path, body = f"/shared-carts/{token}/items", {"variant_id": str(variant), "quantity": 2, "name": "Bob"}
    # The owner's key of the same name is another one.
    first = await bob.http.post(path, json=body, headers={"Idempotency-Key": "k"})
    again = await bob.http.post(path, json=body, headers={"Idempotency-Key": "k"})
    other = await bob.http.post(path, json=body | {"quantity": 3}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await ada.send("GET", "/cart"))["total_quantity"] == 3
    gone = [item["id"] for item in first.json()["items"] if item["added_by"] == "Bob"]
    for _ in range(2):
        left = await bob.http.request("DELETE", path, json={"ids": gone}, headers={"Idempotency-Key": "r"})
        assert (left.status_code, left.json()["total_quantity"]) == (200, 1)


async def test_a_link_is_made_and_revoked_once_per_key(ada: Shopper, db: Database) -> None:
    await ada.send("POST", "/cart/items", {"variant_id": str(await make_product(db)), "quantity": 1})
    made = [await ada.http.post("/cart/share", headers={"Idempotency-Key": "share"}) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[1].json() == made[0].json() | {"token": None}
    async with db.read() as connection:
        kept = await connection.fetchval("select string_agg(answer, '') from idempotency_record")
    assert made[0].json()["id"] in kept
    assert made[0].json()["token"] not in kept
    path = f"/cart/share/{made[0].json()['id']}"
    revoked = [await ada.http.delete(path, headers={"Idempotency-Key": "revoke"}) for _ in range(2)]
    assert [answer.status_code for answer in revoked] == [204, 204]
    await ada.send("DELETE", path, status=404)


async def test_many_at_once_make_no_more_links_than_there_may_be(
    ada: Shopper, db: Database, settings: Settings
) -> None:
    await ada.send("POST", "/cart/items", {"variant_id": str(await make_product(db)), "quantity": 1})
    made = await asyncio.gather(*(ada.http.post("/cart/share") for _ in range(settings.cart_share_max + 15)))
    codes = [answer.status_code for answer in made]
    assert codes.count(201) == settings.cart_share_max
    assert len((await ada.send("GET", "/cart/share"))["shares"]) == settings.cart_share_max


async def test_a_version_that_is_gone_refuses_a_write_through_a_link(ada: Shopper, bob: Shopper, db: Database) -> None:
    variant = await make_product(db)
    await ada.send("POST", "/cart/items", {"variant_id": str(variant), "quantity": 1})
    path = f"/shared-carts/{await ada.share()}/items"
    body = {"variant_id": str(variant), "quantity": 1, "name": "Bob"}
    refused = await bob.http.post(path, json=body, headers={"If-Match": '"7"'})
    assert (refused.status_code, refused.json()["error"]) == (412, "CART_VERSION_MISMATCH")
    assert "cart" not in refused.json()
