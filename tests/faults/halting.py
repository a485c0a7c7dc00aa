"""A shop that is killed at one point of a completion: HALT_AT names it, as in "PaymentService.capture before"."""

from __future__ import annotations

import os
import signal
from typing import Any

from pannier.app.factory import create_app as make_app
from pannier.checkout.completion.runner import Completion
from pannier.orders import OrderPaying, OrderService
from pannier.payments import PaymentService
from pannier.payments.adapters.stripe import StripeProvider
from pannier.platform.settings import Settings

VARIABLE = "HALT_AT"
_CLASSES = {found.__name__: found for found in (Completion, OrderPaying, OrderService, PaymentService, StripeProvider)}


def create_app(settings: Settings) -> Any:
    """The application, as `pannier serve` makes it, but for its end."""
    place, when = os.environ[VARIABLE].split()
    owner, _, method = place.partition(".")
    original = getattr(_CLASSES[owner], method)

    async def halting(self: Any, *asked: Any, **how: Any) -> Any:
        if when == "after":
            await original(self, *asked, **how)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(_CLASSES[owner], method, halting)
    return make_app(settings)
