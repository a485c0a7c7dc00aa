"""What Stripe answers when something is wrong with the shop, with Stripe, or with what it was asked."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import pytest_asyncio

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.payments import Attempt, ProviderRefusedError, ProviderTroubleError, Wish
from pannier.payments.adapters.stripe import StripeProvider
from tests.payments.test_contract import attempt, stripe_at, told
from tests.support.fake_stripe import FakeStripe, signed
from tests.support.web import served

CARD = Wish(token="pm_card_visa", is_captured=True)


@dataclass
class Bank:
    """Stripe as a fake of ours, the provider that asks it, and the provider's clock."""

    fake: FakeStripe
    provider: StripeProvider
    clock: ManualClock

    async def paid(self) -> Attempt:
        asked = attempt()
        return told(asked, await self.provider.authorize(asked, CARD))


@pytest_asyncio.fixture
async def bank() -> AsyncIterator[Bank]:
    fake, clock = FakeStripe(), ManualClock()
    with served(fake.app()) as url:
        provider = stripe_at(url, clock=clock)
        yield Bank(fake, provider, clock)
        await provider.close()


@pytest.mark.parametrize("status", [401, 403, 404, 400])
async def test_what_a_key_cannot_do_now_is_not_refused_for_good(bank: Bank, status: int) -> None:
    """A rotated key, one of another account, and a request like it that is still under way."""
    payment = await bank.paid()
    bank.fake.refuses = status

    with pytest.raises(ProviderTroubleError):
        await bank.provider.refund(payment, uuid7(), 500, "a scratch")
    with pytest.raises(ProviderTroubleError):
        await bank.provider.capture(payment)
    with pytest.raises(ProviderTroubleError):
        await bank.provider.look_up(payment)

    bank.fake.refuses = None
    assert (await bank.provider.refund(payment, uuid7(), 500, "a scratch")).refunded_minor == 500


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("wish", [CARD, Wish(return_url="/back")])
async def test_who_cannot_pay_since_the_key_is_refused_may_pay_in_another_way(
    bank: Bank, status: int, wish: Wish
) -> None:
    bank.fake.refuses = status

    with pytest.raises(ProviderRefusedError) as refused:
        await bank.provider.authorize(attempt(), wish)

    assert "key" not in str(refused.value), "what is wrong with the shop is not for its shoppers"


async def test_a_payment_whose_like_is_under_way_is_not_declined(bank: Bank) -> None:
    bank.fake.refuses = 400
    with pytest.raises(ProviderTroubleError):
        await bank.provider.authorize(attempt(), CARD)


@pytest.mark.parametrize("wrong", [{"currency": "eur"}, {"amount": 2001}, {"metadata": {"attempt_id": str(uuid7())}}])
async def test_an_intent_of_another_payment_is_not_taken_for_this_one(bank: Bank, wrong: dict[str, object]) -> None:
    payment = await bank.paid()
    bank.fake.intents[payment.reference or ""].update(wrong)

    with pytest.raises(ProviderTroubleError):
        await bank.provider.look_up(payment)


@pytest.mark.parametrize("wish", [CARD, Wish(return_url="/back", is_captured=True)])
@pytest.mark.parametrize(
    "currency, minor, counted",
    [
        *(("USD", 1999, 1999), ("JPY", 500, 500), ("HUF", 104500, 104500), ("TWD", 80045, 80045)),
        *(("ISK", 5, 500), ("UGX", 5, 500), ("MGA", 50000, 500)),
        *((code, 5120, 5120) for code in ("BHD", "JOD", "KWD", "OMR", "TND")),
    ],
)
async def test_an_amount_is_asked_as_stripe_counts_it_and_understood_as_the_shop_does(
    bank: Bank, wish: Wish, currency: str, minor: int, counted: int
) -> None:
    asked = replace(attempt(minor), currency=currency)
    payment = told(asked, await bank.provider.authorize(asked, wish))
    for page in bank.fake.sessions:
        bank.fake.pay(page)

    found = await bank.provider.look_up(payment)

    assert [(one["amount"], one["currency"]) for one in bank.fake.intents.values()] == [(counted, currency.lower())]
    assert found is not None
    assert (found.authorized_minor, found.captured_minor) == (minor, minor)
    report = await bank.provider.refund(told(payment, found), uuid7(), minor, "")
    assert (report.refunded_minor, bank.fake.taken) == (minor, 0)


@pytest.mark.parametrize("wish", [CARD, Wish(return_url="/back")])
@pytest.mark.parametrize("currency, minor", [("KWD", 5124), ("TND", 1), ("MGA", 50001)])
async def test_an_amount_that_stripe_cannot_take_is_refused_and_never_rounded(
    bank: Bank, wish: Wish, currency: str, minor: int
) -> None:
    with pytest.raises(ProviderRefusedError, match=f"{currency} cannot be paid by Stripe"):
        await bank.provider.authorize(replace(attempt(minor), currency=currency), wish)

    assert bank.fake.asked == []


async def test_a_refund_that_has_failed_is_refused(bank: Bank) -> None:
    payment = await bank.paid()
    bank.fake.refund_status = "failed"

    with pytest.raises(ProviderRefusedError, match="lost_or_stolen_card"):
        await bank.provider.refund(payment, uuid7(), 500, "a scratch")


@pytest.mark.parametrize("tries, taken", [(1, 1500), (0, 1000)], ids=["looked for", "control"])
async def test_a_refund_whose_answer_was_lost_is_made_once_after_its_key_is_forgotten(
    bank: Bank, tries: int, taken: int
) -> None:
    """Stripe keeps keys for a day. Who asks as if for the first time has it made twice."""
    payment, refund = await bank.paid(), uuid7()
    for _ in range(120):
        bank.fake._refund(refund_of(payment, uuid7(), 1))  # of others, which stand before it in the list
        bank.fake.settle(next(reversed(bank.fake.refunds.values())), "failed")
    bank.fake.faults.append("500 after")
    with pytest.raises(ProviderTroubleError):
        await bank.provider.refund(payment, refund, 500, "a scratch")
    bank.fake.kept.clear()
    for _ in range(120):
        bank.fake._refund(refund_of(payment, uuid7(), 1))  # and after it
        bank.fake.settle(next(reversed(bank.fake.refunds.values())), "failed")

    report = await bank.provider.refund(replace(payment, tries=tries), refund, 500, "a scratch")

    assert (report.refunded_minor, bank.fake.taken) == (2000 - taken, taken)


async def test_a_refund_that_is_pending_is_neither_given_nor_refused(bank: Bank) -> None:
    payment, refund = await bank.paid(), uuid7()
    bank.fake.refund_status = "pending"
    for tries in (0, 1):
        with pytest.raises(ProviderTroubleError, match="pending"):
            await bank.provider.refund(replace(payment, tries=tries), refund, 500, "a scratch")
    found = await bank.provider.look_up(payment)
    assert found is not None
    assert found.refunded_minor == 0
    (made,) = bank.fake.refunds.values()

    bank.fake.settle(made, "succeeded")
    given = await bank.provider.refund(replace(payment, tries=2), refund, 500, "a scratch")
    assert given.refunded_minor == 500
    bank.fake.settle(made, "failed")
    with pytest.raises(ProviderRefusedError, match="lost_or_stolen_card"):
        await bank.provider.refund(replace(payment, tries=3), refund, 500, "a scratch")


@pytest.mark.parametrize("status, failure", [("failed", "the refund is failed: unknown"), ("succeeded", None)])
def test_a_webhook_tells_which_refund_it_is_about_and_why_it_failed(status: str, failure: str | None) -> None:
    payment, refund = uuid7(), uuid7()
    about: dict[str, object] = {
        "object": "refund",
        "id": "re_1",
        "payment_intent": "pi_1",
        "status": status,
        "failure_reason": "unknown",
    }
    about["metadata"] = {"refund_id": str(refund), "attempt_id": str(payment)}
    event = {"id": "evt_1", "object": "event", "type": "refund.updated", "data": {"object": about}}

    notice = stripe_at("http://127.0.0.1:1").notice(*signed(event))

    assert (notice.reference, notice.attempt_id) == ("pi_1", payment)
    assert (notice.refund_id, notice.refund_failure) == (refund, failure)


def refund_of(payment: Attempt, refund_id: uuid.UUID, amount: int) -> dict[str, str]:
    """What is asked with a refund, on the wire."""
    about = {"metadata[refund_id]": str(refund_id), "metadata[attempt_id]": str(payment.id)}
    return {"payment_intent": payment.reference or "", "amount": str(amount), **about}


async def test_a_payment_is_found_without_its_reference_among_a_few_hundred(bank: Bank) -> None:
    payment = await bank.paid()
    crowd(bank.fake, 250)

    found = await bank.provider.look_up(replace(payment, reference=None))

    assert found is not None
    assert found.reference == payment.reference
    assert bank.fake.asked.count("GET payment_intents") == 3


async def test_among_too_many_it_is_not_looked_for_but_searched_for_later(bank: Bank) -> None:
    payment = replace(await bank.paid(), reference=None)
    crowd(bank.fake, 1001)

    with pytest.raises(ProviderTroubleError):
        await bank.provider.look_up(payment)
    assert bank.fake.asked.count("GET payment_intents") == 10

    bank.clock.advance(timedelta(minutes=61))
    found = await bank.provider.look_up(payment)
    assert found is not None
    assert found.captured_minor == 2000
    assert await bank.provider.look_up(replace(payment, id=uuid7())) is None


def crowd(fake: FakeStripe, number: int) -> None:
    """So many payments of others after it."""
    for _ in range(number):
        fake._intent(2000, "usd", True, {"attempt_id": str(uuid7())})  # as others make them
