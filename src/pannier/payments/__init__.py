"""Payments: attempts, an append-only ledger of money that moved, refunds, and the providers who move it."""

from pannier.payments.adapters.gateway import CHOICES as TEST_CHOICES
from pannier.payments.adapters.gateway import TestGateway
from pannier.payments.adapters.promises import PromiseProvider
from pannier.payments.errors import (
    PaymentFailedError,
    ProviderUnavailableError,
    RefundRefusedError,
    WebhookRefusedError,
)
from pannier.payments.models import Attempt, Notice, Refund, Report, Wish
from pannier.payments.people import export_payments, forget_payer
from pannier.payments.ports import PaymentProvider, ProviderRefusedError, ProviderTroubleError
from pannier.payments.providers import TEST_PAGE, Providers, open_providers
from pannier.payments.repository import begin as begin_attempt
from pannier.payments.repository import challenged as attempt_challenged
from pannier.payments.repository import close as close_attempt
from pannier.payments.repository import due as attempt_due
from pannier.payments.repository import find as find_attempt
from pannier.payments.repository import find_open as find_open_attempt
from pannier.payments.repository import find_paying as find_paying_attempt
from pannier.payments.repository import give_up as give_up_attempt
from pannier.payments.repository import pay_order as pay_order_by
from pannier.payments.rules import is_decided, with_money_back
from pannier.payments.service import PaymentService

__all__ = [
    "TEST_CHOICES",
    "TEST_PAGE",
    "Attempt",
    "Notice",
    "PaymentFailedError",
    "PaymentProvider",
    "PaymentService",
    "PromiseProvider",
    "ProviderRefusedError",
    "ProviderTroubleError",
    "ProviderUnavailableError",
    "Providers",
    "Refund",
    "RefundRefusedError",
    "Report",
    "TestGateway",
    "WebhookRefusedError",
    "Wish",
    "attempt_challenged",
    "attempt_due",
    "begin_attempt",
    "close_attempt",
    "export_payments",
    "find_attempt",
    "find_open_attempt",
    "find_paying_attempt",
    "forget_payer",
    "give_up_attempt",
    "is_decided",
    "open_providers",
    "pay_order_by",
    "with_money_back",
]
