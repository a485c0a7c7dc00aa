"""What the shop's providers of prices and taxes say of a checkout, asked while no transaction is open.

Deciding on a checkout is pure, and happens under its locks. Where a decision needs an answer that is not at hand it
raises `AskError`; the transaction is given up, the question asked, and the decision taken anew. An answer is stored
with the checkout that it was shown on, and counts for it as long as the question is the same: so the figures that are
placed are those that were shown, whatever the provider would say by then. Without an answer in time the shop's own
prices and rates count, and that is kept just so.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from pannier.kernel.clock import Clock
from pannier.platform.database import unavailable
from pannier.pricebook import PriceQuestion, Providers, ProviderTax, TaxAnswer, TaxQuestion

Question = PriceQuestion | TaxQuestion
T = TypeVar("T")
# Prices and taxes, for the cart as it is, then with a way of shipping that was chosen by itself, then after a change.
_QUESTIONS_MAX = 8
_KNOWN_MAX = 5000
_GOOD_FOR = timedelta(seconds=60)
#: After this a provider that gave no answer is tried again.
_FALLBACK_FOR = timedelta(seconds=5)


class AskError(Exception):
    """The answer to a question is not at hand: ask, and decide anew."""

    def __init__(self, question: Question) -> None:
        super().__init__("a provider has to be asked first")
        self.question = question


@dataclass(frozen=True, slots=True)
class Told:
    """An answer. `said` is None where the shop's own figures count; `reason` tells why."""

    key: str
    at: datetime
    said: Mapping[str, Any] | None
    reason: str = ""

    def stored(self) -> dict[str, Any]:
        """As it is kept with a checkout and its order."""
        source = "shop" if self.said is None else "provider"
        return {"key": self.key, "source": source, "at": self.at, "answer": self.said, "reason": self.reason}


def key_of(question: Question) -> str:
    """By what equal questions are known."""
    return hashlib.sha256(msgspec.json.encode(question, enc_hook=str)).hexdigest()[:32]


class Answers:
    """The answers that one process knows."""

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock
        self._known: OrderedDict[str, Told] = OrderedDict()

    @property
    def has_prices(self) -> bool:
        """Whether somebody else names the prices."""
        return self._providers.price is not None

    @property
    def has_taxes(self) -> bool:
        """Whether somebody else names the taxes."""
        return self._providers.tax is not None

    def of(self, question: Question, kept: Mapping[str, Any] | None, *, trusts_fallback: bool) -> Told:
        """The answer to a question: the one that was kept, or one that is known. Raises AskError without any.

        `trusts_fallback`: what was shown without the provider's word stays.
        """
        key = key_of(question)
        if kept is not None and kept["key"] == key and (trusts_fallback or kept["source"] == "provider"):
            at = kept["at"]
            return Told(
                key, at if isinstance(at, datetime) else datetime.fromisoformat(at), kept["answer"], kept["reason"]
            )
        known = self._known.get(key)
        if known is not None and self._clock.now() - known.at <= (_FALLBACK_FOR if known.said is None else _GOOD_FOR):
            return known
        raise AskError(question)

    async def asking(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Carry out what may need answers: it is given up, the question asked, and it is begun anew."""
        for _ in range(_QUESTIONS_MAX):
            try:
                return await attempt()
            except AskError as missing:
                await self.ask(missing.question)
        raise unavailable(RuntimeError("the cart changed whenever its prices and taxes had been asked for"))

    async def answered(self, work_out: Callable[[], T]) -> T:
        """The same for what is no coroutine."""

        async def attempt() -> T:
            return work_out()

        return await self.asking(attempt)

    async def ask(self, question: Question) -> None:
        """Have an answer at hand; the shop's own, where the provider gives none. Never inside a transaction."""
        if isinstance(question, PriceQuestion):
            amounts, messages = await self._providers.prices(question)
            said: Mapping[str, Any] | None = None if messages else dict(amounts)
            reason = messages[0].text if messages else ""
        else:
            answer, reason = await self._providers.taxes(question)
            said = None if answer is None else _stored_taxes(answer)
        told = Told(key_of(question), self._clock.now(), said, reason)
        self._known[told.key] = told
        self._known.move_to_end(told.key)
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)


def _stored_taxes(answer: TaxAnswer) -> dict[str, Any]:
    return {
        "lines": {str(line): [_stored_tax(tax) for tax in taxes] for line, taxes in answer.lines.items()},
        "shipping": [_stored_tax(tax) for tax in answer.shipping],
    }


def _stored_tax(tax: ProviderTax) -> dict[str, Any]:
    return {
        "rate_id": tax.rate_id,
        "percent": str(tax.percent),
        "amount_minor": tax.amount_minor,
        "is_included": tax.is_included,
        "zone": tax.zone,
    }


def taxes_of(said: Mapping[str, Any]) -> TaxAnswer:
    """The taxes that were kept."""
    return TaxAnswer(
        {uuid.UUID(line): [_tax(tax) for tax in taxes] for line, taxes in said["lines"].items()},
        [_tax(tax) for tax in said["shipping"]],
    )


def _tax(kept: Mapping[str, Any]) -> ProviderTax:
    return ProviderTax(
        kept["rate_id"], Decimal(kept["percent"]), kept["amount_minor"], kept["is_included"], kept["zone"]
    )
