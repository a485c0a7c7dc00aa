"""The wishlist, hearts, and the forms that change them."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from pannier.cart import CartOwner, Command
from pannier.checkout import WishingService
from pannier.kernel.errors import PannierError
from pannier.platform.idempotency import Answer, Key, key_of
from pannier.platform.problems import ValidationFailedError
from pannier.storefront.cart_pages import once_settled, refused
from pannier.storefront.forms import Form, local_path
from pannier.storefront.visit import Flash, Visit
from pannier.wishlist import (
    Asker,
    By,
    ItemChange,
    NewItem,
    Owner,
    WishlistNotFoundError,
    WishlistService,
    WishlistSharing,
    dropped_minor,
    flags,
)

_NAME_CHARS_MAX = 100


async def show_wishlist(visit: Visit) -> Response:
    """One list, `list` in the address or the default one, with the others to choose from."""
    wishlists = visit.service(WishlistService)
    if visit.principal.user_id is None and not wishlists.is_for_guests:
        return sign_in(visit)
    return await wishlist_page(visit)


async def wishlist_page(visit: Visit, *, link: str | None = None) -> Response:
    """The page of a list; `link` is one to it that was just made."""
    owner, wishlists = _owner(visit), visit.service(WishlistService)
    wanted = Form({"id": visit.request.query_params.get("list", "")}, "").identity("id")
    lists = await wishlists.lists(owner)
    try:
        found, items = await wishlists.open(owner, wanted)
    except WishlistNotFoundError:
        if wanted is not None:
            return visit.redirect("/wishlist", Flash("bad", "There is no such list of yours."))
        found, items = None, []
    shares = await visit.service(WishlistSharing).shares(owner, found.id) if found is not None else []
    return await visit.page(
        "wishlist.html",
        at_cart=True,
        lists=lists,
        found=found,
        items=[(item, item.shelf, flags(item), dropped_minor(item)) for item in items],
        shares=shares,
        link=link,
        is_customer=visit.principal.user_id is not None,
        note_max=visit.settings.cart_note_max_chars,
    )


async def press_heart(visit: Visit) -> Response:
    """Put a variant on the default list, or take it off; back to the page the heart is on."""
    form = await visit.form()
    back, variant_id = local_path(form.text("back")), form.identity("variant_id")
    wishlists = visit.service(WishlistService)
    if visit.principal.user_id is None and not wishlists.is_for_guests:
        return sign_in(visit, back)
    if variant_id is None:
        return visit.redirect(back, Flash("bad", "Choose one of the options first."))
    try:
        asker = await asker_of(visit, form)
        if form.text("tell"):
            new = NewItem(variant_id=variant_id, wants_stock=True)
            await wishlists.add(asker.owner, None, new, asker.by, key=_key(asker, form))
            said = Flash("ok", "We will tell you when it is back. It is on your wishlist.", to="wishlist")
        else:
            is_wanted = form.text("on") != "0"
            answer = await wishlists.toggle(
                asker.owner, variant_id, asker.by, is_wanted=is_wanted, key=_key(asker, form)
            )
            said = _pressed(answer)
    except PannierError as refusal:
        return visit.redirect(back, refused(refusal))
    return visit.redirect(back, said, token=asker.owner.token)


async def change_item(visit: Visit) -> Response:
    """Move an item to the cart, take it off, or change what is noted of it."""
    form, ids = await visit.form(), visit.request.path_params
    list_id, item_id = ids["wishlist_id"], ids["item_id"]
    place, wishlists = f"/wishlist?list={list_id}", visit.service(WishlistService)
    try:
        asker = await asker_of(visit, form)
        if form.text("do") == "cart":
            return await _to_cart(visit, form, asker, list_id, [item_id])
        if form.text("do") == "remove":
            answer = await wishlists.remove(asker.owner, list_id, [item_id], asker.by, key=_key(asker, form))
            undo = f"wish:{list_id}:{msgspec.json.decode(answer.body)['version']}"
            return visit.redirect(place, Flash("ok", "Taken off your list.", undo=undo, to="wishlist"))
        change = _change(form)
        await wishlists.change_item(asker.owner, list_id, item_id, change, asker.by, key=_key(asker, form))
    except PannierError as refusal:
        return visit.redirect(f"{place}#item-{item_id}", refused(refusal, str(item_id)))
    if change.wishlist_id not in {None, list_id}:
        return visit.redirect(place, Flash("ok", "Moved to the other list.", to="wishlist"))
    return visit.redirect(f"{place}#item-{item_id}", Flash("ok", "Saved.", str(item_id)))


async def create_list(visit: Visit) -> Response:
    """Begin another list."""
    form = await visit.form()
    try:
        name = _name(form)
        asker = await asker_of(visit, form)
        answer = await visit.service(WishlistService).create(asker.owner, name, asker.by, key=_key(asker, form))
    except PannierError as refusal:
        return visit.redirect("/wishlist", refused(refusal))
    made = msgspec.json.decode(answer.body)["id"]
    said = Flash("ok", f"Your list {name} is there.", to="wishlist")
    return visit.redirect(f"/wishlist?list={made}", said, token=asker.owner.token)


async def change_list(visit: Visit) -> Response:
    """Rename a list, make it the default, share it, delete it, or put all of it into the cart."""
    form, list_id = await visit.form(), visit.request.path_params["wishlist_id"]
    place, wishlists, do = f"/wishlist?list={list_id}", visit.service(WishlistService), form.text("do")
    try:
        asker = await asker_of(visit, form)
        key = _key(asker, form)
        if do == "all":
            return await _to_cart(visit, form, asker, list_id, None)
        if do == "share":
            answer = await visit.service(WishlistSharing).share(asker.owner, list_id, asker.by, key=key)
            token = msgspec.json.decode(answer.body)["token"]
            # Shown at once and never again, so not by way of another page.
            return await wishlist_page(visit, link=_link(visit, token) if token else "")
        if do == "delete":
            if not form.text("sure"):
                return visit.redirect(place, Flash("bad", "Tick that you are sure, then delete the list."))
            await wishlists.delete(asker.owner, list_id, asker.by, key=key)
            return visit.redirect("/wishlist", Flash("ok", "The list is gone.", to="wishlist"))
        if do == "revoke":
            share_id = form.identity("share_id") or uuid.UUID(int=0)
            await visit.service(WishlistSharing).revoke(asker.owner, list_id, share_id, asker.by, key=key)
            return visit.redirect(place, Flash("ok", "The link shows nothing any more.", to="wishlist"))
        name = None if do == "default" else _name(form)
        await wishlists.change_list(asker.owner, list_id, asker.by, name=name, is_default=do == "default", key=key)
    except PannierError as refusal:
        return visit.redirect(place, refused(refusal))
    return visit.redirect(
        place, Flash("ok", "Hearts fill this list now." if do == "default" else "Saved.", to="wishlist")
    )


async def move_from_cart(visit: Visit) -> Response:
    """A line of the cart page, onto the default list."""
    form, line_id = await visit.form(), visit.request.path_params["line_id"]
    wishlists = visit.service(WishlistService)
    if visit.principal.user_id is None and not wishlists.is_for_guests:
        return sign_in(visit, "/cart")
    try:
        asker = await asker_of(visit, form)
        await once_settled(
            lambda: visit.service(WishingService).from_cart(
                asker, None, line_id, _command(visit, asker, "cart.item_wished"), key=_key(asker, form)
            )
        )
    except PannierError as refusal:
        return visit.redirect("/cart", refused(refusal))
    return visit.redirect("/cart", Flash("ok", "It is on your wishlist now.", to="wishlist"), token=asker.owner.token)


async def undo_removal(visit: Visit, form: Form, places: str) -> Response:
    """Put back what was taken off lists: `list:version`, and more of them behind commas."""
    back = local_path(form.text("back"), "/wishlist")
    try:
        asker = await asker_of(visit, form)
        for place in places.split(",")[:20]:
            name, _, version = place.partition(":")
            list_id = Form({"id": name}, "").identity("id")
            if list_id is None or not version.isdecimal() or len(version) > 15:
                return visit.redirect(back, Flash("bad", "There is nothing to put back."))
            await visit.service(WishlistService).undo(
                asker.owner, list_id, int(version), asker.by, key=_key(asker, form, name)
            )
    except PannierError as refusal:
        return visit.redirect(back, refused(refusal))
    return visit.redirect(back, Flash("ok", "It is back on your list.", to="wishlist"))


async def _to_cart(
    visit: Visit, form: Form, asker: Asker, list_id: uuid.UUID, item_ids: list[uuid.UUID] | None
) -> Response:
    command = _command(visit, asker, "cart.wishes_added", is_atomic=False)
    wished = await once_settled(
        lambda: visit.service(WishingService).to_cart(asker, list_id, command, item_ids=item_ids, key=_key(asker, form))
    )
    done = msgspec.json.decode(wished.answer.body)
    names = {item["id"]: item["name"] for item in done["wishlist"]["items"]}
    added = sum(result["ok"] for result in done["results"])
    stayed = [f"{names.get(r['item_id'], 'It')}: {r['message']}" for r in done["results"] if not r["ok"]]
    texts = [f"{added} {'is' if added == 1 else 'are'} in your cart."] if added or not stayed else []
    if stayed:
        texts.append(f"{len(stayed)} stayed on your list. {' '.join(stayed)}")
    token = wished.outcome.token if wished.outcome is not None else None
    said = Flash("ok" if not stayed else "bad", " ".join(texts) if done["results"] else "This list is empty.")
    return visit.redirect(f"/wishlist?list={list_id}", said, token=token or asker.owner.token)


async def asker_of(visit: Visit, form: Form) -> Asker:
    """Who sends a form; a guest has a token of the form's own, so that two clicks are one."""
    principal, wishlists = visit.principal, visit.service(WishlistService)
    by = By(principal.user_id or "guest", principal.device, visit.request_id)
    if principal.user_id is not None:
        return Asker(Owner(principal.user_id), by, principal)
    wishlists.owner_of(principal)
    if principal.cart_token is None:
        made = form.fresh_token()
        principal = msgspec.structs.replace(principal, cart_token=made, token_source="bearer")  # noqa: S106 - where from
    token = await wishlists.guest_token(principal)
    return Asker(Owner(token=token), by, msgspec.structs.replace(principal, kind="guest", cart_token=token))


def _owner(visit: Visit) -> Owner:
    return visit.service(WishlistService).owner_of(visit.principal)


def _key(asker: Asker, form: Form, step: str = "") -> Key | None:
    key = form.key(f"wish{step}")
    return key_of(asker.principal, key, method="POST", target=form.digest) if key is not None else None


def _command(visit: Visit, asker: Asker, event: str, *, is_atomic: bool = True) -> Command:
    return Command(
        CartOwner(user_id=asker.owner.user_id, token=asker.owner.token),
        event,
        is_atomic=is_atomic,
        actor=asker.by.actor,
        device=asker.by.device,
        correlation_id=visit.request_id,
    )


def _change(form: Form) -> ItemChange:
    quantity = form.number("quantity")
    if not quantity or quantity > 999_999:
        raise ValidationFailedError.of([("quantity", "Say how many: a whole number from 1")])
    tells = form.text("has_switches") != ""
    return ItemChange(
        quantity=quantity,
        note=form.text("note"),
        wants_stock=form.text("back_in_stock") == "1" if tells else None,
        wants_price=form.text("price_drop") == "1" if tells else None,
        wishlist_id=form.identity("wishlist_id"),
    )


def _name(form: Form) -> str:
    name = " ".join(form.text("name").split())
    if not name or len(name) > _NAME_CHARS_MAX or not name.isprintable():
        raise ValidationFailedError.of([("name", f"A name of 1 to {_NAME_CHARS_MAX} characters")])
    return name


def _pressed(answer: Answer) -> Flash:
    done: dict[str, Any] = msgspec.json.decode(answer.body)
    if done["on_list"]:
        return Flash("ok", "It is on your wishlist.", to="wishlist")
    undo = ",".join(f"{each['wishlist_id']}:{each['version']}" for each in done["undo"])
    return Flash("ok", "Taken off your wishlist.", undo=f"wish:{undo}" if undo else "", to="wishlist")


def _link(visit: Visit, token: str) -> str:
    url = visit.request.url
    base = visit.settings.public_url or f"{url.scheme}://{url.netloc}{visit.root_path}"
    return f"{base.rstrip('/')}/wishlist/shared/{token}"


def sign_in(visit: Visit, back: str = "/wishlist") -> Response:
    """To the page where one signs in, and back."""
    said = Flash("bad", "Sign in to keep a wishlist.")
    return visit.redirect(f"/account/login?back={quote(back, safe='/')}", said)
