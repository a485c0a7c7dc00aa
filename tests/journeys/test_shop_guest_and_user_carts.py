"""Shop A: a guest's month, a sign-in on two devices, and what becomes of the cart in a year."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pannier.accounts import Mailer
from pannier.cart import CartService, HistoryService
from pannier.kernel.clock import ManualClock
from pannier.platform.database import Database
from tests.journeys.devices import Device, contents, device, flags
from tests.journeys.shop_pages import open_shop, settings_of
from tests.support.accounts import Mailbox
from tests.support.catalogue import make_product

PAGE = "guest-and-user-carts"
JANE = {"email": "jane@example.com", "password": "three grey herons"}


async def test_the_life_of_a_cart(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(PAGE, monkeypatch, database_url, access_log="off")
    lamp, rug = await make_product(db, name="Lamp", on_hand=5), await make_product(db, name="Rug", on_hand=5)
    with open_shop(settings, clock) as (_, address):
        async with device(address) as laptop, device(address, "phone") as phone, device(address, "friend") as friend:
            # A guest looks around: nothing is made by that, and the badge says nothing.
            assert (await laptop.send("GET", "/cart/summary"))["total_quantity"] == 0
            assert "harbour_cart" not in laptop.http.cookies
            cart = await laptop.add(lamp, 2, note="for the hall")
            assert (cart["owner"], cart["items"][0]["availability"]["status"]) == (
                {"kind": "guest", "user_id": None},
                "in_stock",
            )
            page = await laptop.http.get(f"{address}/cart", headers={"Accept": "text/html"})
            assert "Lamp" in page.text
            assert "Harbour Lane" in page.text

            # A quarter of an hour later the lamps are anybody's, ten days later they are wanted again.
            clock.advance(timedelta(days=10))
            assert flags(await laptop.cart()) == [["hold_expired"]]
            assert (await friend.send("GET", "/cart/summary"))["total_quantity"] == 0
            assert flags(await laptop.add(rug)) == [[], []]
            assert (await laptop.send("GET", "/cart/summary"))["total_quantity"] == 3

            await sign_in_everywhere(laptop, phone, db, settings, clock)
            await both_devices(laptop, phone)
            await share_and_restore(laptop, friend, rug, db, settings)

            # A year later it is all still there: a user's cart does not expire.
            clock.advance(timedelta(days=365))
            await CartService(db, settings).expire_due()
            await laptop.send("POST", "/auth/login", {**JANE, "session": "cookie"})
            assert sorted(contents(await laptop.cart())) == [("Lamp", 2), ("Rug", 1)]


async def sign_in_everywhere(laptop: Device, phone: Device, db: Database, settings: object, clock: ManualClock) -> None:
    """Jane opens an account, and signs in on both devices. What the phone had is in her cart too."""
    mailbox = Mailbox()
    await laptop.send("POST", "/auth/register", JANE, 202)
    await Mailer(db, settings, mailbox).send_due()  # type: ignore[arg-type] # the settings of the journey
    assert "https://shop.example.com/account/verify?token=" in mailbox.letters[0].text
    token = mailbox.token(JANE["email"])
    await laptop.send("POST", "/auth/verify", {"token": token, "password": JANE["password"]})
    guest_token = laptop.http.cookies["harbour_cart"]
    await laptop.send("POST", "/auth/login", {**JANE, "session": "cookie"})
    assert laptop.http.cookies["harbour_cart"] != guest_token
    cart = await laptop.cart()
    assert (sorted(contents(cart)), cart["owner"]["kind"]) == ([("Lamp", 2), ("Rug", 1)], "user")
    assert cart["expires_at"] is None
    # The token that the guest had opens nothing any more.
    async with device(str(laptop.http.base_url.copy_with(path="")), "thief") as thief:
        thief.signed_in(guest_token)
        assert (await thief.cart())["items"] == []
    signed_in = await phone.send("POST", "/auth/login", JANE)
    phone.signed_in(signed_in["access_token"])


async def both_devices(laptop: Device, phone: Device) -> None:
    """What one changes the other sees, and nobody writes over what he has not seen."""
    before = await laptop.cart()
    (item,) = [line["id"] for line in before["items"] if line["name"] == "Lamp"]
    changed = await phone.send("PATCH", f"/cart/items/{item}", {"quantity": 3})
    assert sorted(contents(await laptop.cart())) == sorted(contents(changed)) == [("Lamp", 3), ("Rug", 1)]
    refused = await laptop.send("PATCH", f"/cart/items/{item}", {"quantity": 1}, 412, If_Match=f'"{before["version"]}"')
    assert (refused["error"], refused["cart"]["version"]) == ("CART_VERSION_MISMATCH", changed["version"])
    saved = await phone.send("POST", f"/cart/items/{item}/save")
    assert (contents(saved), [line["name"] for line in saved["saved_items"]]) == ([("Rug", 1)], ["Lamp"])
    back = await laptop.send("POST", f"/cart/items/{item}/restore", {"quantity": 2})
    assert sorted(contents(back)) == [("Lamp", 2), ("Rug", 1)]
    too_many = await laptop.send("PATCH", f"/cart/items/{item}", {"quantity": 50}, 409)
    assert (too_many["error"], too_many["details"]["available"]) == ("INSUFFICIENT_STOCK", 5)


async def share_and_restore(laptop: Device, friend: Device, rug: object, db: Database, settings: object) -> None:
    """A friend looks and copies; a cart that was cleared by mistake is what it was."""
    link = (await laptop.send("POST", "/cart/share", {"mode": "read"}, 201))["token"]
    shown = await friend.send("GET", f"/shared-carts/{link}")
    assert (sorted(contents(shown)), "for the hall" in str(shown)) == ([("Lamp", 2), ("Rug", 1)], False)
    assert (await friend.send("POST", f"/shared-carts/{link}/items", {"variant_id": str(rug)}, 403))["error"] == (
        "SHARE_READ_ONLY"
    )
    assert sorted(contents((await friend.send("POST", f"/shared-carts/{link}/copy"))["cart"])) == sorted(
        contents(shown)
    )
    version = (await laptop.cart())["version"]
    assert (await laptop.send("DELETE", "/cart"))["items"] == []
    await HistoryService(db, settings, CartService(db, settings)).take()  # type: ignore[arg-type] # of the journey
    events = (await laptop.send("GET", "/cart/history"))["events"]
    assert {"laptop", "phone"} <= {event["device"] for event in events}
    restored = await laptop.send("POST", "/cart/restore", {"version": version})
    assert sorted(contents(restored["cart"])) == [("Lamp", 2), ("Rug", 1)]


async def test_a_guests_cart_lasts_a_month_of_silence_and_no_longer(
    database_url: str, db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(PAGE, monkeypatch, database_url, access_log="off")
    lamp = await make_product(db, name="Lamp", on_hand=5)
    with open_shop(settings, clock) as (_, address):
        async with device(address) as guest:
            first = await guest.add(lamp)
            clock.advance(timedelta(days=29))
            again = await guest.add(lamp)
            assert (again["id"], contents(again)) == (first["id"], [("Lamp", 2)])
            clock.advance(timedelta(days=31))
            # Over at that moment, whether anybody has cleaned up or not.
            assert (await guest.cart())["items"] == []
            await CartService(db, settings).expire_due()
            new = await guest.add(lamp)
    assert new["id"] != first["id"]
    assert contents(new) == [("Lamp", 1)]
