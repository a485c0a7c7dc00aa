"""What orders refuse.

PannierError
├── OrderNotFoundError            no such order, or somebody else's
├── OrderNotCancelableError       its goods have left, or it is over
├── OrderClosedError              it was canceled, so it is neither paid nor fulfilled
├── OrderQuantityError            more units than the order holds
├── InsufficientOnHandError       fewer units are in the house than are to leave it
└── ExternalReferenceTakenError   another order has this external reference
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class OrderNotFoundError(PannierError):
    """There is no order with this number among those you may see."""

    kind = ErrorKind.not_found
    error = "ORDER_NOT_FOUND"
    code = "ORD_001"
    title = "There is no such order"


class OrderNotCancelableError(PannierError):
    """The goods have left the house, or the order is over (`details.status`). Ask for a return instead."""

    kind = ErrorKind.conflict
    error = "ORDER_NOT_CANCELABLE"
    code = "ORD_002"
    title = "The order can no longer be canceled"


class ExternalReferenceTakenError(PannierError):
    """Another order carries this external reference. Look that one up instead of placing a second."""

    kind = ErrorKind.conflict
    error = "EXTERNAL_REFERENCE_TAKEN"
    code = "ORD_003"
    title = "There is an order with this reference"


class OrderClosedError(PannierError):
    """The order was canceled or refunded (`details.status`), so it is neither paid nor fulfilled any more."""

    kind = ErrorKind.conflict
    error = "ORDER_CLOSED"
    code = "ORD_004"
    title = "The order is closed"


class OrderQuantityError(PannierError):
    """More units of a variant than the order still holds (`details.held`), or a variant that is not in it."""

    kind = ErrorKind.invalid
    error = "ORDER_QUANTITY"
    code = "ORD_005"
    title = "The order does not hold so many"


class InsufficientOnHandError(PannierError):
    """Fewer units are in the house (`details.available`) than are to leave it. Receive stock, or send fewer."""

    kind = ErrorKind.conflict
    error = "INSUFFICIENT_ON_HAND"
    code = "ORD_006"
    title = "Not enough on hand"
