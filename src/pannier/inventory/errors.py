"""What the stock refuses.

PannierError
├── InsufficientStockError      fewer units than asked for
├── HoldExpiredError            the promise ran out before it was used
├── ReservationNotFoundError    nothing is promised under that id
├── ReservationConflictError    the id is taken, by somebody else or for something else
├── BelowHeldError              a figure would fall below what is promised
├── BelowZeroError              more units would be taken away than there are
├── LocationNotFoundError       there is no such location
├── LocationExistsError         the code of a location is taken
├── StockNotFoundError          the variant has no stock row, so it is not counted
└── StockQuantityError          a quantity that no movement can have
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pannier.kernel.errors import ErrorKind, PannierError
from pannier.kernel.times import in_zulu


class InsufficientStockError(PannierError):
    """Fewer units are available than asked for; `details` has `{requested, available}`. Take fewer, or wait.

    For several items at once `details.items` has `{variant_id, requested, available}` for each short one.
    """

    kind = ErrorKind.conflict
    error = "INSUFFICIENT_STOCK"
    code = "STOCK_001"
    title = "Not enough in stock"


class HoldExpiredError(PannierError):
    """The units were promised until `details.expired_at`, and that has passed. Reserve them again."""

    kind = ErrorKind.conflict
    error = "HOLD_EXPIRED"
    code = "STOCK_002"
    title = "The reservation has run out"


class ReservationNotFoundError(PannierError):
    """There is no such reservation: it was released, committed, has expired, or never was."""

    kind = ErrorKind.not_found
    error = "RESERVATION_NOT_FOUND"
    code = "STOCK_003"
    title = "There is no such reservation"


class BelowHeldError(PannierError):
    """Units are promised (`details.held`), and `on_hand` would fall below them. Release holds first."""

    kind = ErrorKind.conflict
    error = "BELOW_HELD"
    code = "STOCK_004"
    title = "More units are promised than would be left"


class ReservationConflictError(PannierError):
    """The reservation id already stands for other items, or belongs to a cart or an order. Use another id."""

    kind = ErrorKind.conflict
    error = "RESERVATION_CONFLICT"
    code = "STOCK_005"
    title = "The reservation id is taken"


class StockNotFoundError(PannierError):
    """No stock is kept for this variant. A first receipt, count or configuration makes the row."""

    kind = ErrorKind.not_found
    error = "STOCK_NOT_FOUND"
    code = "STOCK_006"
    title = "No stock is kept for this variant"


class LocationNotFoundError(PannierError):
    """There is no location of this code. `GET /admin/locations` lists those there are."""

    kind = ErrorKind.not_found
    error = "LOCATION_NOT_FOUND"
    code = "STOCK_009"
    title = "There is no such location"


class LocationExistsError(PannierError):
    """Another location has this code. Choose another one."""

    kind = ErrorKind.conflict
    error = "LOCATION_EXISTS"
    code = "STOCK_010"
    title = "The code is taken"


class StockQuantityError(PannierError):
    """A movement's quantity is zero, has the wrong sign, or leaves the range of the figures."""

    kind = ErrorKind.invalid
    error = "INVALID_STOCK_QUANTITY"
    code = "STOCK_007"
    title = "The quantity cannot be booked"


class BelowZeroError(PannierError):
    """More would be taken away than is there (`details.on_hand`). Check the figure, or say `allow_negative`."""

    kind = ErrorKind.conflict
    error = "BELOW_ZERO"
    code = "STOCK_008"
    title = "More would be taken away than is there"


def refusal(outcome: str, details: Mapping[str, Any] | None) -> PannierError:
    """The refusal that a database function answered with."""
    facts = dict(details or {})
    match outcome:
        case "INSUFFICIENT_STOCK":
            return InsufficientStockError(
                f"{facts.get('requested')} wanted, {facts.get('available')} available. Take fewer, or wait for more.",
                field="items",
                details=facts,
            )
        case "HOLD_EXPIRED":
            if facts.get("expired_at"):
                facts["expired_at"] = in_zulu(facts["expired_at"])
            return HoldExpiredError(
                f"The units were promised until {facts.get('expired_at')}. Reserve them again.", details=facts
            )
        case "RESERVATION_NOT_FOUND":
            status = facts.get("status")
            return ReservationNotFoundError(
                f"The reservation was {status} before." if status else "There is no reservation of that id.",
                details=facts,
            )
        case "RESERVATION_CONFLICT":
            return ReservationConflictError(
                "That reservation id stands for something else already. Use another one.", details=facts
            )
        case "BELOW_HELD":
            return BelowHeldError(
                f"{facts.get('held')} units are promised; the figure cannot fall below them. Release holds first.",
                details=facts,
            )
        case "BELOW_ZERO":
            return BelowZeroError(
                f"{facts.get('on_hand')} units are on hand; no more can be taken away. Check the figure, or say "
                "allow_negative where units are owed (on the command line: --allow-negative).",
                field="quantity",
                details=facts,
            )
        case "INVALID_STOCK_QUANTITY":
            return StockQuantityError(
                f"A count is {facts.get('minimum')} or more here: no more may be owed than may be ordered back.",
                field="on_hand",
                details=facts,
            )
        case "STOCK_NOT_FOUND":
            return StockNotFoundError(
                "No stock is kept for this variant. Check the id; a first receipt or count makes its stock.",
                details=facts,
            )
    raise LookupError(f"no refusal is called {outcome}")
