"""When stock moves, and which step may follow which."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from pannier.orders import Order, rules
from pannier.orders.models import OrderStatus, PaymentStatus

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def order(status: OrderStatus = "pending", payment_status: PaymentStatus = "pending") -> Order:
    rest: dict[str, Any] = dict.fromkeys(
        ("subtotal_minor", "discount_minor", "shipping_minor", "tax_minor", "tax_added_minor", "total_minor"), 0
    )
    none: dict[str, Any] = dict.fromkeys(
        ("checkout_id", "cart_id", "external_reference", "user_id", "email", "shipping_address", "billing_address")
    )
    return Order(
        id=uuid.UUID(int=1),
        number="7K3M-9QX2-4TBA",
        status=status,
        payment_status=payment_status,
        version=1,
        currency="USD",
        channel="default",
        shipping_method=None,
        payment_method="invoice",
        note=None,
        quote={},
        total_quantity=1,
        placed_at=NOW,
        updated_at=NOW,
        lines=(),
        states=(),
        **rest,
        **none,
    )


@pytest.mark.parametrize(
    "hold_at, commit_at, action",
    [
        ("add", "order", "commit"),
        ("checkout", "order", "commit"),
        ("order", "order", "commit"),
        ("add", "payment", "hold"),
        ("order", "fulfilment", "hold"),
        ("payment", "order", "await"),
        ("payment", "payment", "await"),
        ("payment", "fulfilment", "await"),
        ("immediate", "order", "commit"),
        ("immediate", "fulfilment", "commit"),
    ],
)
def test_what_placing_an_order_does_to_its_units(hold_at: Any, commit_at: Any, action: str) -> None:
    assert rules.stock_when_ordered(hold_at, commit_at) == action


@pytest.mark.parametrize(
    "before, after",
    [(("pending", "pending"), ("paid", "paid")), (("fulfilled", "pending"), ("fulfilled", "paid"))],
)
def test_being_paid(before: Any, after: Any) -> None:
    step = rules.pay(order(*before), "order")
    assert step is not None
    assert (step.status, step.payment_status, step.stock) == (*after, "commit")


def test_paying_holds_only_where_units_leave_at_fulfilment() -> None:
    step = rules.pay(order(), "fulfilment")
    assert step is not None
    assert step.stock == "hold"


def test_a_step_is_taken_once() -> None:
    assert rules.pay(order("paid", "paid"), "order") is None
    assert rules.fulfil(order("fulfilled")) is None
    assert rules.cancel(order("canceled", "void")) is None


@pytest.mark.parametrize("payment, after", [("pending", "void"), ("paid", "paid")])
def test_a_canceled_order_that_was_paid_stays_paid_until_it_is_refunded(payment: Any, after: str) -> None:
    step = rules.cancel(order("pending", payment))
    assert step is not None
    assert (step.status, step.payment_status, step.stock) == ("canceled", after, "give_back")


@pytest.mark.parametrize("status", ["pending", "paid", "fulfilled", "completed", "canceled", "refunded"])
def test_only_goods_in_the_house_can_be_canceled(status: Any) -> None:
    assert rules.is_cancelable(order(status), "add", "order") == (status in {"pending", "paid"})
    assert rules.is_closed(order(status)) == (status in {"canceled", "refunded"})
