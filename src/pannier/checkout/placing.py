"""From a checkout that nothing stands against to its order: frozen figures, and everything it uses up."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from pannier.checkout import freezing, rules, view
from pannier.checkout.looking import Decision, Look, event, session_event, shown
from pannier.checkout.models import Basket, HouseRules, Session
from pannier.checkout.repository import Placing
from pannier.kernel.ids import new_order_number, uuid7
from pannier.orders import Order, OrderState, StockAction
from pannier.payments import Attempt
from pannier.pricing import asks_for_nth_order

_STOCK_STATE = {"commit": "committed", "hold": "held", "await": "awaited"}


def place(
    seen: Look, at: datetime, external_reference: str | None, house: HouseRules, payment: Attempt | None = None
) -> Decision:
    """The order that a checkout becomes. `payment`: what pays for it, authorised or captured."""
    basket, lines = seen.basket, seen.lines
    is_paid = _is_paid(seen, payment)
    action = house.stock_action_when_paid if is_paid or payment is not None else house.stock_action
    session = replace(
        seen.session,
        status="completed",
        version=seen.session.version + 1,
        updated_at=at,
        shipping_method=rules.shipping_method(seen.session, seen.quoted),
        payment_failure=None,
        **shown(seen.quoted),
    )
    order = _order(session, seen, at, external_reference, house, action, is_paid)
    if is_paid and payment is not None:
        order = replace(order, booked={str(payment.id): seen.quoted.due_minor})
    rest_id = uuid7() if len(lines) < len(basket.lines) or basket.has_saved else None
    values: dict[str, Any] = {
        "order": order,
        "cart_id": basket.id,
        "stock": action,
        "session": {
            "id": session.id,
            "version": session.version,
            "payment_method": session.payment_method,
            "shipping_method": session.shipping_method,
            "shown_total_minor": session.shown_total_minor,
        },
        "events": _placing_events(order, session, basket, rest_id),
        "at": at,
    }
    if rest_id is not None:
        values["rest_id"] = rest_id
    values.update(_claims(seen, at, house, is_paid))
    if payment is not None:
        values["payment"] = {"id": payment.id}
    elif seen.quoted.due_minor > 0 and session.payment_method is not None:
        values["payment"] = _promise(session, order, seen.quoted.due_minor)
    units = {} if action == "await" else rules.units_to_claim(lines, seen.quoted, basket.gifts)
    placing = Placing(values, [line.id for line in lines], list(units), list(units.values()))
    return Decision(view.show_completed(session, order), place=placing)


def _claims(seen: Look, at: datetime, house: HouseRules, is_paid: bool) -> dict[str, Any]:
    """What the order uses up beside stock: codes and promotions that gave something, and what is paid from purses."""
    claims: dict[str, Any] = {}
    gave = [one.promotion_id for one in seen.quoted.applied if one.goods_minor or one.shipping_minor]
    if gave:
        around = seen.basket.around
        coupons, shopper = ((), None) if around is None else (around.coupons, around.shopper)
        claims["promotions"] = gave
        claims["codes"] = [
            on.coupon.code
            for on in coupons
            if on.promotion_id in gave and on.coupon.refusal(house.prices.day(at), shopper) is None
        ]
        if seen.request is not None and asks_for_nth_order(seen.request, gave):
            claims["orders_before"] = 0 if shopper is None else shopper.completed_orders
    charges = [
        {"id": tender.reference, "amount": units, "unit_minor": tender.amount_minor // units}
        for tender in seen.quoted.tenders
        if (units := rules.units_of_tender(tender, seen.basket))
    ]
    if charges:
        claims["charges"] = charges
        claims["on"] = house.prices.day(at)
    if is_paid and seen.quoted.points_earned > 0 and seen.basket.user_id is not None:
        claims["earns"] = {"points": seen.quoted.points_earned, "purse_id": uuid7()}
    return claims


def _placing_events(order: Order, session: Session, basket: Basket, rest_id: uuid.UUID | None) -> list[dict[str, Any]]:
    placed = {
        "number": order.number,
        "checkout_id": session.id,
        "cart_id": basket.id,
        "total_minor": order.total_minor,
        "currency": order.currency,
        "total_quantity": order.total_quantity,
    }
    converted = {"order_id": order.id, "checkout_id": session.id}
    events = [
        event("order", order.id, 1, "order.placed", placed),
        event("cart", basket.id, basket.version + 1, "cart.converted", converted),
        session_event(session, "checkout.completed", {"order_id": order.id, "number": order.number}),
    ]
    if rest_id is not None:
        events.append(event("cart", rest_id, 1, "cart.continued", {"from_cart_id": basket.id, "order_id": order.id}))
    return events


def _is_paid(seen: Look, payment: Attempt | None) -> bool:
    """Whether gift cards, credit and points have paid it all, or money that is there has paid the rest."""
    if payment is not None:
        return payment.captured_minor >= seen.quoted.due_minor
    return seen.quoted.due_minor == 0 and bool(seen.quoted.tenders)


def _promise(session: Session, order: Order, due_minor: int) -> dict[str, Any]:
    """The payment that comes after the order, as `payment_place` takes it: nobody is asked for it."""
    return {
        "id": uuid7(),
        "checkout_id": session.id,
        "provider": session.payment_method,
        "amount_minor": due_minor,
        "currency": order.currency,
    }


def _order(
    session: Session,
    seen: Look,
    at: datetime,
    external_reference: str | None,
    house: HouseRules,
    action: StockAction,
    is_paid: bool,
) -> Order:
    order_id = uuid7()
    quoted = seen.quoted
    status: Literal["pending", "paid"] = "paid" if is_paid else "pending"
    totals, tendered = quoted.totals, quoted.totals.total_minor - quoted.due_minor
    lines = view.order_lines(order_id, seen.lines, quoted, _STOCK_STATE[action], house.prices, seen.basket)
    return Order(
        id=order_id,
        number=new_order_number(),
        checkout_id=session.id,
        cart_id=seen.basket.id,
        external_reference=external_reference,
        status=status,
        payment_status=status,
        version=1,
        currency=seen.basket.currency,
        channel=seen.basket.channel,
        user_id=seen.basket.user_id,
        email=session.email,
        shipping_address=session.shipping_address,
        billing_address=session.billing_address or session.shipping_address,
        shipping_method=session.shipping_method,
        payment_method=session.payment_method or "none",
        note=session.note,
        quote=freezing.frozen_quote(quoted, house.prices, seen.basket, session, at, seen.lines, seen.request),
        subtotal_minor=totals.subtotal_minor,
        discount_minor=totals.discount_minor,
        shipping_minor=totals.shipping_minor,
        tax_minor=totals.tax_minor,
        tax_added_minor=totals.tax_added_minor,
        total_minor=totals.total_minor,
        correction_minor=rules.correction_of(totals),
        tendered_minor=tendered,
        total_quantity=sum([line.quantity for line in lines]),
        placed_at=at,
        updated_at=at,
        lines=lines,
        states=(OrderState(version=1, status=status, payment_status=status, reason="", actor="", at=at),),
    )
