"""Hearts and the wishlist, all without JavaScript."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from pannier.app import PannierApp, create_app
from pannier.catalog import seed_demo
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import hash_token, new_link_token
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.storefront.reader import HEADERS, ORIGIN, Form, Page, Reader
from tests.support.accounts import PASSWORD, QUICK
from tests.support.books import faults
from tests.support.demo import demo_stock

JANE = "jane@example.com"


@pytest_asyncio.fixture
async def jane(app: PannierApp, reader: Reader) -> Reader:
    """A customer who is signed in."""
    services = app.state.pannier
    for service in (services.accounts, services.staff_accounts):
        service._passwords = QUICK
    await services.staff_accounts.create(JANE, PASSWORD)
    await reader.send((await reader.open("/account/login")).form("/account/login"), email=JANE, password=PASSWORD)
    return reader


@pytest_asyncio.fixture
async def guest(settings: Settings, clock: ManualClock, db: Database) -> AsyncIterator[Reader]:
    """Somebody without an account in a shop that has wishlists for guests."""
    await seed_demo(db, demo_stock(db, settings), currency=settings.currency)
    app = create_app(settings.model_copy(update={"wishlist_login": "optional"}), clock=clock)
    async with (
        app.running(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=ORIGIN) as client,
    ):
        yield Reader(client)


def press(page: Page, name: str = "hearts") -> Form:
    return page.form(f"/wishlist/{name}")


async def wish(reader: Reader, *slugs: str) -> None:
    """Press the heart of products with one variant, on their pages."""
    for slug in slugs:
        page = await reader.open(f"/p/{slug}")
        form = next(form for form in page.forms if form.action in {"/cart/items", "/wishlist/hearts"})
        await reader.post(Form("/wishlist/hearts", "post", form.fields), on="1")


def item_form(page: Page) -> Form:
    return next(form for form in page.forms if "/items/" in form.action and form.action.startswith("/wishlist/lists/"))


async def test_a_heart_on_the_list_fills_and_empties_with_undo(jane: Reader) -> None:
    page = await jane.open("/")
    heart = press(page)
    assert heart.buttons == [("on", "1", False)]
    on = await jane.send(heart, on="1")
    assert "It is on your wishlist." in on.text
    assert "View wishlist" in on.text
    assert press(on).buttons == [("on", "0", False)]
    off = await jane.send(press(on), on="0")
    assert "Taken off your wishlist." in off.text
    undo = off.form("/undo")
    back = await jane.send(undo, undo=undo.buttons[0][1])
    assert "It is back on your list." in back.text
    assert press(back).buttons == [("on", "0", False)]


async def test_who_is_not_signed_in_is_asked_to_and_comes_back(reader: Reader) -> None:
    asked = await reader.send(press(await reader.open("/?q=bowl")), on="1")
    assert asked.path == "/account/login?back=/%3Fq%3Dbowl"
    assert "Sign in to keep a wishlist." in asked.text
    assert (await reader.open("/wishlist")).path.startswith("/account/login")


async def test_a_guest_has_a_wishlist_where_the_shop_allows_it(guest: Reader, db: Database) -> None:
    heart = press(await guest.open("/"))
    answers = [await guest.post(heart, on="1") for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    page = await guest.open("/wishlist")
    assert page.text.count("Move to cart") == 1
    moved = await guest.send(item_form(page), do="cart")
    assert "1 is in your cart." in moved.text
    assert "Nothing on it yet." in moved.text
    assert "Mail me" not in page.text
    await guest.send(press(await guest.open("/")), on="1")
    async with db.read() as connection:
        assert await connection.fetchval("select count(distinct token_hash) from cart") == 1
        assert await connection.fetchval("select count(*) from wishlist") == 1
    assert await faults(db) == {}


async def test_an_item_is_noted_counted_and_watched(jane: Reader) -> None:
    await wish(jane, "cobalt-bowl")
    form = item_form(await jane.open("/wishlist"))
    saved = await jane.send(form, do="save", quantity="3", note="for Ann", back_in_stock="1")
    assert "Saved." in saved.text
    assert "3 × " in saved.text
    assert item_form(saved).fields["note"] == "for Ann"
    wrong = await jane.send(item_form(saved), do="save", quantity="0")
    assert "Say how many" in wrong.text


async def test_what_is_taken_off_comes_back_as_it_was(jane: Reader) -> None:
    await wish(jane, "cobalt-bowl")
    saved = await jane.send(item_form(await jane.open("/wishlist")), do="save", quantity="3", note="for Ann")
    gone = await jane.send(item_form(saved), do="remove")
    assert "Taken off your list." in gone.text
    assert "Nothing on it yet." in gone.text
    undo = gone.form("/undo")
    back = await jane.send(undo, undo=undo.buttons[0][1])
    assert item_form(back).fields["note"] == "for Ann"
    assert item_form(back).fields["quantity"] == "3"


async def test_all_go_into_the_cart_but_for_what_is_sold_out(jane: Reader) -> None:
    await wish(jane, "cobalt-bowl", "oak-stool", "mantel-clock")
    page = await jane.open("/wishlist")
    assert [form.buttons[0][2] for form in page.forms if "/items/" in form.action] == [False, False, True]
    done = await jane.send(next(f for f in page.forms if ("do", "all", False) in f.buttons), do="all")
    assert "2 are in your cart. 1 stayed on your list. Mantel Clock: Sold out." in done.text
    assert "Mantel Clock" in done.text
    assert len([form for form in done.forms if "/items/" in form.action]) == 1


async def test_lists_are_begun_renamed_and_deleted_when_one_is_sure(jane: Reader) -> None:
    await wish(jane, "cobalt-bowl")
    made = await jane.send((await jane.open("/wishlist")).form("/wishlist/lists"), name="Gifts")
    begin = next(form for form in made.forms if form.action == "/wishlist/lists")
    made = await jane.send(begin, name="Gifts")
    assert "Your list Gifts is there." in made.text
    rename = next(form for form in made.forms if ("do", "rename", False) in form.buttons)
    renamed = await jane.send(rename, do="rename", name="Presents")
    assert "Presents" in renamed.text
    taken = await jane.send(rename, do="rename", name="wishlist")
    assert "You have a list named wishlist already." in taken.text
    delete = next(form for form in renamed.forms if ("do", "delete", False) in form.buttons)
    delete.fields.pop("sure", None)
    kept = await jane.send(delete, do="delete")
    assert "Tick that you are sure" in kept.text
    gone = await jane.send(delete, do="delete", sure="1")
    assert "The list is gone." in gone.text
    assert "Presents" not in gone.text


async def test_a_list_is_shared_looked_at_and_copied(jane: Reader, app: PannierApp) -> None:
    await wish(jane, "cobalt-bowl", "mantel-clock")
    await jane.send(item_form(await jane.open("/wishlist")), do="save", quantity="1", note="secret")
    page = await jane.open("/wishlist")
    share = next(form for form in page.forms if ("do", "share", False) in form.buttons)
    made = Page(await jane.post(share, do="share"))
    link = re.search(r"/wishlist/shared/wl_[\w-]{43}", made.response.text)
    assert link is not None
    again = Page(await jane.post(share, do="share"))
    assert "nobody knows it any more" in again.text
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        other = Reader(client)
        seen = await other.open(link[0])
        assert "Cobalt Bowl" in seen.text
        assert "secret" not in seen.response.text
        assert JANE not in seen.response.text
        asked = await other.send(seen.form("/wishlist/shared/"))
        assert asked.path.startswith("/account/login?back=/wishlist/shared/")
    copied = await jane.send((await jane.open(link[0])).form("/wishlist/shared/"))
    assert "All of it is on your wishlist." in copied.text
    revoke = next(form for form in copied.forms if ("do", "revoke", False) in form.buttons)
    await jane.send(revoke, do="revoke")
    assert (await jane.open(link[0])).status == 404


async def test_a_line_of_the_cart_moves_onto_the_wishlist(jane: Reader) -> None:
    page = await jane.open("/p/cobalt-bowl")
    await jane.send(page.form("/cart/items"), quantity="2")
    cart = await jane.open("/cart")
    line = cart.form("/cart/items/")
    moved = await jane.send(Form(line.action.replace("/cart/items/", "/wishlist/from-cart/"), "post", line.fields))
    assert "It is on your wishlist now." in moved.text
    assert "Nothing in it yet." in moved.text
    assert "2 × " in (await jane.open("/wishlist")).text


async def test_who_asks_to_be_told_has_it_on_the_list_with_the_switch_on(jane: Reader, db: Database) -> None:
    tell = press(await jane.open("/p/mantel-clock"))
    assert tell.buttons[0][:2] == ("tell", "1")
    told = await jane.send(tell, tell="1")
    assert "We will tell you when it is back." in told.text
    assert "we will tell you when it is back" in (await jane.open("/wishlist")).text
    async with db.read() as connection:
        assert await connection.fetchval("select is_awaited from wishlist_item")


async def test_the_link_of_a_mail_ends_notices_by_one_click(jane: Reader, app: PannierApp, db: Database) -> None:
    await jane.send(press(await jane.open("/p/mantel-clock")), tell="1")
    token = new_link_token()
    async with db.read() as connection:
        await connection.execute(
            "insert into wishlist_unsubscribe (token_hash, user_id, item_ids, created_at)"
            " select $1, w.user_id, array[i.id], now() from wishlist w join wishlist_item i on i.wishlist_id = w.id",
            hash_token(token),
        )
        watched = "select count(*) from wishlist_item where stock_wanted_at is not null"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            other = Reader(client)
            page = await other.open(f"/wishlist/unsubscribe?token={token}")
            assert "No more notices?" in page.text
            assert await connection.fetchval(watched) == 1, "programs that follow links end nothing"
            # As a mail program does it: no cookie, no browser's headers.
            done = await client.post(
                f"/wishlist/unsubscribe?token={token}",
                data={"List-Unsubscribe": "One-Click"},
                headers={"Accept": "*/*"},
            )
            assert done.status_code == 200
            assert await connection.fetchval(watched) == 0
            assert "Done" in (await other.send_page(page.form("/wishlist/unsubscribe"))).text
            assert (await client.get("/wishlist/unsubscribe?token=no", headers=HEADERS)).status_code == 404
