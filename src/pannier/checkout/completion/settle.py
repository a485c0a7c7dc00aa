"""The last step: the money is taken, where that comes after the order, and what was taken comes into its books.

Where the provider refuses now, the order is undone: it is canceled, which gives its goods, codes and cards back. One
that somebody has canceled meanwhile is paid no more, and gets back what was taken; one that was edited meanwhile has
still to pay the rest, or gets back what is too much.
"""

from __future__ import annotations

from pannier.kernel.errors import PannierError
from pannier.orders import Captured, OrderClosedError, OrderService, ThroughPayments
from pannier.payments import Attempt, PaymentFailedError, PaymentService, ProviderRefusedError
from pannier.platform.principal import Principal

_CANCELED = "order_canceled"


async def settle(
    payments: PaymentService, orders: OrderService, attempt: Attempt, number: str, by: Principal
) -> PannierError | None:
    """Take the money and note in the order what was taken; the refusal where that is not to be had. Whoever calls notes
    then that the payment is finished; until that is noted, all of this may be done again.

    Raises ProviderUnavailableError: then it is done later.
    """
    if attempt.captured_minor < attempt.amount_minor:
        if (await orders.get(by, number)).status == "canceled":
            return await _undo(payments, attempt, number, _CANCELED)
        try:
            attempt = await payments.capture(attempt)
        except ProviderRefusedError as refused:
            return await _cancel(payments, orders, attempt, number, by, str(refused)[:200])
        if attempt.captured_minor < attempt.amount_minor:
            return await _cancel(payments, orders, attempt, number, by, attempt.state)
    try:
        captured = Captured(attempt.id, attempt.captured_minor)
        await orders.book(by, number, captured, ThroughPayments(payments))
    except OrderClosedError:
        return await _undo(payments, attempt, number, _CANCELED)
    return None


async def _cancel(
    payments: PaymentService, orders: OrderService, attempt: Attempt, number: str, by: Principal, reason: str
) -> PannierError:
    await orders.cancel_units(by, number, reason="the payment was refused")
    return await _undo(payments, attempt, number, reason)


async def _undo(payments: PaymentService, attempt: Attempt, number: str, reason: str) -> PannierError:
    """The money of an order that is closed is let go of, or given back. Raises ProviderUnavailableError."""
    if not attempt.captured_minor:
        try:
            attempt = await payments.void(attempt)
        except ProviderRefusedError:
            attempt = await payments.look_up(attempt) or attempt
    if attempt.order_id is not None and attempt.captured_minor > attempt.refunding_minor:
        await payments.refund(attempt.order_id, None, "the order was canceled", actor="system")
    text = f"The payment was refused when it was taken, so order {number} is canceled. Order again."
    if reason == _CANCELED:
        text = f"Order {number} was canceled while it was being paid. Its payment is given back, or was not taken."
    return PaymentFailedError(
        text,
        field="payment_method",
        details={"reason": reason, "number": number},
    )
