"""From a document of the database to the cart on the wire: pure, priced by `pricing.quote`."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from pannier.cart.basket import alone, figures_of, price_when_added, priced
from pannier.cart.charged import ViewRules, is_for_sale
from pannier.cart.document import CartDocument, ChangeResult, LineDocument, SavedDocument
from pannier.cart.read_model import (
    AppliedPromotion,
    Availability,
    Cart,
    CartDelta,
    ExplainedFigure,
    Explanation,
    Gift,
    Hint,
    Item,
    LineDiscount,
    Message,
    Money,
    Owner,
    SavedItem,
    Summary,
    Totals,
)
from pannier.kernel.times import in_zulu
from pannier.pricing import GiftDisplay, LineQuote, Quote, short_gift

_FLAG_TEXT = {
    "hold_expired": "{name} is no longer reserved for you; it is reserved again with your next change if it is there.",
    "insufficient_stock": "Only {available} × {name} available.",
    "price_changed": "The price of {name} has changed since you added it.",
    "unavailable": "{name} is no longer for sale.",
}
_SAVED_TEXT = {
    "hold_expired": "{name} was no longer reserved for you, and is saved for later.",
    "unavailable": "{name} is no longer for sale, and is saved for later.",
}


def empty(rules: ViewRules, user_id: str | None, channel: str | None = None) -> Cart:
    """What a shopper without a cart sees."""
    zero = Money(0, rules.currency)
    return Cart(
        id=None,
        version=0,
        status="active",
        currency=rules.currency,
        channel=channel or rules.channel,
        owner=Owner("guest" if user_id is None else "user", user_id),
        items=[],
        saved_items=[],
        coupons=[],
        totals=Totals(zero, zero, zero, zero, zero, rules.prices.rules.tax_included, zero),
        total_items=0,
        total_quantity=0,
        selected_count=0,
        messages=[],
        hold_expires_at=None,
        expires_at=None,
        created_at=None,
        updated_at=None,
        metadata={},
    )


def show(
    document: CartDocument,
    rules: ViewRules,
    results: list[ChangeResult] | None = None,
    *,
    explains: bool = False,
) -> Cart:
    """The cart as shoppers see it; `results` of a change add messages about what was taken instead.

    `explains`: with the reason of every figure, and what is missing for what did not apply.
    """
    quoted = priced(document, rules, explains=explains)
    lines, items = document.lines or [], _items(document, quoted, rules)
    saved = [_saved(line, document, rules) for line in document.saved or ()]
    held_until = document.hold_expires_at
    return Cart(
        document.id,
        document.version,
        document.status,
        document.currency,
        document.channel,
        Owner("guest" if document.user_id is None else "user", document.user_id),  # owner
        items,
        saved,  # saved_items
        document.coupons or [],  # coupons
        _totals(quoted, rules),  # totals
        len(items),  # total_items
        sum(line.quantity for line in lines),  # total_quantity
        sum(line.is_selected for line in lines),  # selected_count
        [*_messages(items, saved, results or []), *_of_figures(document, quoted, rules)],  # messages
        in_zulu(held_until) if held_until is not None and document.is_hold_alive and lines else None,
        None if document.expires_at == "infinity" else in_zulu(document.expires_at),
        in_zulu(document.created_at),
        in_zulu(document.updated_at),
        document.metadata,
        document.destination,
        *_shipping(document, quoted),
        _promotions(quoted),
        _gifts(quoted, rules),  # gifts
        _explanation(quoted) if explains else msgspec.UNSET,
    )


def _items(document: CartDocument, quoted: Quote, rules: ViewRules) -> list[Item]:
    promised = document.promised
    held_until = None if document.hold_expires_at is None else in_zulu(document.hold_expires_at)
    lines = document.lines or []
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    items = []
    for line, figures in zip(lines, figures_of(document, quoted, rules), strict=True):
        then, held = price_when_added(document, line, figures[1], rules), promised.get(line.variant_id, 0)
        has_moved = then != figures[1]
        availability = _availability(line, wanted[line.variant_id], held, rules, held_until, has_moved=has_moved)
        items.append(_item(line, figures, document.currency, availability, then))
    return items


def show_delta(document: CartDocument, rules: ViewRules, results: list[ChangeResult]) -> CartDelta:
    """What a document of some lines shows; `results` name the lines that are gone."""
    assert document.counts is not None
    cart = show(document, rules, results)
    there = {item.id for item in cart.items}
    named = [result.line_id for result in results if result.outcome == "OK" and result.line_id is not None]
    return CartDelta(
        cart.id,
        cart.version,
        cart.status,
        cart.currency,
        cart.items,
        [line_id for line_id in dict.fromkeys(named) if line_id not in there],
        *document.counts,
        cart.messages,
        cart.hold_expires_at,
        cart.updated_at,
    )


def summarise(cart: Cart) -> Summary:
    """The counts and totals of a cart."""
    return Summary(
        cart.id,
        cart.version,
        cart.currency,
        cart.total_items,
        cart.total_quantity,
        cart.selected_count,
        cart.totals,
    )


def _shipping(document: CartDocument, quoted: Quote) -> tuple[str | None, list[str]]:
    """The method that counts as chosen, and those there are."""
    if quoted.shipping is None:
        return document.shipping_method, []
    return quoted.shipping.method, list(quoted.shipping.available)


def _promotions(quoted: Quote) -> list[AppliedPromotion]:
    return [
        AppliedPromotion(one.promotion_id, one.title, Money(one.goods_minor + one.shipping_minor, quoted.currency))
        for one in quoted.applied
    ]


def _gifts(quoted: Quote, rules: ViewRules) -> list[Gift]:
    """What promotions put in."""
    currency, found = quoted.currency, []
    for line in quoted.lines:
        if not line.is_gift:
            continue
        shown = rules.prices.gift_displays.get(line.product_id) or GiftDisplay()
        found.append(
            Gift(
                line.line_id,
                line.product_id,  # variant_id
                shown.product_id,
                shown.name,
                shown.slug,
                shown.image,
                line.quantity,
                Money(line.unit_price_minor, currency),
                Money(line.total_minor, currency),
                [LineDiscount(d.source, Money(d.amount_minor, currency)) for d in line.discounts],
                Money(line.tax_minor, currency),
            )
        )
    return found


def _of_coupons(document: CartDocument, quoted: Quote) -> list[Message]:
    """Codes that are on the cart and give nothing as it is."""
    if not document.coupons:
        return []
    applied = {one.promotion_id for one in quoted.applied}
    known = {one.coupon.code: one.promotion_id for one in document.coupon_documents or ()}
    return [
        Message(
            "info",
            "COUPON_GIVES_NOTHING",
            f"The code {code} gives nothing on this cart as it is.",
            None,
            {"code": code},
        )
        for code in document.coupons
        if known.get(code) not in applied
    ]


def _of_figures(document: CartDocument, quoted: Quote, rules: ViewRules) -> list[Message]:
    """What there is to know of the figures of the whole cart."""
    found = [*_of_coupons(document, quoted), *_of_gifts(quoted)]
    if rules.at_checkout is not None and document.lines:
        found.append(Message("info", "FIGURES_AT_CHECKOUT", rules.at_checkout))
    return found


def _of_gifts(quoted: Quote) -> list[Message]:
    """Gifts that are not there, or not as often as they would be given."""
    return [
        Message(
            "warning",
            *short_gift(one),
            None,
            {"variant_id": one.goods_id, "requested": one.wanted, "available": one.given},
        )
        for one in quoted.short_gifts
    ]


def _explanation(quoted: Quote) -> Explanation:
    return Explanation(
        [
            ExplainedFigure(step.stage, step.line_id, Money(step.amount_minor, quoted.currency), step.reason)
            for step in quoted.steps
        ],
        [Hint(message.code, message.text) for message in quoted.messages],
        quoted.tax_ground,
    )


def _totals(quoted: Quote, rules: ViewRules) -> Totals:
    totals, currency = quoted.totals, quoted.currency
    return Totals(
        Money(totals.subtotal_minor, currency),
        Money(totals.discount_minor, currency),
        Money(totals.shipping_minor, currency),
        Money(totals.tax_minor, currency),
        Money(totals.tax_added_minor, currency),
        # Where there is none to tell it by, as the shop's settings say.
        totals.tax_added_minor == 0 if totals.tax_minor else rules.prices.rules.tax_included,
        Money(totals.total_minor, currency),
    )


def _item(line: LineDocument, figures: LineQuote, currency: str, availability: Availability, then_minor: int) -> Item:
    """`then_minor`: what a unit was shown to cost when it was added."""
    display, extra = line.display, line.extra or {}
    unit_price = Money(figures.unit_price_minor, currency)
    listed, compare_at = line.price or (None, None)
    list_price = unit_price if listed is None else Money(listed, currency)
    is_on_sale = compare_at is not None and listed is not None and compare_at > listed
    # By position: with names, making one takes six times as long, and every read of a cart makes several.
    return Item(
        line.id,
        line.variant_id,
        display.product_id,
        display.sku,
        display.name,
        display.slug,
        display.summary,  # description
        display.category,
        display.image,
        dict(display.options),  # options
        extra.get("attributes", {}),  # attributes
        extra.get("note"),  # note
        extra.get("customisation", {}),  # customisation
        line.quantity,
        unit_price,
        list_price,
        Money(compare_at, currency) if is_on_sale and compare_at is not None else list_price,  # original_price
        list_price if is_on_sale else None,  # sale_price
        Money(then_minor, currency),  # added_price
        is_on_sale or bool(figures.discounts),  # has_discount
        Money(figures.total_minor, currency),  # total_price
        [LineDiscount(d.source, Money(d.amount_minor, currency)) for d in figures.discounts],  # discounts
        Money(figures.tax_minor, currency),  # tax
        line.is_selected,  # selected
        availability,
        in_zulu(line.added_at),
        in_zulu(line.updated_at),
    )


def _saved(line: SavedDocument, document: CartDocument, rules: ViewRules) -> SavedItem:
    """Priced by itself, as if it were all that is bought."""
    figures = alone(document, line, rules)
    unheld, then = replace(rules, carts_hold=False), price_when_added(document, line, figures.unit_price_minor, rules)
    has_moved = then != figures.unit_price_minor
    availability = _availability(line, line.quantity, 0, unheld, None, has_moved=has_moved)
    item = _item(line, figures, document.currency, availability, then)
    return SavedItem(*msgspec.structs.astuple(item), item.updated_at, line.reason)  # type: ignore[call-arg]  # Item's own


def _availability(
    line: LineDocument, wanted: int, held: int, rules: ViewRules, held_until: str | None, *, has_moved: bool
) -> Availability:
    """`wanted` and `held` count the variant's units, on all lines and promised to the cart; `has_moved`: its price."""
    flags = []
    available = None if line.available is None else line.available + held
    if not is_for_sale(line):
        flags.append("unavailable")
    elif has_moved:
        flags.append("price_changed")
    if line.is_tracked and held < wanted and rules.carts_hold:
        flags.append("hold_expired")
    if line.is_tracked and available is not None and available < wanted:
        flags.append("insufficient_stock")
    status = "unavailable" if "unavailable" in flags else "out_of_stock" if available == 0 else "in_stock"
    return Availability(status, available, held_until if held else None, flags)  # type: ignore[arg-type]  # one of three


def _messages(items: list[Item], saved: list[SavedItem], results: list[ChangeResult]) -> list[Message]:
    messages = [
        Message(
            "warning",
            flag.upper(),
            _FLAG_TEXT[flag].format(name=item.name, available=item.availability.available),
            item.id,
        )
        for item in items
        for flag in item.availability.flags
    ]
    for item in saved:
        if item.reason in _SAVED_TEXT:
            text = _SAVED_TEXT[item.reason].format(name=item.name)
            messages.append(Message("info", f"SAVED_{item.reason.upper()}", text, item.id))
    for result in results:
        if result.outcome == "OK" and result.details and "requested" in result.details:
            is_limit = "limit" in result.details
            messages.append(
                Message(
                    "warning",
                    "LIMIT_EXCEEDED" if is_limit else "INSUFFICIENT_STOCK",
                    f"{result.details['requested']} were asked for; the cart now has what is possible.",
                    result.line_id,
                    result.details,
                )
            )
    return messages
