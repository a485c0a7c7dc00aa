"""What payments refuse.

PannierError
├── PaymentFailedError          the provider declined, or the payment was given back
├── ProviderUnavailableError    the provider does not answer
├── WebhookRefusedError         a webhook whose signature is not good
└── RefundRefusedError          more than was paid, or nothing was paid here
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class PaymentFailedError(PannierError):
    """The payment was declined: `details.reason` is the provider's word. Nothing was charged; choose another way."""

    kind = ErrorKind.payment_required
    error = "PAYMENT_FAILED"
    code = "PAY_001"
    title = "The payment was declined"


class ProviderUnavailableError(PannierError):
    """The payment provider does not answer. Ask again in a moment: what it did is looked up, once at most."""

    kind = ErrorKind.unavailable
    error = "PROVIDER_UNAVAILABLE"
    code = "PAY_002"
    title = "The payment provider does not answer"


class WebhookRefusedError(PannierError):
    """The webhook's signature is not good, or too old. Check the secret that the shop and the provider share."""

    kind = ErrorKind.invalid
    error = "WEBHOOK_REFUSED"
    code = "PAY_003"
    title = "The webhook is not signed as it should be"


class RefundRefusedError(PannierError):
    """More than was paid and not given back yet (`details.available`, minor units)."""

    kind = ErrorKind.conflict
    error = "REFUND_REFUSED"
    code = "PAY_004"
    title = "There is not so much to give back"
