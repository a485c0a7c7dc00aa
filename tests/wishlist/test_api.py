"""Wishlists over HTTP: lists, items, hearts, limits, versions, keys."""

from __future__ import annotations

from typing import Any

import pytest

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import new_cart_token, uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import AccountShop, account_shop
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.wishers import Wisher, reprice


async def test_a_heart_puts_on_and_takes_off(jane: Wisher, db: Database) -> None:
    variant = await make_product(db)
    on = await jane.heart(variant)
    assert (on["on_list"], on["undo"]) == (True, [])
    assert await jane.names() == ["Wishlist"]
    marks = await jane.send("GET", f"/wishlists/hearts/marks?variant_id={variant}&variant_id={uuid7()}")
    assert marks["variant_ids"] == [str(variant)]
    off = await jane.heart(variant)
    assert off["on_list"] is False
    assert await jane.items() == []
    (undo,) = off["undo"]
    back = await jane.send("POST", f"/wishlists/{undo['wishlist_id']}/undo", {"version": undo["version"]})
    assert [item["variant_id"] for item in back["items"]] == [str(variant)]
    twice = await jane.send("POST", f"/wishlists/{undo['wishlist_id']}/undo", {"version": undo["version"]}, 409)
    assert twice["code"] == "WISH_008"
    assert await faults(db) == {}


async def test_a_heart_that_says_what_it_shall_be_stays_so(jane: Wisher, db: Database) -> None:
    variant = await make_product(db)
    for _ in range(2):
        assert (await jane.heart(variant, on=True))["on_list"] is True
    assert len(await jane.items()) == 1
    for _ in range(2):
        assert (await jane.heart(variant, on=False))["on_list"] is False
    await jane.send("POST", "/wishlists/hearts/toggle", {"variant_id": str(uuid7())}, 404)


async def test_an_item_carries_what_a_cart_line_does_and_live_figures(jane: Wisher, db: Database) -> None:
    variant = await make_product(db, on_hand=1, price_minor=2000)
    options: dict[str, Any] = {"note": "for Ann", "attributes": {"colour": "red"}, "customisation": {"text": "A"}}
    item = await jane.wish(variant, quantity=2, **options)
    assert (item["quantity"], item["note"], item["attributes"], item["customisation"]) == (2, *options.values())
    assert (item["price"], item["added_price"]) == ({"amount": 2000, "currency": "USD"},) * 2
    assert item["price_drop"] is None
    assert item["availability"] == {"status": "in_stock", "available": 1, "flags": ["insufficient_stock"]}
    await reprice(db, variant, 1500)
    (cheaper,) = await jane.items()
    assert cheaper["price_drop"] == {"amount": 500, "currency": "USD"}
    assert "price_dropped" in cheaper["availability"]["flags"]
    await reprice(db, variant, 2500)
    (dearer,) = await jane.items()
    assert (dearer["price_drop"], dearer["price"]["amount"]) == (None, 2500)


async def test_what_is_gone_or_sold_out_says_so(jane: Wisher, db: Database) -> None:
    sold_out, gone = await make_product(db, on_hand=0), await make_product(db)
    for variant in (sold_out, gone):
        await jane.wish(variant)
    async with db.read() as connection:
        await connection.execute(
            "update product set status = 'discontinued' where id in (select product_id from variant where id = $1)",
            gone,
        )
        await connection.execute("select catalog_refresh_display(array(select id from product))")
    first, second = await jane.items()
    assert (first["availability"]["status"], first["availability"]["flags"]) == ("out_of_stock", ["out_of_stock"])
    assert (second["availability"]["status"], second["availability"]["flags"]) == ("unavailable", ["unavailable"])


async def test_the_same_thing_is_once_on_a_list_and_twice_where_it_is_made_otherwise(
    jane: Wisher, db: Database
) -> None:
    variant = await make_product(db)
    await jane.wish(variant, quantity=2, note="first")
    again = await jane.wish(variant, quantity=1, note="second")
    assert (again["quantity"], again["note"]) == (2, "second")
    await jane.wish(variant, attributes={"colour": "red"})
    assert [item["attributes"] for item in await jane.items()] == [{}, {"colour": "red"}]


async def test_lists_have_names_one_of_them_is_the_default(jane: Wisher, db: Database) -> None:
    await jane.wish(await make_product(db))
    gifts = await jane.send("POST", "/wishlists", {"name": "Gifts"}, 201)
    assert gifts["is_default"] is False
    taken = await jane.send("POST", "/wishlists", {"name": " gifts "}, 409)
    assert (taken["code"], taken["field"]) == ("WISH_004", "name")
    await jane.send("PATCH", f"/wishlists/{gifts['id']}", {"name": "Wishlist"}, 409)
    renamed = await jane.send("PATCH", f"/wishlists/{gifts['id']}", {"name": "Presents", "is_default": True})
    assert (renamed["name"], renamed["is_default"]) == ("Presents", True)
    assert await jane.names() == ["Presents", "Wishlist"]
    await jane.send("DELETE", f"/wishlists/{gifts['id']}", status=204)
    assert await jane.names() == ["Wishlist"]
    (left,) = (await jane.send("GET", "/wishlists"))["wishlists"]
    assert (left["is_default"], left["item_count"]) == (True, 1)
    await jane.send("GET", f"/wishlists/{gifts['id']}", status=404)
    assert await faults(db) == {}


async def test_items_are_ordered_changed_and_moved_to_another_list(jane: Wisher, db: Database) -> None:
    variants = [await make_product(db, name=name) for name in "ABC"]
    ids = [(await jane.wish(variant))["id"] for variant in variants]
    ordered = await jane.send("PUT", "/wishlists/default/order", {"item_ids": [ids[2], ids[0]]})
    assert [item["name"] for item in ordered["items"]] == ["C", "A", "B"]
    changed = await jane.send("PATCH", f"/wishlists/default/items/{ids[0]}", {"quantity": 4, "note": "four"})
    assert [(i["quantity"], i["note"]) for i in changed["items"] if i["id"] == ids[0]] == [(4, "four")]
    gifts = await jane.send("POST", "/wishlists", {"name": "Gifts"}, 201)
    await jane.wish(variants[0], gifts["id"], note="on gifts")
    await jane.send("PATCH", f"/wishlists/default/items/{ids[0]}", {"wishlist_id": gifts["id"]})
    assert [i["name"] for i in await jane.items()] == ["C", "B"]
    (joined,) = await jane.items(gifts["id"])
    assert (joined["quantity"], joined["note"]) == (4, "on gifts")
    cleared = await jane.send("PATCH", f"/wishlists/{gifts['id']}/items/{joined['id']}", {"note": ""})
    assert cleared["items"][0]["note"] is None
    await jane.send("PATCH", f"/wishlists/default/items/{ids[1]}", {"wishlist_id": str(uuid7())}, 404)
    await jane.send("DELETE", f"/wishlists/default/items/{ids[1]}")
    await jane.send("DELETE", f"/wishlists/default/items/{ids[1]}", status=404)
    assert await faults(db) == {}


async def test_a_version_that_is_gone_refuses_a_change(jane: Wisher, db: Database) -> None:
    variant = await make_product(db)
    await jane.wish(variant)
    answer = await jane.http.get("wishlists/default")
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
    await jane.wish(await make_product(db))
    headers = {"If-Match": answer.headers["ETag"]}
    refused = await jane.send("PUT", "/wishlists/default/order", {"item_ids": []}, 412, **headers)
    assert (refused["code"], refused["details"]["expected"]) == ("WISH_005", answer.json()["version"])
    await jane.send("PUT", "/wishlists/default/order", {"item_ids": []}, 422, **{"If-Match": "seven"})
    current = (await jane.http.get("wishlists/default")).headers["ETag"]
    await jane.send("DELETE", "/wishlists/default", None, 204, **{"If-Match": current})


async def test_a_change_is_carried_out_once_per_key(jane: Wisher, db: Database) -> None:
    variant = await make_product(db)
    first = await jane.http.post(
        "wishlists/hearts/toggle", json={"variant_id": str(variant)}, headers={"Idempotency-Key": "k"}
    )
    again = await jane.http.post(
        "wishlists/hearts/toggle", json={"variant_id": str(variant)}, headers={"Idempotency-Key": "k"}
    )
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert len(await jane.items()) == 1
    other = {"variant_id": str(variant), "on": False}
    await jane.send("POST", "/wishlists/hearts/toggle", other, 422, **{"Idempotency-Key": "k"})


async def test_more_than_the_shop_allows_is_refused(db: Database, settings: Settings, clock: ManualClock) -> None:
    async with account_shop(db, settings, clock, wishlist_max=2, wishlist_max_items=2, rate_limits=False) as shop:
        await shop.account()
        async with shop.client(**(await shop.bearer())) as client:
            jane = Wisher(client)
            variants = [await make_product(db) for _ in range(3)]
            await jane.wish(variants[0])
            await jane.wish(variants[1])
            await jane.wish(variants[1], quantity=5)
            full = await jane.send("POST", "/wishlists/default/items", {"variant_id": str(variants[2])}, 409)
            assert (full["code"], full["details"]) == ("WISH_003", {"limit": "items", "maximum": 2})
            await jane.send("POST", "/wishlists", {"name": "Two"}, 201)
            more = await jane.send("POST", "/wishlists", {"name": "Three"}, 409)
            assert more["details"] == {"limit": "wishlists", "maximum": 2}


@pytest.mark.parametrize(
    "body",
    [
        {"quantity": 0},
        {"note": "x" * 501},
        {"attributes": {"a": "x" * 5000}},
        {"customisation": {"a": "\0"}},
        {"extra": 1},
    ],
)
async def test_what_is_wrong_is_refused_with_its_name(jane: Wisher, db: Database, body: dict[str, object]) -> None:
    variant = await make_product(db)
    refused = await jane.send("POST", "/wishlists/default/items", {"variant_id": str(variant), **body}, 422)
    assert (refused["field"] or "").startswith(next(iter(body)))


async def test_wishlists_are_for_customers_unless_the_shop_says_otherwise(shop: AccountShop, db: Database) -> None:
    async with shop.client(Authorization=f"Bearer {new_cart_token()}") as client:
        guest = Wisher(client)
        refused = await guest.send("POST", "/wishlists/hearts/toggle", {"variant_id": str(await make_product(db))}, 401)
        assert refused["error"] == "LOGIN_REQUIRED"
        await guest.send("GET", "/wishlists", status=401)


async def test_lists_are_shared_by_links_that_show_nothing_of_whose_they_are(
    jane: Wisher, shop: AccountShop, db: Database
) -> None:
    variant = await make_product(db)
    secret: dict[str, Any] = {"note": "for Ann", "customisation": {"engraving": "Jane Doe"}}
    item = await jane.wish(variant, attributes={"colour": "red"}, **secret)
    made = await jane.send("POST", "/wishlists/default/share", status=201)
    async with shop.client(Authorization=f"Bearer {new_cart_token()}") as client:
        guest = Wisher(client)
        shown = await guest.send("GET", f"/shared-wishlists/{made['token']}")
        (seen,) = shown["items"]
        assert (seen["variant_id"], seen["attributes"]) == (str(variant), {"colour": "red"})
        assert not {"note", "customisation", "added_price", "notify"} & set(seen)
        assert "Jane" not in str(shown)
        await guest.send("POST", f"/shared-wishlists/{made['token']}/copy", status=401)
        await guest.send("GET", f"/shared-wishlists/wl_{'A' * 43}", status=404)
        await guest.send("GET", "/shared-wishlists/nonsense", status=404)
    async with db.read() as connection:
        rows = await connection.fetchval("select string_agg(s::text, '') from wishlist_share s")
    assert made["token"] not in rows
    (listed,) = (await jane.send("GET", "/wishlists/default/share"))["shares"]
    assert (listed["id"], listed["token"]) == (made["id"], None)
    await shop.account("john@example.com")
    async with shop.client(**(await shop.bearer("john@example.com"))) as client:
        john = Wisher(client)
        await john.send("DELETE", f"/wishlists/default/share/{made['id']}", status=404)
        copied = await john.send("POST", f"/shared-wishlists/{made['token']}/copy", {"item_ids": [item["id"]]})
        assert [(i["variant_id"], i["note"], i["attributes"]) for i in copied["items"]] == [
            (str(variant), None, {"colour": "red"})
        ]
        again = await john.send("POST", f"/shared-wishlists/{made['token']}/copy")
        assert len(again["items"]) == 1
        await john.send("GET", f"/wishlists/{listed['id']}", status=404)
    await jane.send("DELETE", f"/wishlists/default/share/{made['id']}")
    await jane.send("DELETE", f"/wishlists/default/share/{made['id']}", status=404)
    async with shop.client() as client:
        await Wisher(client).send("GET", f"/shared-wishlists/{made['token']}", status=404)
    assert await faults(db) == {}


async def test_links_are_bounded_and_made_once_per_key(jane: Wisher, db: Database, settings: Settings) -> None:
    await jane.wish(await make_product(db))
    made = [
        await jane.send("POST", "/wishlists/default/share", None, 201, **{"Idempotency-Key": "share"}) for _ in range(2)
    ]
    assert made[1] == made[0] | {"token": None}
    for _ in range(settings.wishlist_share_max - 1):
        await jane.send("POST", "/wishlists/default/share", status=201)
    assert (await jane.send("POST", "/wishlists/default/share", status=409))["code"] == "WISH_003"


async def test_somebody_elses_list_is_not_there(jane: Wisher, shop: AccountShop, db: Database) -> None:
    item = await jane.wish(await make_product(db))
    (mine,) = (await jane.send("GET", "/wishlists"))["wishlists"]
    await shop.account("john@example.com")
    async with shop.client(**(await shop.bearer("john@example.com"))) as client:
        john = Wisher(client)
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"name": "Mine"}),
            ("DELETE", "", None),
            ("DELETE", f"/items/{item['id']}", None),
            ("POST", f"/items/{item['id']}/cart", {}),
            ("POST", "/cart", {}),
            ("POST", "/share", None),
        ):
            refused = await john.send(method, f"/wishlists/{mine['id']}{path}", body, 404)
            assert refused["code"] == "WISH_001"
        assert await john.names() == []
