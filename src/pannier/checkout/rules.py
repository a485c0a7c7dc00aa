"""When a checkout may become an order, and what is missing until then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from pannier.checkout.models import (
    Basket,
    BasketLine,
    CheckoutStatus,
    HouseRules,
    NextStep,
    Requirement,
    Session,
)
from pannier.pricing import (
    COUPON_TEXTS,
    STANDARD_SHIPPING,
    BasketRequest,
    LineRequest,
    Prices,
    Purse,
    Quote,
    QuoteRequest,
    Tender,
    Totals,
    gifts_left,
    quote,
)
from pannier.pricing import BasketLine as PricedLine

OPEN: frozenset[CheckoutStatus] = frozenset(
    {"incomplete", "ready_for_complete", "complete_in_progress", "requires_escalation"}
)
#: A payment is under way.
PAYING: frozenset[CheckoutStatus] = frozenset({"complete_in_progress", "requires_escalation"})
# Where a mail could go: anything else about an address only sending to it can tell.
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]+\.[^\s@]{2,}")


def is_email(text: str) -> bool:
    """Whether the text has the shape of an e-mail address."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None


def chosen_lines(basket: Basket, session: Session) -> tuple[BasketLine, ...]:
    """The lines a checkout is about: those it names, else those selected in the cart."""
    if session.line_ids is None:
        return tuple([line for line in basket.lines if line.is_selected])
    wanted = set(session.line_ids)
    return tuple([line for line in basket.lines if line.id in wanted])


def quote_of(session: Session, basket: Basket, lines: Sequence[BasketLine], prices: Prices) -> Quote:
    """What the lines cost now, where the session says they go."""
    return priced(session, basket, lines, prices)[0]


def priced(
    session: Session, basket: Basket, lines: Sequence[BasketLine], prices: Prices, *, is_whole: bool = False
) -> tuple[Quote, BasketRequest | None]:
    """The quote of a session, and the question it answers, where that was a whole one; with `is_whole` it is.

    A line without a price counts nothing; it cannot be ordered. Promotions, rates and methods are in the currency of
    the shop: a cart in another one, from before, is shown at its own prices without them, and cannot be ordered.
    """
    request = None
    if basket.currency == prices.book.currency and (is_whole or not prices.is_plain or basket.purses):
        request = request_of(session, basket, lines, prices)
    if request is None:
        requests = [
            LineRequest(line.id, line.price_minor or 0, line.quantity, line.tax_category, line.requires_shipping)
            for line in lines
        ]
        return quote(QuoteRequest(basket.currency, tuple(requests), prices.rules)), None
    return quote(request), request


def request_of(session: Session, basket: Basket, lines: Sequence[BasketLine], prices: Prices) -> BasketRequest | None:
    """What pricing is asked of a session; None where the cart is gone."""
    if basket.around is None:
        return None
    around = replace(
        basket.around,
        destination=destination_of(session) or basket.around.destination,
        shipping_method=session.shipping_method or basket.shipping_method,
        purses=tuple(_purses(session, basket, prices.day(basket.around.at))),
        gift_units=gifts_left(basket.gifts, units_to_claim(lines), {line.variant_id: line.held for line in lines}),
    )
    units = [
        PricedLine(line.id, line.goods, line.quantity, line.price_minor if line.is_price_fixed else None)
        for line in lines
    ]
    return prices.request(units, around)


def destination_of(session: Session) -> Mapping[str, Any] | None:
    """Where the session's address lies, as tax and shipping ask for it."""
    address = session.shipping_address
    if address is None:
        return None
    names = ("country", "region", "postal_code")
    return {name: address[name] for name in names if address.get(name)}


def _purses(session: Session, basket: Basket, on: date) -> Iterator[Purse]:
    """What the shopper pays with beside money, in the order in which it is used: cards, credit, points."""
    tenders = session.tenders
    if tenders is None:
        return
    known = {purse.id: purse for purse in basket.purses}
    chosen = [known[card] for card in tenders.gift_cards if card in known]
    chosen += [purse for purse in basket.purses if purse.kind == "store_credit" and tenders.store_credit]
    chosen += [purse for purse in basket.purses if purse.kind == "points" and tenders.points is not None]
    for purse in chosen:
        is_over = purse.ends is not None and on > purse.ends
        if purse.is_active and not is_over and purse.currency in {None, basket.currency}:
            at_most = tenders.points or None if purse.kind == "points" else None
            yield Purse(purse.kind, str(purse.id), purse.balance, at_most)


def shipping_method(session: Session, quoted: Quote) -> str | None:
    """How it is shipped: what was chosen, or the one method there is, where something has to be."""
    if quoted.shipping is not None:
        return quoted.shipping.method if quoted.needs_shipping or quoted.shipping.full_minor else None
    return (session.shipping_method or STANDARD_SHIPPING) if quoted.needs_shipping else None


def units_to_claim(
    lines: Sequence[BasketLine], quoted: Quote | None = None, gifts: Mapping[str, int | None] | None = None
) -> dict[str, int]:
    """Counted units by variant, of several lines perhaps; with `quoted` those of gifts too."""
    units: dict[str, int] = {}
    for line in lines:
        if line.is_tracked:
            units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    for given in () if quoted is None else quoted.lines:
        if given.is_gift and (gifts or {}).get(given.product_id) is not None:
            units[given.product_id] = units.get(given.product_id, 0) + given.quantity
    return units


def units_of_tender(tender: Tender, basket: Basket) -> int:
    """What a payment takes out of its purse: minor units, or points."""
    balance = next(purse.balance for purse in basket.purses if str(purse.id) == tender.reference)
    return balance - tender.remaining


def correction_of(totals: Totals) -> int:
    """What keeping net prices adds to a total, beyond its parts."""
    parts = totals.subtotal_minor - totals.discount_minor + totals.shipping_minor + totals.tax_added_minor
    return totals.total_minor - parts


def units_to_hold(lines: Sequence[BasketLine]) -> dict[str, int]:
    """Units by variant that the cart's hold lacks."""
    held = {line.variant_id: line.held for line in lines}
    missing = {variant: units - held[variant] for variant, units in units_to_claim(lines).items()}
    return {variant: units for variant, units in missing.items() if units > 0}


def line_faults(lines: Sequence[BasketLine]) -> list[Requirement]:
    """What stands against ordering these lines: goods not for sale, then goods that are short."""
    faults = []
    if not lines:
        faults.append(Requirement("items", "EMPTY_CART", "Nothing is selected: put something into the cart."))
    units = units_to_claim(lines)
    short: set[str] = set()
    for line in lines:
        if not line.is_sellable or line.price_minor is None:
            faults.append(
                Requirement(
                    f"items.{line.id}",
                    "PRODUCT_UNAVAILABLE",
                    f"{line.name} is no longer for sale. Remove it.",
                    {"line_id": str(line.id), "variant_id": line.variant_id},
                )
            )
            continue
        wanted = units.get(line.variant_id, 0)
        if line.available is None or wanted <= line.available + line.held or line.variant_id in short:
            continue
        short.add(line.variant_id)
        most = line.available + line.held
        faults.append(
            Requirement(
                f"items.{line.id}",
                "INSUFFICIENT_STOCK",
                f"Only {most} × {line.name} available, and {wanted} are wanted.",
                {
                    "line_id": str(line.id),
                    "variant_id": line.variant_id,
                    "requested": wanted,
                    "available": most,
                },
            )
        )
    return faults


def requirements(
    session: Session, basket: Basket, lines: Sequence[BasketLine], quoted: Quote, house: HouseRules
) -> list[Requirement]:
    """Everything that stands between a session and its order, in the order in which it is refused."""
    found = []
    if not house.is_guest_welcome and basket.user_id is None:
        found.append(Requirement("", "LOGIN_REQUIRED", "Sign in: this shop sells to registered customers."))
    found += line_faults(lines)
    if "email" in house.required and session.email is None:
        found.append(Requirement("email", "CUSTOMER_REQUIRED", "Give an e-mail address for the confirmation."))
    needs_address = "shipping_address" in house.required and quoted.needs_shipping
    if needs_address and session.shipping_address is None:
        found.append(Requirement("shipping_address", "ADDRESS_REQUIRED", "Say where the goods should be sent."))
    if basket.currency != house.prices.book.currency and basket.lines:
        text = f"This cart is in {basket.currency}, and the shop sells in {house.prices.book.currency} now."
        found.append(Requirement("currency", "CURRENCY_MISMATCH", text, {"currency": basket.currency}))
    found += _shipping_faults(quoted)
    found += [
        Requirement(
            "coupons", "COUPON_REJECTED", COUPON_TEXTS[reason].format(code=code), {"code": code, "reason": reason}
        )
        for code, reason in basket.used_up
    ]
    if quoted.due_minor > 0 and session.payment_method not in {None, *house.payment_methods}:
        text = f"{session.payment_method} is no longer offered: choose another way to pay."
        available = {"available": list(house.payment_methods)}
        found.append(Requirement("payment_method", "PAYMENT_METHOD_UNAVAILABLE", text, available))
    if quoted.due_minor > 0 and session.payment_method is None:
        offered = f"Choose how to pay: {' or '.join(house.payment_methods)}."
        text = offered if house.payment_methods else "There is no way to pay at the moment. Come back later."
        found.append(Requirement("payment_method", "PAYMENT_METHOD_REQUIRED", text))
    return found


def _shipping_faults(quoted: Quote) -> list[Requirement]:
    """A way of shipping that is missing, or not there for these goods and this place."""
    shipping = quoted.shipping
    if shipping is None or not quoted.needs_shipping:
        return []
    available = list(shipping.available)
    if shipping.method is None:
        text = "Choose how it is shipped." if available else "This cannot be shipped there."
        error = "SHIPPING_METHOD_REQUIRED" if available else "SHIPPING_NOT_AVAILABLE"
        return [Requirement("shipping_method", error, text, {"available": available})]
    if shipping.method not in available:
        text = "These goods cannot be shipped there this way. Choose another one."
        return [Requirement("shipping_method", "SHIPPING_NOT_AVAILABLE", text, {"available": available})]
    return []


def next_step(session: Session, lines: Sequence[BasketLine], quoted: Quote, house: HouseRules) -> NextStep:
    """What is to be told next. Where nothing is due, nothing has to be said of payment."""
    if not lines:
        return "cart"
    needs_address = house.is_stepwise or ("shipping_address" in house.required and quoted.needs_shipping)
    if needs_address and session.shipping_address is None:
        return "address"
    if quoted.needs_shipping and quoted.shipping is not None and quoted.shipping.method is None:
        return "shipping"
    return "payment" if quoted.due_minor > 0 and session.payment_method is None else "confirm"


def status_of(found: Sequence[Requirement]) -> CheckoutStatus:
    """The status of an open session."""
    return "incomplete" if found else "ready_for_complete"
