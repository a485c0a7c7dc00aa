"""A checkout on the wire: plain values, ready for JSON. checkout/schemas.py describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pannier.checkout import rules
from pannier.checkout.models import Basket, BasketLine, NextStep, Requirement, Session
from pannier.orders import Order, due_of, items, money, totals
from pannier.orders import OrderLine as Line
from pannier.pricing import (
    Applied,
    GiftDisplay,
    LineQuote,
    Prices,
    Quote,
    ShippingChoice,
    Tender,
    Totals,
    arrives,
    short_gift,
)

_UNAVAILABLE = {"prices": "PRICE_PROVIDER_UNAVAILABLE", "taxes": "TAX_PROVIDER_UNAVAILABLE"}


def show_open(
    session: Session,
    basket: Basket,
    lines: Sequence[BasketLine],
    quoted: Quote,
    found: Sequence[Requirement],
    prices: Prices,
    next_step: NextStep,
) -> dict[str, Any]:
    """A session with its cart's lines as they are now."""
    currency = quoted.currency
    shown = order_lines(session.id, lines, quoted, "awaited", prices, basket)
    figures = {
        "currency": currency,
        "exchange": exchange(prices),
        "line_items": items(shown, currency),
        "totals": _totals(quoted.totals, currency, is_tax_included(quoted, prices)),
        "total_items": len(shown),
        "total_quantity": sum([line.quantity for line in shown]),
        "coupons": [] if basket.around is None else [on.coupon.code for on in basket.around.coupons],
        "promotions": [promotion(one, currency) for one in quoted.applied],
        "tenders": [tender(one, basket, currency) for one in quoted.tenders],
        "amount_due": money(quoted.due_minor, currency),
        "shipping_method": rules.shipping_method(session, quoted),
        "payment_method": session.payment_method,
        "next_step": next_step,
        "requirements": show_requirements(found),
        "messages": _messages(session, quoted, found),
        "order": None,
    }
    return _session(session, figures)


def show_completed(session: Session, order: Order) -> dict[str, Any]:
    """A session that became an order, with the figures of that order."""
    figures = {
        "currency": order.currency,
        "exchange": order.quote.get("exchange"),
        "line_items": items(order.lines, order.currency),
        "totals": totals(order),
        "total_items": len(order.lines),
        "total_quantity": order.total_quantity,
        "coupons": list(order.quote.get("codes", [])),
        "promotions": list(order.quote.get("promotions", [])),
        "tenders": list(order.quote.get("tenders", [])),
        "amount_due": money(due_of(order), order.currency),
        "shipping_method": order.shipping_method,
        "payment_method": order.payment_method,
        "next_step": None,
        "requirements": [],
        "messages": [],
        "order": {
            "id": order.id,
            "number": order.number,
            "status": order.status,
            "payment_status": order.payment_status,
            "total": money(order.total_minor, order.currency),
            "placed_at": order.placed_at,
        },
    }
    return _session(session, figures)


def exchange(prices: Prices) -> dict[str, Any] | None:
    """By what amounts of the shop's currency become those of the checkout; None where none does."""
    by = prices.exchange
    return None if by is None else {**by._asdict(), "on": by.on.isoformat()}


def show_state(document: Mapping[str, Any]) -> dict[str, Any]:
    """How far a shown checkout is."""
    return {name: document[name] for name in ("id", "status", "version", "requirements", "order", "expires_at")}


def show_requirements(found: Sequence[Requirement]) -> list[dict[str, Any]]:
    """What is missing, with its figures."""
    return [{**entry.details, "field": entry.field, "error": entry.error, "message": entry.message} for entry in found]


def shipping_options(quoted: Quote, choices: Sequence[ShippingChoice], prices: Prices, at: datetime) -> dict[str, Any]:
    """The ways of shipping that can be chosen, where something has to be shipped."""
    if not choices:
        return {"options": []}
    chosen = None if quoted.shipping is None else quoted.shipping.method
    options = [
        {
            "id": choice.method,
            "name": choice.name,
            "amount": money(choice.cost_minor, quoted.currency),
            "total": money(choice.total_minor, quoted.currency),
            "delivery_days": None if choice.delivery_days is None else list(choice.delivery_days),
            "arrives": arrives(prices, choice.method, at),
            "is_selected": choice.method == chosen or (chosen is None and len(choices) == 1),
        }
        for choice in choices
        if choice.refusal is None
    ]
    return {"options": options}


def promotion(one: Applied, currency: str) -> dict[str, Any]:
    """A promotion that applies, and what it takes off goods and shipping."""
    return {"id": one.promotion_id, "name": one.title, "amount": money(one.goods_minor + one.shipping_minor, currency)}


def tender(one: Tender, basket: Basket, currency: str) -> dict[str, Any]:
    """What is paid beside money; of a gift card the end of its code tells which."""
    purse = next((purse for purse in basket.purses if str(purse.id) == one.reference), None)
    return {
        "id": one.reference,
        "kind": one.kind,
        "code_end": None if purse is None else purse.code_end,
        "amount": money(one.amount_minor, currency),
        "remaining": one.remaining,
    }


def is_tax_included(quoted: Quote, prices: Prices) -> bool:
    """Whether nothing is added to the prices; where there is no tax, as the shop's settings say."""
    totals = quoted.totals
    return totals.tax_added_minor == 0 if totals.tax_minor else prices.rules.tax_included


def order_lines(
    owner: Any, lines: Sequence[BasketLine], quoted: Quote, stock_state: Any, prices: Prices, basket: Basket
) -> tuple[Line, ...]:
    """Cart lines as lines of an order: they keep their ids, and freeze price, tax and what was shown; then gifts."""
    made = [
        Line(
            id=line.id,
            order_id=owner,
            position=position,
            variant_id=line.variant_id,  # type: ignore[arg-type]  # its text: it only passes through
            product_id=line.product_id,  # type: ignore[arg-type]  # the same
            sku=line.sku,
            name=line.name,
            extra=line.extra,
            display={**line.display, "discounts": _discounts(figures, quoted.currency)},
            stock_state=stock_state if line.is_tracked else "untracked",
            quantity_taken=line.quantity if line.is_tracked and stock_state == "committed" else 0,
            **_figures(figures),
        )
        for position, (line, figures) in enumerate(zip(lines, quoted.lines, strict=False))
    ]
    for figures in quoted.lines[len(lines) :]:
        shown = prices.gift_displays.get(figures.product_id) or GiftDisplay()
        is_tracked = basket.gifts.get(figures.product_id) is not None
        made.append(
            Line(
                id=figures.line_id,
                order_id=owner,
                position=len(made),
                variant_id=figures.product_id,  # type: ignore[arg-type]  # its text: it only passes through
                product_id=shown.product_id,  # type: ignore[arg-type]  # the same
                sku=shown.sku,
                name=shown.name,
                extra=None,
                display={
                    "slug": shown.slug,
                    "image": shown.image,
                    "tax_category": figures.tax_category,
                    "is_gift": True,
                    "discounts": _discounts(figures, quoted.currency),
                },
                stock_state=stock_state if is_tracked else "untracked",
                quantity_taken=figures.quantity if is_tracked and stock_state == "committed" else 0,
                **_figures(figures),
            )
        )
    return tuple(made)


def _figures(line: LineQuote) -> dict[str, Any]:
    return {
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "discount_minor": line.subtotal_minor - line.total_minor,
        "tax_minor": line.tax_minor,
        "total_minor": line.total_minor,
    }


def _discounts(line: LineQuote, currency: str) -> list[dict[str, Any]]:
    return [{"source": one.source, "amount": money(one.amount_minor, currency)} for one in line.discounts]


def _session(session: Session, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": session.id,
        "cart_id": session.cart_id,
        "status": session.status,
        "version": session.version,
        **figures,
        "email": session.email,
        "shipping_address": session.shipping_address,
        "billing_address": session.billing_address,
        "note": session.note,
        "metadata": session.metadata,
        "draft": session.draft,
        "links": [],
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "expires_at": session.expires_at,
    }


def _totals(figures: Totals, currency: str, tax_included: bool) -> dict[str, Any]:
    return {
        "subtotal": money(figures.subtotal_minor, currency),
        "discount": money(figures.discount_minor, currency),
        "shipping": money(figures.shipping_minor, currency),
        "tax": money(figures.tax_minor, currency),
        "tax_added": money(figures.tax_added_minor, currency),
        "tax_included": tax_included,
        "total": money(figures.total_minor, currency),
    }


def _messages(session: Session, quoted: Quote, found: Sequence[Requirement]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {"type": "error", "code": entry.error, "text": entry.message, "item_id": entry.details["line_id"]}
        for entry in found
        if "line_id" in entry.details
    ]
    if session.payment_failure is not None:
        failed = session.payment_failure
        messages.append({"type": "error", "code": failed["error"], "text": failed["message"], "item_id": None})
    messages += [
        {"type": "warning", "code": told.code, "text": told.text, "item_id": None}
        for told in [short_gift(one) for one in quoted.short_gifts]
    ]
    messages += [
        {"type": "warning", "code": code, "text": said["reason"], "item_id": None}
        for name, code in _UNAVAILABLE.items()
        if (said := (session.provided or {}).get(name)) is not None and said["source"] == "shop"
    ]
    shown = session.shown_total_minor
    if shown is not None and shown != quoted.totals.total_minor:
        text = "The total has changed since it was shown last."
        messages.append({"type": "warning", "code": "TOTAL_CHANGED", "text": text, "item_id": None})
    return messages


def tax_parts(quoted: Quote, prices: Prices) -> list[dict[str, Any]]:
    """What each rate makes of the order, and of how much; with one tax of the settings that one."""
    if quoted.shipping is None:
        rate, totals = prices.rules, quoted.totals
        if not totals.tax_minor:
            return []
        base = sum([line.total_minor - line.tax_included_minor for line in quoted.lines if line.tax_category])
        figures = {"base_minor": base, "amount_minor": totals.tax_minor, "included": rate.tax_included}
        return [{"rate_id": "standard", "percent": str(rate.tax_percent), "zone": None, "category": "", **figures}]
    return [
        {
            "rate_id": total.rate.id,
            "percent": str(total.rate.percent),
            "zone": total.rate.zone,
            "category": total.rate.category,
            "base_minor": total.base_minor,
            "amount_minor": total.amount_minor,
            "included": total.rate.is_included,
        }
        for total in quoted.taxes
    ]


def explanation(quoted: Quote) -> dict[str, Any]:
    """How every figure came about, and why others did not."""
    return {
        "steps": [
            {
                "stage": step.stage,
                "item_id": step.line_id,
                "amount": money(step.amount_minor, quoted.currency),
                "reason": step.reason,
            }
            for step in quoted.steps
        ],
        "hints": [{"code": message.code, "text": message.text} for message in quoted.messages],
        "tax_ground": quoted.tax_ground,
    }


def frozen_explanation(order: Order) -> dict[str, Any]:
    """The steps that made the figures of an order, as they were when it was placed."""
    return {
        "steps": [
            {"stage": stage, "item_id": line_id, "amount": money(amount, order.currency), "reason": reason}
            for stage, line_id, amount, reason in order.quote.get("steps", [])
        ],
        "hints": [],
        "tax_ground": order.quote.get("tax_ground", "home_rate"),
    }
