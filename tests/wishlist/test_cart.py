"""Between a wishlist and the cart."""

from __future__ import annotations

from typing import Any

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.support.accounts import account_shop
from tests.support.books import faults
from tests.support.catalogue import figures, make_product
from tests.support.wishers import Wisher

ALL = "/wishlists/default/cart"


def lines(cart: dict[str, Any]) -> list[tuple[str, int]]:
    return [(item["variant_id"], item["quantity"]) for item in cart["items"]]


async def test_an_item_moves_into_the_cart_with_what_it_carries(jane: Wisher, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    options: dict[str, Any] = {"note": "blue", "attributes": {"colour": "blue"}, "customisation": {"text": "A"}}
    item = await jane.wish(variant, quantity=2, **options)
    moved = await jane.send("POST", f"/wishlists/default/items/{item['id']}/cart")
    (line,) = moved["cart"]["items"]
    assert (line["quantity"], line["note"], line["attributes"], line["customisation"]) == (2, *options.values())
    assert moved["wishlist"]["items"] == []
    (result,) = moved["results"]
    assert (result["ok"], result["cart_item_id"], result["quantity"]) == (True, line["id"], 2)
    assert (await figures(db, variant)).held == 2
    assert await faults(db) == {}


async def test_a_copy_stays_on_the_list(jane: Wisher, db: Database) -> None:
    variant = await make_product(db)
    item = await jane.wish(variant, quantity=4)
    copied = await jane.send("POST", f"/wishlists/default/items/{item['id']}/cart", {"keep": True, "quantity": 1})
    assert lines(copied["cart"]) == [(str(variant), 1)]
    assert [i["quantity"] for i in copied["wishlist"]["items"]] == [4]


async def test_what_is_refused_stays_on_the_list(jane: Wisher, db: Database) -> None:
    item = await jane.wish(await make_product(db, on_hand=1), quantity=2)
    refused = await jane.send("POST", f"/wishlists/default/items/{item['id']}/cart", None, 409)
    assert (refused["error"], refused["details"]["available"]) == ("INSUFFICIENT_STOCK", 1)
    assert len(await jane.items()) == 1
    await jane.send("POST", f"/wishlists/default/items/{uuid7()}/cart", None, 404)


async def test_all_go_into_the_cart_but_for_those_that_cannot_which_say_why(jane: Wisher, db: Database) -> None:
    there, sold_out, last = [await make_product(db, on_hand=count, name=f"N{count}") for count in (5, 0, 1)]
    for variant in (there, sold_out, last):
        await jane.wish(variant)
    done = await jane.send("POST", ALL)
    assert [(r["variant_id"], r["ok"], r["error"]) for r in done["results"]] == [
        (str(there), True, None),
        (str(sold_out), False, "INSUFFICIENT_STOCK"),
        (str(last), True, None),
    ]
    assert done["results"][1]["message"] == "Sold out."
    assert sorted(lines(done["cart"])) == sorted([(str(there), 1), (str(last), 1)])
    assert [item["variant_id"] for item in done["wishlist"]["items"]] == [str(sold_out)]
    assert await faults(db) == {}


async def test_all_or_none_where_that_is_asked(jane: Wisher, db: Database) -> None:
    for count in (5, 0):
        await jane.wish(await make_product(db, on_hand=count))
    await jane.send("POST", ALL, {"atomic": True}, 409)
    assert (await jane.send("GET", "/cart"))["items"] == []
    assert len(await jane.items()) == 2


async def test_some_are_named_and_the_others_stay(jane: Wisher, db: Database) -> None:
    first, second = [await jane.wish(await make_product(db)) for _ in range(2)]
    done = await jane.send("POST", ALL, {"item_ids": [second["id"]], "keep": True})
    assert [r["item_id"] for r in done["results"]] == [second["id"]]
    assert [i["id"] for i in done["wishlist"]["items"]] == [first["id"], second["id"]]
    await jane.send("POST", ALL, {"item_ids": [first["id"], str(uuid7())]}, 404)
    none = await jane.send("POST", ALL, {"item_ids": []})
    assert (none["results"], len(none["wishlist"]["items"])) == ([], 2)


async def test_a_part_that_the_cart_takes_leaves_the_rest_on_the_list(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    async with account_shop(db, settings, clock, short_stock="partial", rate_limits=False) as shop:
        await shop.account()
        async with shop.client(**(await shop.bearer())) as client:
            jane = Wisher(client)
            await jane.wish(await make_product(db, on_hand=2), quantity=5)
            done = await jane.send("POST", ALL)
            assert [(r["ok"], r["quantity"]) for r in done["results"]] == [(True, 2)]
            assert [item["quantity"] for item in done["wishlist"]["items"]] == [3]


async def test_the_same_key_adds_all_once_and_answers_exactly_the_same(jane: Wisher, db: Database) -> None:
    variants = [await make_product(db, on_hand=count) for count in (9, 0)]
    for variant in variants:
        await jane.wish(variant)
    first, again = [
        await jane.http.post("wishlists/default/cart", json={}, headers={"Idempotency-Key": "all"}) for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert lines(await jane.send("GET", "/cart")) == [(str(variants[0]), 1)]
    await jane.send("POST", ALL, {"keep": True}, 422, **{"Idempotency-Key": "all"})


async def test_a_request_that_broke_off_between_cart_and_list_is_finished_by_its_repetition(
    jane: Wisher, db: Database
) -> None:
    variant = await make_product(db, on_hand=9)
    await jane.wish(variant)
    await jane.http.post("wishlists/default/cart", json={}, headers={"Idempotency-Key": "all"})
    async with db.read() as connection:
        # As if it had ended after the cart's transaction.
        await connection.execute("delete from idempotency_record where key = 'all'")
    await jane.wish(variant)
    done = await jane.http.post("wishlists/default/cart", json={}, headers={"Idempotency-Key": "all"})
    assert (done.status_code, done.json()["wishlist"]["items"]) == (200, [])
    assert lines(await jane.send("GET", "/cart")) == [(str(variant), 1)]


async def test_a_line_of_the_cart_moves_onto_a_list(jane: Wisher, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    body = {"variant_id": str(variant), "quantity": 3, "note": "blue", "attributes": {"colour": "blue"}}
    (line,) = (await jane.send("POST", "/cart/items", body))["items"]
    moved = await jane.send("POST", "/wishlists/default/from-cart", {"item_id": line["id"]})
    assert moved["cart"]["items"] == []
    (item,) = moved["wishlist"]["items"]
    assert (item["quantity"], item["note"], item["attributes"]) == (3, "blue", {"colour": "blue"})
    assert (await figures(db, variant)).held == 0
    await jane.send("POST", "/wishlists/default/from-cart", {"item_id": line["id"]}, 404)
    assert await faults(db) == {}


async def test_a_saved_line_moves_onto_a_list_and_a_copy_leaves_it(jane: Wisher, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    (line,) = (await jane.send("POST", "/cart/items", {"variant_id": str(variant)}))["items"]
    copied = await jane.send("POST", "/wishlists/default/from-cart", {"item_id": line["id"], "keep": True})
    assert len(copied["cart"]["items"]) == 1
    await jane.send("POST", f"/cart/items/{line['id']}/save")
    moved = await jane.send("POST", "/wishlists/default/from-cart", {"item_id": line["id"]})
    assert (moved["cart"]["saved_items"], len(moved["wishlist"]["items"])) == ([], 1)


async def test_a_line_moves_once_per_key(jane: Wisher, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    (line,) = (await jane.send("POST", "/cart/items", {"variant_id": str(variant)}))["items"]
    path, body, key = "wishlists/default/from-cart", {"item_id": line["id"]}, {"Idempotency-Key": "move"}
    first, again = [await jane.http.post(path, json=body, headers=key) for _ in range(2)]
    assert (first.status_code, again.content) == (200, first.content)
    async with db.read() as connection:
        await connection.execute("delete from idempotency_record where key = 'move'")
    # The line is gone, but that it came onto the list is known.
    finished = await jane.http.post(path, json=body, headers=key)
    assert (finished.status_code, len(finished.json()["wishlist"]["items"])) == (200, 1)
