"""What a customer has here: orders, addresses, devices, data."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.responses import Response

from pannier.accounts import AccountService, NotBuiltInError, PeopleService, WrongPasswordError
from pannier.kernel.country_names import COUNTRY_NAMES
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.orders import OrderService, show
from pannier.platform.fields import Address
from pannier.storefront.checkout_form import ADDRESS_FIELDS
from pannier.storefront.forms import Form
from pannier.storefront.visit import Flash, Visit

_ORDERS_SHOWN = 20


async def show_account(visit: Visit) -> Response:
    """Everything on one page."""
    user_id = visit.principal.user_id
    if user_id is None:
        return visit.redirect("/account/login?back=/account")
    accounts, people = visit.service(AccountService), visit.service(PeopleService)
    try:
        account, sessions = await accounts.me(visit.principal), await accounts.sessions(visit.principal)
    except NotBuiltInError:
        account, sessions = None, []
    orders, more = await visit.service(OrderService).list_own(visit.principal, limit=_ORDERS_SHOWN)
    plain: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode([show(o) for o in orders], enc_hook=str))
    return await visit.page(
        "account.html",
        at_cart=True,
        account=account,
        orders=plain,
        has_more_orders=more is not None,
        addresses=await people.addresses(user_id),
        sessions=sessions,
        current=visit.principal.session_id,
        erasure=await people.erasure(user_id),
        address_fields=ADDRESS_FIELDS,
        countries=COUNTRY_NAMES,
        country_names=dict(COUNTRY_NAMES),
        erase_days=visit.settings.erase_after_days,
    )


async def save_address(visit: Visit) -> Response:
    """Add an address to the book."""
    user_id = visit.principal.user_id
    if user_id is None:
        return visit.redirect("/account/login")
    form = await visit.form()
    values = {field.name: form.text(field.name) for field in ADDRESS_FIELDS if form.text(field.name)}
    try:
        address = Address(**values)
    except ValidationError as wrong:
        names = {field.name: field.label for field in ADDRESS_FIELDS}
        missing = ", ".join(dict.fromkeys(names.get(str(e["loc"][0]), str(e["loc"][0])) for e in wrong.errors()))
        return visit.redirect("/account#addresses", Flash("bad", f"The address was not saved. Look at: {missing}."))
    data = address.model_dump(exclude_none=True)
    return await _told(
        visit,
        "/account#addresses",
        "The address is saved.",
        visit.service(PeopleService).save_address(user_id, "", data),
    )


async def change_address(visit: Visit) -> Response:
    """Make an address the default, or take it out of the book."""
    user_id = visit.principal.user_id
    if user_id is None:
        return visit.redirect("/account/login")
    form, people = await visit.form(), visit.service(PeopleService)
    address_id = Form({"id": visit.request.path_params["address_id"]}, "").identity("id")
    saved = next((entry for entry in await people.addresses(user_id) if entry.id == address_id), None)
    if saved is None:
        return visit.redirect("/account#addresses", Flash("bad", "That address is not in your book."))
    if form.text("do") == "default":
        done = people.save_address(user_id, saved.label, saved.data, address_id=saved.id, is_default=True)
        return await _told(visit, "/account#addresses", "That is your default address now.", done)
    return await _told(visit, "/account#addresses", "The address is gone.", people.delete_address(user_id, saved.id))


async def end_sessions(visit: Visit) -> Response:
    """Sign one device out, or every other one."""
    if visit.principal.user_id is None:
        return visit.redirect("/account/login")
    form, accounts = await visit.form(), visit.service(AccountService)
    session_id = form.identity("session_id")
    if session_id is None:
        done: Any = accounts.sign_out_everywhere(visit.principal, but_here=True)
        return await _told(visit, "/account#devices", "Every other device is signed out.", done)
    return await _told(
        visit, "/account#devices", "That device is signed out.", accounts.sign_out(visit.principal, session_id)
    )


async def privacy(visit: Visit) -> Response:
    """Ask to be erased, or take it back."""
    user_id = visit.principal.user_id
    if user_id is None:
        return visit.redirect("/account/login")
    form, people = await visit.form(), visit.service(PeopleService)
    if form.text("do") == "keep":
        return await _told(visit, "/account#privacy", "Your account stays.", people.undo_erasure(user_id))
    email = None
    try:
        if visit.principal.session_id is not None:
            accounts = visit.service(AccountService)
            email = (await accounts.confirm_password(visit.principal, form.fields.get("password", ""))).email
    except WrongPasswordError as refusal:
        return visit.redirect("/account#privacy", Flash("bad", refusal.message))
    done = people.ask_erasure(user_id, email)
    return await _told(visit, "/account#privacy", "Your account will be erased. You can still take that back.", done)


async def _told(visit: Visit, path: str, text: str, change: Any) -> Response:
    """Carry a change out and say so; a refusal is said instead."""
    try:
        await change
    except PannierError as refusal:
        if refusal.kind in {ErrorKind.unavailable, ErrorKind.internal}:
            raise
        return visit.redirect(path, Flash("bad", refusal.message))
    return visit.redirect(path, Flash("ok", text))
