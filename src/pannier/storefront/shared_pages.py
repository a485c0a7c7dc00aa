"""Pages that take no more than a link: somebody's wishlist, and the end of its notices."""

from __future__ import annotations

import re

from starlette.responses import Response

from pannier.kernel.errors import PannierError
from pannier.platform.idempotency import key_of
from pannier.storefront.cart_pages import refused
from pannier.storefront.visit import Flash, Visit
from pannier.storefront.wishlist_pages import asker_of, sign_in
from pannier.wishlist import NoticeService, WishlistService, WishlistShareNotFoundError, WishlistSharing

_TOKEN = re.compile(r"wl_[A-Za-z0-9_-]{43}")


async def show_shared(visit: Visit) -> Response:
    """A list that somebody shared, without a trace of whose it is."""
    shown = await visit.service(WishlistSharing).view(_token(visit))
    return await visit.page("shared_wishlist.html", shared=shown, at_cart=True)


async def copy_shared(visit: Visit) -> Response:
    """Put all that is on it on one's own list."""
    form, token = await visit.form(), _token(visit)
    if visit.principal.user_id is None and not visit.service(WishlistService).is_for_guests:
        return sign_in(visit, f"/wishlist/shared/{token}")
    try:
        asker = await asker_of(visit, form)
        name = form.key("copy")
        key = key_of(asker.principal, name, method="POST", target=form.digest) if name is not None else None
        await visit.service(WishlistSharing).copy(token, asker.owner, asker.by, key=key)
    except PannierError as refusal:
        return visit.redirect(f"/wishlist/shared/{token}", refused(refusal))
    said = Flash("ok", "All of it is on your wishlist.", to="wishlist")
    return visit.redirect("/wishlist", said, token=asker.owner.token)


async def show_unsubscribe(visit: Visit) -> Response:
    """What a link in a mail leads to: nothing ends before a button is pressed, since programs follow links, too."""
    return await _unsubscribe_page(visit, is_done=False)


async def unsubscribe(visit: Visit) -> Response:
    """End the notices of a mail's link: all of them, as mail programs ask for it (RFC 8058), or those of its items."""
    content_type = visit.request.headers.get("content-type", "")
    is_form = content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    only_these = is_form and (await visit.form()).text("do") == "these"
    token = visit.request.query_params.get("token", "")
    await visit.service(NoticeService).unsubscribe(token, is_everything=not only_these)
    return await _unsubscribe_page(visit, is_done=True)


async def _unsubscribe_page(visit: Visit, *, is_done: bool) -> Response:
    token = visit.request.query_params.get("token", "")
    linked = await visit.service(NoticeService).linked(token)
    status = 404 if linked is None else 200
    return await visit.page("unsubscribe.html", status=status, is_good=linked is not None, is_done=is_done, token=token)


def _token(visit: Visit) -> str:
    token: str = visit.request.path_params["token"]
    if not _TOKEN.fullmatch(token):
        raise WishlistShareNotFoundError("This link is not, or no longer, good. Ask whoever shared the list.")
    return token
