"""One invoice through the services: a cart filled at once, a checkout over it, an order that carries its number.

Safe to be killed anywhere and begun again: an order's external reference is unique, a cart is filled under a key made
of the invoice's number, and an open checkout is taken up where it was left.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TypeVar

from bench.replay.planner import CURRENCY, Invoice, Plan
from bench.replay.reader import QUANTITY_MAX
from pannier.cart import CartOwner, CartService, Change, Command, IdempotencyInFlightError, add
from pannier.checkout import CheckoutPatch, CheckoutService
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.platform.database import Database
from pannier.platform.principal import Principal

T = TypeVar("T")
_USER = "replay:"
# A killed run's last statement may still be at work in a server that is not ours.
_IN_FLIGHT_ATTEMPTS = 40
_IN_FLIGHT_WAIT_S = 0.25
_METADATA_CHARS_MAX = 500


class Booker:
    """Books invoices through a shop's services; `variants` are those of the codes.

    With `is_in_order` each invoice gets its units before the next one asks. Where stock is short the same invoices are
    refused every time then, as if they had come one after the other; their orders are placed side by side all the same.
    """

    def __init__(
        self,
        db: Database,
        carts: CartService,
        checkouts: CheckoutService,
        variants: Mapping[str, uuid.UUID],
        *,
        is_in_order: bool = False,
    ) -> None:
        self._db = db
        self._carts = carts
        self._checkouts = checkouts
        self._variants = variants
        self._codes = {str(variant_id): code for code, variant_id in variants.items()}
        self._filled: frozenset[str] = frozenset()
        # Its waiters go in the order they came, which is the order of the file.
        self._turn = asyncio.Lock() if is_in_order else contextlib.nullcontext()

    async def booked_before(self, plan: Plan) -> frozenset[str]:
        """Numbers of invoices that are orders already; notes which carts an earlier run left filled."""
        numbers = [invoice.number for invoice in plan.invoices]
        async with self._db.read() as connection:
            orders = await connection.fetch(
                "select external_reference from orders where external_reference = any($1)", numbers
            )
            carts = await connection.fetch(
                "select user_id from cart where user_id = any($1) and status in ('active', 'abandoned') "
                "and line_count > 0",
                [_USER + number for number in numbers],
            )
        self._filled = frozenset(row[0].removeprefix(_USER) for row in carts)
        return frozenset(row[0] for row in orders)

    async def book(self, invoice: Invoice) -> str | None:
        """Make the invoice an order. Answers why that was refused, or None; of a refused one nothing stays promised.

        Raises what is no refusal, such as DatabaseUnavailableError.
        """
        owner = CartOwner(user_id=_USER + invoice.number)
        try:
            if invoice.number not in self._filled:
                async with self._turn:
                    await _settled(lambda: self._fill(owner, invoice))
            await _settled(lambda: self._check_out(invoice))
        except PannierError as refusal:
            if refusal.kind is ErrorKind.unavailable:
                raise
            await self._carts.apply(Command(owner=owner, event="cart.cleared", is_clear=True, actor="replay"))
            return self._reason(refusal)
        return None

    def _reason(self, refusal: PannierError) -> str:
        details = refusal.details or {}
        code = self._codes.get(str(details.get("variant_id")))
        if refusal.error == "INSUFFICIENT_STOCK" and code is not None:
            return (
                f"{refusal.error}: {details.get('requested')} of {code} are wanted, "
                f"{details.get('available')} are there"
            )
        return f"{refusal.error}: {refusal.message}"

    async def _fill(self, owner: CartOwner, invoice: Invoice) -> None:
        await self._carts.apply(
            Command(
                owner=owner,
                event="cart.items_added",
                changes=list(self._changes(invoice)),
                is_atomic=True,
                idempotency_key=f"replay:{invoice.number}",
                request_hash=hashlib.sha256(repr(invoice.lines).encode()).digest(),
                actor="replay",
            )
        )

    def _changes(self, invoice: Invoice) -> Iterator[Change]:
        """The price of a line is part of what makes it one, so a code at two prices becomes two lines."""
        for line in invoice.lines:
            variant, rest = self._variants[line.code], line.quantity
            while rest:
                units = min(rest, QUANTITY_MAX)
                yield add(variant, units, unit_price_minor=line.unit_price_minor)
                rest -= units

    async def _check_out(self, invoice: Invoice) -> None:
        shopper = Principal("customer", frozenset({"customer"}), _USER + invoice.number)
        told = {"invoice_date": invoice.date, "customer_id": invoice.customer, "country": invoice.country}
        metadata = {name: value[:_METADATA_CHARS_MAX] for name, value in told.items() if value}
        begun = await self._checkouts.create_checkout(
            shopper, CheckoutPatch(payment_method="invoice", metadata=metadata)
        )
        await self._checkouts.complete(
            shopper,
            begun.id,
            expected_total=(invoice.total_minor, CURRENCY),
            external_reference=invoice.number,
            idempotency_key=f"replay:{invoice.number}:{begun.id}",
        )


async def _settled(command: Callable[[], Awaitable[T]]) -> T:
    """The command's outcome, once nobody else is carrying out the same one."""
    for _ in range(_IN_FLIGHT_ATTEMPTS):
        try:
            return await command()
        except IdempotencyInFlightError:
            await asyncio.sleep(_IN_FLIGHT_WAIT_S)
    return await command()
