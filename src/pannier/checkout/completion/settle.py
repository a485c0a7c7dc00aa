"""The last step: the money is taken, where that comes after the order, and what was taken comes into its books.

Where the provider refuses now, the order is undone: it is canceled, which gives its goods, codes and cards back. One
that was paid otherwise, or sent, meanwhile is left as it is, without this payment. One that somebody has canceled
meanwhile is paid no more, and gets back what was taken; one that was edited meanwhile has still to pay the rest, or
gets back what is too much.
"""

from __future__ import annotations

from pannier.kernel.errors import PannierError
from pannier.orders import Captured, OrderClosedError, OrderService, ThroughPayments
from pannier.payments import Attempt, PaymentFailedError, PaymentService, ProviderRefusedError
from pannier.platform.principal import Principal

_CANCELED = "order_canceled"
_UNDONE = "The payment was refused when it was taken, so order {number} is canceled. Order again."
_STANDS = "The payment was refused when it was taken. Order {number} stands without it: see what it has still to pay."
_GIVEN_UP = "Order {number} was canceled while it was being paid. Its payment is given back, or was not taken."


async def settle(
    payments: PaymentService, orders: OrderService, attempt: Attempt, number: str, by: Principal
) -> PannierError | None:
    """Take the money and note in the order what was taken; the refusal where that is not to be had. Whoever calls notes
    then that the payment is finished; until that is noted, all of this may be done again.

    Raises ProviderUnavailableError: then it is done later.
    """
    if attempt.captured_minor < attempt.amount_minor:
        if (await orders.get(by, number)).status == "canceled":
            return await _undo(payments, attempt, number, _CANCELED, _GIVEN_UP)
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
        return await _undo(payments, attempt, number, _CANCELED, _GIVEN_UP)
    return None


async def _cancel(
    payments: PaymentService, orders: OrderService, attempt: Attempt, number: str, by: Principal, reason: str
) -> PannierError:
    is_canceled = await orders.cancel_unpaid(by, number, ThroughPayments(payments), reason="the payment was refused")
    return await _undo(payments, attempt, number, reason, _UNDONE if is_canceled else _STANDS)


async def _undo(payments: PaymentService, attempt: Attempt, number: str, reason: str, text: str) -> PannierError:
    """The money of an order that does without it is let go of, or given back. Raises ProviderUnavailableError."""
    if not attempt.captured_minor:
        attempt = await payments.void(attempt)
    attempt = await payments.find(attempt.id) or attempt
    if attempt.captured_minor > attempt.refunding_minor:
        # What of it is in the order's books goes back with the order; all else, here.
        why = "the payment was refused" if text == _STANDS else "the order was canceled"
        await payments.give_back(attempt, why)
    return PaymentFailedError(
        text.format(number=number),
        field="payment_method",
        details={"reason": reason, "number": number},
    )
