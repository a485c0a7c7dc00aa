"""An order on the wire: plain values, ready for JSON. orders/schemas.py describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pannier.orders.models import Order, OrderLine
from pannier.orders.rules import balance_of


def money(amount: int, currency: str) -> dict[str, Any]:
    """Minor units and their currency."""
    return {"amount": amount, "currency": currency}


def show(order: Order) -> dict[str, Any]:
    """The whole order, as its owner and staff see it."""
    return {
        "id": order.id,
        "number": order.number,
        "status": order.status,
        "payment_status": order.payment_status,
        "version": order.version,
        "currency": order.currency,
        "exchange": order.quote.get("exchange"),
        "channel": order.channel,
        "user_id": order.user_id,
        "email": order.email,
        "external_reference": order.external_reference,
        "checkout_id": order.checkout_id,
        "items": items(order.lines, order.currency),
        "totals": totals(order),
        "promotions": list(order.quote.get("promotions", [])),
        "taxes": [_tax(part, order.currency) for part in order.quote.get("taxes", [])],
        "tenders": list(order.quote.get("tenders", [])),
        "amount_due": money(due_of(order), order.currency),
        "amount_paid": money(order.captured_minor, order.currency),
        "amount_refunded": money(order.refunded_minor, order.currency),
        "amount_credited": money(order.credited_minor, order.currency),
        "balance": money(balance_of(order), order.currency),
        "total_items": len(order.lines),
        "total_quantity": order.total_quantity,
        "shipping_address": order.shipping_address,
        "billing_address": order.billing_address,
        "shipping_method": order.shipping_method,
        "payment_method": order.payment_method,
        "note": order.note,
        "history": [
            {
                "status": state.status,
                "payment_status": state.payment_status,
                "reason": state.reason,
                "actor": state.actor,
                "at": state.at,
            }
            for state in order.states
        ],
        "placed_at": order.placed_at,
        "updated_at": order.updated_at,
    }


def due_of(order: Order) -> int:
    """What is to be paid beside gift cards, credit and points; nothing of an order that is none any more."""
    if order.status in {"canceled", "refunded"}:
        return 0
    return max(0, order.total_minor - order.tendered_minor - order.credited_minor)


def items(lines: Sequence[OrderLine], currency: str) -> list[dict[str, Any]]:
    """Lines as they were, or would be, agreed to."""
    return [_item(line, currency) for line in lines]


def totals(order: Order) -> dict[str, Any]:
    """`total = subtotal − discount + shipping + tax_added`; what of `tax` is not added lies in the prices."""
    currency = order.currency
    return {
        "subtotal": money(order.subtotal_minor, currency),
        "discount": money(order.discount_minor, currency),
        "shipping": money(order.shipping_minor, currency),
        "tax": money(order.tax_minor, currency),
        "tax_added": money(order.tax_added_minor, currency),
        "tax_included": bool(order.quote.get("tax_included")),
        "total": money(order.total_minor, currency),
    }


def _tax(part: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {
        "rate": part["rate_id"],
        "percent": f"{Decimal(part['percent']).normalize():f}",
        "zone": part["zone"],
        "category": part["category"],
        "base": money(part["base_minor"], currency),
        "amount": money(part["amount_minor"], currency),
        "included": part["included"],
    }


def _item(line: OrderLine, currency: str) -> dict[str, Any]:
    extra, display = line.extra or {}, line.display
    return {
        "id": line.id,
        "variant_id": line.variant_id,
        "product_id": line.product_id,
        "sku": line.sku,
        "name": line.name,
        "slug": display.get("slug", ""),
        "image": display.get("image"),
        "options": display.get("options", {}),
        "attributes": extra.get("attributes", {}),
        "note": extra.get("note"),
        "customisation": extra.get("customisation", {}),
        "quantity": line.quantity,
        "quantity_canceled": line.quantity_canceled,
        "quantity_taken": line.quantity_taken,
        "quantity_sent": line.quantity_sent,
        "quantity_returned": line.quantity_returned,
        "unit_price": money(line.unit_price_minor, currency),
        "subtotal": money(line.unit_price_minor * line.quantity, currency),
        "discounts": list(display.get("discounts", [])),
        "is_gift": bool(display.get("is_gift")),
        "total_price": money(line.total_minor, currency),
        "tax": money(line.tax_minor, currency),
    }
