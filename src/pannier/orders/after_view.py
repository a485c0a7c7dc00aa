"""What came after an order's sale, on the wire; after_schemas.py describes it."""

from __future__ import annotations

from typing import Any

from pannier.orders.models import Aftermath, Order, Refund, Return, Revision, Shipment
from pannier.orders.view import money


def show_aftermath(order: Order, after: Aftermath) -> dict[str, Any]:
    """All of it."""
    return {
        "number": order.number,
        "shipments": [show_shipment(one) for one in after.shipments],
        "refunds": [show_refund(one) for one in after.refunds],
        "returns": [show_return(order, one) for one in after.returns],
        "revisions": [show_revision(order, one) for one in after.revisions],
    }


def show_shipment(one: Shipment) -> dict[str, Any]:
    """A parcel."""
    return {
        "id": one.id,
        "number": one.number,
        "carrier": one.carrier,
        "tracking_number": one.tracking_number,
        "tracking_url": one.tracking_url,
        "items": [{"item_id": part["line_id"], "quantity": part["quantity"]} for part in one.items],
        "sent_at": one.sent_at,
        "canceled_at": one.canceled_at,
    }


def show_refund(one: Refund) -> dict[str, Any]:
    """A refund."""
    return {
        "id": one.id,
        "number": one.number,
        "state": one.state,
        "amount": money(one.amount_minor, one.currency),
        "in_money": money(one.money_minor, one.currency),
        "items": [
            {"item_id": part["line_id"], "amount": money(part["amount_minor"], one.currency)} for part in one.lines
        ],
        "reason": one.reason,
        "return_id": one.return_id,
        "failure": one.failure,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def show_return(order: Order, one: Return) -> dict[str, Any]:
    """A return."""
    return {
        "id": one.id,
        "number": f"{order.number}-R{one.number}",
        "state": one.state,
        "reason": one.reason,
        "answer": one.answer,
        "exchange_for": list(one.exchange_for),
        "credited": money(one.credited_minor, order.currency),
        "items": [
            {
                "item_id": line.line_id,
                "quantity": line.quantity,
                "reason": line.reason,
                "restocked": line.restocked,
                "written_off": line.written_off,
                "credited": money(line.credited_minor, order.currency),
            }
            for line in one.lines
        ],
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def show_revision(order: Order, one: Revision) -> dict[str, Any]:
    """What the order was before an edit: its goods and their figures."""
    return {
        "version": one.version,
        "reason": one.reason,
        "actor": one.actor,
        "at": one.at,
        "total": money(one.total_minor, order.currency),
        "items": [
            {
                "item_id": line["id"],
                "variant_id": line["variant_id"],
                "name": line["name"],
                "quantity": line["quantity"],
                "unit_price": money(line["unit_price_minor"], order.currency),
                "total_price": money(line["total_minor"], order.currency),
            }
            for line in one.lines
        ],
    }
