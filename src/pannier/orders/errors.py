"""What orders refuse.

PannierError
├── OrderNotFoundError            no such order, or somebody else's
├── OrderNotCancelableError       its goods have left, or it is over
├── OrderClosedError              it was canceled, so it is neither paid nor fulfilled
├── OrderQuantityError            more units than the order holds
├── InsufficientOnHandError       fewer units are in the house than are to leave it
├── ExternalReferenceTakenError   another order has this external reference
├── RefundExceedsError            more than was paid and not given back
├── ReturnNotFoundError           the order has no such return
├── ReturnStateError              the return is at another step
├── OrderReturningError           goods are on their way back
├── PdfUnavailableError            what makes PDF is not installed
├── ShipmentNotFoundError          the order has no such parcel
├── ReturnTooLateError            the time to send goods back is over
├── NothingDueError               all of it is paid
└── OrderNotFulfilledError        goods are to be sent, or money to be paid
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


class RefundExceedsError(PannierError):
    """More than was paid and is not given back yet (`details.available`, minor units)."""

    kind = ErrorKind.conflict
    error = "REFUND_EXCEEDS"
    code = "ORD_007"
    title = "There is not so much to give back"


class ReturnNotFoundError(PannierError):
    """The order has no return with this id."""

    kind = ErrorKind.not_found
    error = "RETURN_NOT_FOUND"
    code = "ORD_008"
    title = "There is no such return"


class ReturnStateError(PannierError):
    """The return is at another step (`details.state`), so this one cannot be taken."""

    kind = ErrorKind.conflict
    error = "RETURN_STATE"
    code = "ORD_009"
    title = "The return is at another step"


class OrderReturningError(PannierError):
    """Goods are on their way back (`details.returning` units) or came back. Finish the return, or cancel it, first."""

    kind = ErrorKind.conflict
    error = "ORDER_RETURNING"
    code = "ORD_010"
    title = "Goods of the order are on their way back"


class OrderNotFulfilledError(PannierError):
    """Goods are still to be sent, or money to be paid (`details.balance`, minor units): it is not completed yet."""

    kind = ErrorKind.conflict
    error = "ORDER_NOT_FULFILLED"
    code = "ORD_011"
    title = "The order is not done yet"


class ReturnTooLateError(PannierError):
    """The time to send goods back is over (`details.until`). The shop's people may still take them."""

    kind = ErrorKind.conflict
    error = "RETURN_TOO_LATE"
    code = "ORD_012"
    title = "It is too late to send goods back"


class PdfUnavailableError(PannierError):
    """This shop makes no PDF, since what makes it is not installed. Take the document as HTML, which prints as well."""

    kind = ErrorKind.unavailable
    error = "PDF_UNAVAILABLE"
    code = "ORD_013"
    title = "There is no PDF here"


class ShipmentNotFoundError(PannierError):
    """The order has no parcel with this number."""

    kind = ErrorKind.not_found
    error = "SHIPMENT_NOT_FOUND"
    code = "ORD_014"
    title = "There is no such parcel"


class OrderNotEditableError(PannierError):
    """The order is sent or closed (`details.status`), so its goods are changed no more. Note a return, or sell anew."""

    kind = ErrorKind.conflict
    error = "ORDER_NOT_EDITABLE"
    code = "ORD_015"
    title = "The order is changed no more"


class OrderChangedError(PannierError):
    """Somebody has changed the order since you looked at it (`details.version` is the new one). Look at it again."""

    kind = ErrorKind.conflict
    error = "ORDER_CHANGED"
    code = "ORD_016"
    title = "The order has changed meanwhile"


class HandoverNotFoundError(PannierError):
    """The order has nothing with this id that the order service is still to take."""

    kind = ErrorKind.not_found
    error = "HANDOVER_NOT_FOUND"
    code = "ORD_017"
    title = "There is nothing like it to be told"


class NothingDueError(PannierError):
    """Nothing is due of the order (`details.balance`, minor units): it is paid, or costs nothing any more."""

    kind = ErrorKind.conflict
    error = "NOTHING_DUE"
    code = "ORD_018"
    title = "Nothing is due"
