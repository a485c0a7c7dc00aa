"""The text of the mail that tells what came back or became cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pannier.accounts import Letter
from pannier.kernel.money import format_amount
from pannier.wishlist.models import Notice, Shelf

_TEXT = """Hello,

from your wishlist at {shop}:

{news}

Your wishlist: {page}

You get this because you asked to be told. To end it, with one click and without signing in:
{unsubscribe}
"""


@dataclass(frozen=True, slots=True)
class News:
    """A notice, and the thing as the shop has it at the moment of sending."""

    notice: Notice
    shelf: Shelf


def letter_of(to: str, news: Sequence[News], *, shop: str, base_url: str, token: str) -> Letter:
    """What is sent to one customer of all that is news at a time."""
    unsubscribe = f"{base_url}/wishlist/unsubscribe?token={token}"
    text = _TEXT.format(
        shop=shop,
        news="\n\n".join(_told(each, base_url) for each in news),
        page=f"{base_url}/wishlist",
        unsubscribe=unsubscribe,
    )
    return Letter(to, _subject(news, shop), text, unsubscribe)


def _subject(news: Sequence[News], shop: str) -> str:
    first = news[0]
    if len(news) > 1:
        return f"News of {len(news)} things on your wishlist at {shop}"
    # A name is the shop's own text, but a header has one line.
    name = " ".join(first.shelf.name.split())[:80]
    return f"{name} is back in stock" if first.notice.kind == "back_in_stock" else f"{name} costs less now"


def _told(each: News, base_url: str) -> str:
    notice, shelf = each.notice, each.shelf
    options = ", ".join(value for name, value in shelf.options.items() if (name, value) != ("Title", "Default Title"))
    name = f"{shelf.name} ({options})" if options else shelf.name
    price = "" if shelf.price_minor is None else f"{format_amount(shelf.price_minor, shelf.currency)} {shelf.currency}"
    if notice.kind == "back_in_stock":
        told = f"{name} is back in stock, at {price}."
    else:
        before = notice.price_before_minor
        was = "" if before is None else f", it was {format_amount(before, notice.currency)} {notice.currency}"
        told = f"{name} costs {price} now{was}."
    return f"{told}\n{base_url}/p/{shelf.slug}?variant={notice.variant_id}"
