"""Figures and states as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import nh3

from pannier.kernel.money import format_amount

# Signs that mean one currency wherever they are read; of the others the code is written.
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "UAH": "₴", "VND": "₫"}
_DESCRIPTION_TAGS = {"p", "br", "ul", "ol", "li", "strong", "b", "em", "i", "h3", "h4", "blockquote"}

PAYMENT_METHODS: Mapping[str, tuple[str, str]] = {
    "invoice": ("Invoice", "You get an invoice with your goods and pay afterwards."),
    "cash_on_delivery": ("Cash on delivery", "You pay the carrier at your door."),
    "bank_transfer": ("Bank transfer", "You get our account with the order, and the goods when the money is there."),
    "pay_at_pickup": ("At pickup", "You pay when you fetch the goods."),
    "stripe": ("Card and more", "You pay on the secure page of our payment provider."),
    "test": ("Test payment", "For trying the shop out: no money moves."),
}
TENDERS: Mapping[str, str] = {"gift_card": "Gift card", "store_credit": "Store credit", "points": "Points"}
RETURN_STATES: Mapping[str, str] = {
    "requested": "We have your request",
    "approved": "Send it to us",
    "received": "It is with us",
    "completed": "Done",
    "rejected": "We cannot take it back",
    "canceled": "You keep it",
}
ORDER_STATES: Mapping[str, str] = {
    "pending": "Received",
    "paid": "Paid",
    "fulfilled": "On its way",
    "completed": "Completed",
    "canceled": "Canceled",
    "refunded": "Refunded",
}


def money(amount: int, currency: str) -> str:
    """Minor units as a price: `$1,234.50`, `CHF 89.00`."""
    whole, point, decimals = format_amount(amount, currency).partition(".")
    figure = f"{int(whole):,}{point}{decimals}"
    sign = _SIGNS.get(currency)
    return f"{sign}{figure}" if sign else f"{currency}\N{NO-BREAK SPACE}{figure}"


def day(moment: str) -> str:
    """The day of an ISO 8601 moment: `20 November 2026`."""
    at = datetime.fromisoformat(moment)
    return f"{at.day} {at:%B %Y}"


def between(first: date, last: date) -> str:
    """Two days: `5 December`, `3 to 5 December`, `30 November to 2 December`."""
    until = f"{last.day} {last:%B}"
    if first == last:
        return until
    return f"{first.day} to {until}" if first.month == last.month else f"{first.day} {first:%B} to {until}"


def days(least: int, most: int) -> str:
    """How many: `1 day`, `2 to 4 days`."""
    return f"{most} day{'' if most == 1 else 's'}" if least == most else f"{least} to {most} days"


def percent_off(amount: int, former: int) -> int:
    """Whole percent that a price is below the former one, rounded down: a shop must not promise more."""
    return (former - amount) * 100 // former


def clean_html(text: str) -> str:
    """A description with nothing in it but plain structure: no script, style, link, picture or attribute."""
    # Headings of a description stand below the page's own.
    lowered = re.sub(r"(?i)<(/?)h[12]\b", r"<\1h3", text)
    return nh3.clean(lowered, tags=_DESCRIPTION_TAGS, attributes={})


def options_text(options: Mapping[str, Any]) -> str:
    """`Small, Cedar`; empty for a product with one variant only."""
    return ", ".join(str(value) for name, value in options.items() if (name, value) != ("Title", "Default Title"))


def flag_texts(flags: list[str], name: str, available: int | None) -> list[str]:
    """What the shopper should know of a line."""
    told = {
        "unavailable": f"{name} is no longer for sale. Remove it to check out.",
        "insufficient_stock": f"Only {available} × {name} left: take fewer to check out.",
        "price_changed": "The price has changed since you added it.",
        "hold_expired": "No longer reserved for you. Update the quantity to reserve it again.",
    }
    # That there is too little says more than that it is not reserved any more.
    wanted = [flag for flag in told if flag in flags]
    return [told[flag] for flag in wanted if flag != "hold_expired" or "insufficient_stock" not in wanted]


def waiting(seconds: int) -> str:
    """How long, as one would say it: `1 second`, `40 seconds`, `3 minutes`; never less than it is."""
    count, unit = (seconds, "second") if seconds < 120 else (-(-seconds // 60), "minute")
    return f"{count} {unit}{'' if count == 1 else 's'}"
