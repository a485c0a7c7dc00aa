"""A payment gateway of our own for trying a shop out: no money moves, and it does everything that real ones do wrong.

Its other side is a table, written by transactions of its own, as if it were somebody else's server. Which card somebody
"has" is said by the token, or chosen on its page, which the storefront shows:

    tok_succeeds         it is paid
    tok_declines         it is declined
    tok_challenge        the shopper is asked for a code on the gateway's page
    tok_timeout_before   no answer, and nothing was done; asked again it is paid
    tok_timeout_after    no answer, and it was done
    tok_twice            it is paid, and told of by webhook twice before the answer
    tok_webhook_first    it is paid, and told of by webhook before the answer
    tok_capture_fails    it is authorised, and refused when the money is taken
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pannier.kernel.ids import new_code, uuid7
from pannier.payments.errors import WebhookRefusedError
from pannier.payments.models import Attempt, Notice, Report, Wish
from pannier.payments.ports import ProviderRefusedError, ProviderTroubleError
from pannier.platform.database import Database, in_transaction

if TYPE_CHECKING:
    from pannier.platform.database import Connection

SIGNATURE = "x-test-signature"
TOKENS: Final = frozenset(
    {
        "tok_succeeds",
        "tok_declines",
        "tok_challenge",
        "tok_timeout_before",
        "tok_timeout_after",
        "tok_twice",
        "tok_webhook_first",
        "tok_capture_fails",
    }
)
#: What a shopper may choose on the gateway's page, and what she is told of it.
CHOICES: Final[Mapping[str, str]] = {
    "pay": "Pay",
    "decline": "Decline",
    "twice": "Pay, and tell the shop twice",
    "webhook_first": "Pay, and tell the shop before I am back",
    "close": "Pay, and never come back",
    "give_up": "Go back without paying",
}
Deliver = Callable[[Mapping[str, str], bytes], Awaitable[None]]


class TestGateway:
    """The `PaymentProvider` called `test`. `deliver` is where its webhooks go; `page` the address of its page."""

    __test__ = False
    is_promise = False

    def __init__(self, db: Database, secret: str, page: str, code: str = "test") -> None:
        self.code = code
        self._db = db
        self._secret = secret.encode()
        self._page = page
        self.deliver: Deliver | None = None

    async def authorize(self, payment: Attempt, wish: Wish) -> Report:
        card = wish.token or "page"
        if card != "page" and card not in TOKENS:
            raise ProviderRefusedError(f"there is no test card {card[:40]}")
        row = await self._row(payment.id)
        is_first = row is None
        if row is None:
            if card == "tok_timeout_before" and not payment.tries:
                await self._create(payment, wish, "tok_lost", "created")
                raise ProviderTroubleError("no answer")
            row = await self._create(payment, wish, card, _FIRST.get(card, "authorized"))
        elif row["state"] == "created":
            row = await self._change(payment, _PAID, "created")
        if is_first and card in {"tok_twice", "tok_webhook_first"}:
            await self._tell(row["id"], payment.id, times=2 if card == "tok_twice" else 1)
        if is_first and card == "tok_timeout_after":
            raise ProviderTroubleError("no answer")
        return self._report(row)

    async def capture(self, payment: Attempt) -> Report:
        row = await self._known(payment)
        if row["token"] == _UNCAPTURABLE and row["state"] == "authorized":
            raise ProviderRefusedError("the bank has changed its mind")
        if row["state"] == "authorized":
            taken = "captures = true, state = 'captured', captured_minor = amount_minor"
            row = await self._change(payment, taken, "authorized")
        return self._report(row)

    async def void(self, payment: Attempt) -> Report:
        row = await self._row(payment.id)
        if row is None:
            return Report(state="voided")
        return self._report(await self._change(payment, "state = 'voided'", "authorized", "challenged", "created"))

    async def refund(self, payment: Attempt, refund_id: uuid.UUID, amount_minor: int, reason: str) -> Report:  # noqa: ARG002 # it is not interested in reasons
        row = await self._known(payment)
        done = await self._write(
            "update test_gateway_payment set refunds = refunds || jsonb_build_object($2::text, $3::bigint),"
            " refunded_minor = refunded_minor + $3 where id = $1 and not refunds ? $2::text"
            " and refunded_minor + $3 <= captured_minor returning *",
            row["id"],
            str(refund_id),
            amount_minor,
        )
        if done is None and str(refund_id) not in row["refunds"]:
            raise ProviderRefusedError("there is not so much left to give back")
        return self._report(done or await self._known(payment))

    async def look_up(self, payment: Attempt) -> Report | None:
        row = await self._row(payment.id)
        return None if row is None else self._report(row)

    def notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        # As bytes: of text that is not ASCII it would not be compared.
        if not hmac.compare_digest(self.signature(body).encode(), headers.get(SIGNATURE, "").encode()):
            raise WebhookRefusedError("The webhook's signature is not good.")
        try:
            told = msgspec.json.decode(body, type=_Told)
        except msgspec.DecodeError as problem:
            raise WebhookRefusedError("The webhook says nothing of a payment.") from problem
        return Notice(told.id, told.type, told.reference, told.attempt_id)

    def signature(self, body: bytes) -> str:
        """What a webhook with this body is signed with."""
        return hmac.new(self._secret, body, hashlib.sha256).hexdigest()

    async def close(self) -> None:
        """There is nothing to close: the database is the shop's."""

    async def page_of(self, reference: str) -> Mapping[str, Any] | None:
        """What its page shows of a payment: amount_minor, currency, state, return_url."""
        async with self._db.read() as connection:
            row = await connection.fetchrow("select * from test_gateway_payment where id = $1", reference)
        return None if row is None else dict(row)

    async def choose(self, reference: str, choice: str) -> Mapping[str, Any] | None:
        """What a shopper does on its page; afterwards it shows this. What is over stays as it is."""
        state = {"decline": "declined", "give_up": "challenged"}.get(choice, "authorized")
        row = await self._write(
            "update test_gateway_payment set state = case when captures and $2 = 'authorized' then 'captured'"
            " else $2 end::payment_state, reason = case $2 when 'declined' then 'card_declined' end,"
            " captured_minor = case when captures and $2 = 'authorized' then amount_minor else captured_minor end"
            " where id = $1 and state = 'challenged' returning *",
            reference,
            state,
        )
        if row is not None and choice in {"twice", "webhook_first"}:
            await self._tell(reference, row["attempt_id"], times=2 if choice == "twice" else 1)
        return await self.page_of(reference)

    async def _tell(self, reference: str, attempt_id: uuid.UUID, times: int) -> None:
        if self.deliver is None:
            return
        told = _Told(f"evt_{uuid7().hex}", "payment.changed", reference, attempt_id)
        body = msgspec.json.encode(told)
        for _ in range(times):
            await self.deliver({SIGNATURE: self.signature(body)}, body)

    def _report(self, row: Mapping[str, Any]) -> Report:
        is_held = row["state"] in {"authorized", "captured"}
        return Report(
            state=row["state"],
            reference=row["id"],
            authorized_minor=row["amount_minor"] if is_held else 0,
            captured_minor=row["captured_minor"],
            refunded_minor=row["refunded_minor"],
            action_url=f"{self._page}/{row['id']}" if row["state"] == "challenged" else None,
            reason=row["reason"],
        )

    async def _known(self, payment: Attempt) -> Mapping[str, Any]:
        row = await self._row(payment.id)
        if row is None:
            raise ProviderRefusedError("there is no such payment")
        return row

    async def _row(self, attempt_id: uuid.UUID) -> Mapping[str, Any] | None:
        assert not in_transaction.get(), "a provider is asked between transactions"
        async with self._db.read() as connection:
            row = await connection.fetchrow("select * from test_gateway_payment where attempt_id = $1", attempt_id)
        return None if row is None else dict(row)

    async def _create(self, payment: Attempt, wish: Wish, token: str, state: str) -> Mapping[str, Any]:
        captured = payment.amount_minor if wish.is_captured and state == "authorized" else 0
        await self._write(
            "insert into test_gateway_payment (id, attempt_id, amount_minor, currency, token, state, captures,"
            " return_url, reason, captured_minor, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            " on conflict (attempt_id) do nothing returning *",
            f"tp_{new_code(20)}",
            payment.id,
            payment.amount_minor,
            payment.currency,
            token,
            "captured" if captured else state,
            wish.is_captured,
            wish.return_url,
            "card_declined" if state == "declined" else None,
            captured,
            payment.created_at,
        )
        return await self._known(payment)

    async def _change(self, payment: Attempt, change: str, *states: str) -> Mapping[str, Any]:
        """The payment after a change that it goes through in these states only; in others it stays as it is."""
        row = await self._write(
            f"update test_gateway_payment set {change} where attempt_id = $1 and state::text = any($2) returning *",
            payment.id,
            states,
        )
        return row or await self._known(payment)

    async def _write(self, statement: str, *values: Any) -> Mapping[str, Any] | None:
        async def command(connection: Connection) -> Mapping[str, Any] | None:
            row = await connection.fetchrow(statement, *values)
            return None if row is None else dict(row)

        assert not in_transaction.get(), "a provider is asked between transactions"
        return await self._db.write(command)


_UNCAPTURABLE: Final = "tok_capture_fails"
_PAID: Final = (
    "state = case when captures then 'captured' else 'authorized' end::payment_state,"
    " captured_minor = case when captures then amount_minor else 0 end"
)
_FIRST: Final[Mapping[str, str]] = {"page": "challenged", "tok_challenge": "challenged", "tok_declines": "declined"}


class _Told(msgspec.Struct):
    """What a webhook says; nothing of money, which the shop looks up."""

    id: str
    type: str
    reference: str
    attempt_id: uuid.UUID
