"""Refusals of pricing.

PannierError
├── AmountTooLargeError         PRC_001
├── ScenarioError               PRC_002
└── ShippingNotAvailableError   CHK_008
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class AmountTooLargeError(PannierError):
    """The total is more than 10^15 minor units, which no order may be. Lower the quantities."""

    kind = ErrorKind.unprocessable
    error = "AMOUNT_TOO_LARGE"
    code = "PRC_001"
    title = "The total is too large"


class ScenarioError(PannierError):
    """A scenario cannot be priced; `field` is the path of what is wrong in the file, the message says why."""

    kind = ErrorKind.invalid
    error = "SCENARIO_INVALID"
    code = "PRC_002"
    title = "The scenario cannot be priced"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", field=path)
        self.path = path
        self.reason = reason


class ShippingNotAvailableError(PannierError):
    """These goods are not shipped this way; `details.available` lists the ways there are."""

    kind = ErrorKind.conflict
    error = "SHIPPING_NOT_AVAILABLE"
    code = "CHK_008"
    title = "That shipping method is not available"
