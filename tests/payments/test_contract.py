"""What every provider promises, asked of each: ours, promises, and Stripe as a fake of ours and as localstripe play it.

localstripe forgets idempotency keys, gives more back than was taken, and knows no pages: the fake stands in for these,
and has the faults.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from pannier.kernel.clock import Clock, SystemClock
from pannier.kernel.ids import uuid7
from pannier.payments import (
    Attempt,
    PaymentProvider,
    PromiseProvider,
    ProviderRefusedError,
    ProviderTroubleError,
    Report,
    TestGateway,
    WebhookRefusedError,
    Wish,
)
from pannier.payments.adapters.stripe import StripeProvider
from pannier.platform.database import Database, in_transaction
from pannier.platform.http import NetworkInsideTransactionError
from tests.support.fake_stripe import SECRET, FakeStripe, signed
from tests.support.web import served

PROMISES = ("invoice", "cash_on_delivery", "bank_transfer", "pay_at_pickup")
ASKING = ("test", "fake stripe", "localstripe")
ALL = PROMISES + ASKING
GOOD = {"test": "tok_succeeds", "fake stripe": "pm_card_visa"}
BAD = {"test": "tok_declines", "fake stripe": "pm_card_chargeDeclined_declined"}


@dataclass
class Case:
    """A provider and how its cards are called."""

    provider: PaymentProvider
    good: str | None = None
    bad: str | None = None
    fake: FakeStripe | None = None


def attempt(amount: int = 2000) -> Attempt:
    now = SystemClock().now()
    return Attempt(
        id=uuid7(),
        provider="any",
        method="any",
        amount_minor=amount,
        currency="USD",
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(minutes=30),
    )


def told(before: Attempt, report: Report | None) -> Attempt:
    """The attempt with what was reported, as the ledger would have it."""
    assert report is not None
    refunded = before.refunded_minor if report.refunded_minor is None else report.refunded_minor
    return replace(
        before,
        state=report.state,
        reference=report.reference or before.reference,
        authorized_minor=report.authorized_minor,
        captured_minor=report.captured_minor,
        refunded_minor=refunded,
    )


def stripe_at(url: str, timeout_s: float = 10, clock: Clock | None = None) -> StripeProvider:
    return StripeProvider(
        "sk_test_of_this_test",
        SECRET,
        api_url=url,
        shop_url="https://shop.example",
        shop_name="Atelier Nord",
        timeout_s=timeout_s,
        clock=clock or SystemClock(),
    )


@pytest.fixture(scope="module")
def localstripe() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).parent / "localstripe")
    process = subprocess.Popen(
        [program, "--port", str(port), "--from-scratch"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        assert process.poll() is None, "localstripe does not start"
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url, timeout=1)
            return
    raise AssertionError("localstripe does not answer")


async def _card(url: str, number: str) -> str:
    async with httpx.AsyncClient(base_url=url, auth=("sk_test_of_this_test", "")) as client:
        card = {"type": "card", "card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2040"}
        answer = await client.post("/v1/payment_methods", data={**card, "card[cvc]": "123"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest_asyncio.fixture
async def case(request: pytest.FixtureRequest, db: Database) -> AsyncIterator[Case]:
    kind = request.param
    if kind in PROMISES:
        yield Case(PromiseProvider(kind))
    elif kind == "test":
        yield Case(TestGateway(db, "secret", "/pay/test"), GOOD[kind], BAD[kind])
    elif kind == "fake stripe":
        fake = FakeStripe()
        with served(fake.app()) as url:
            provider = stripe_at(url, timeout_s=0.5)
            yield Case(provider, GOOD[kind], BAD[kind], fake)
            await provider.close()
    else:
        url = request.getfixturevalue("localstripe")
        provider = stripe_at(url)
        yield Case(provider, await _card(url, "4242424242424242"), await _card(url, "4000000000000341"))
        await provider.close()


def of(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", kinds, indirect=True)


async def paid(case: Case, *, is_captured: bool = False) -> Attempt:
    asked = attempt()
    report = await case.provider.authorize(asked, Wish(token=case.good, is_captured=is_captured))
    return told(asked, report)


@of(*ALL)
async def test_money_is_promised_or_held_then_taken_and_given_back_in_part(case: Case) -> None:
    payment = await paid(case)
    assert payment.state == ("promised" if case.provider.is_promise else "authorized")
    assert payment.captured_minor == 0

    payment = told(payment, await case.provider.capture(payment))
    assert (payment.state, payment.captured_minor) == ("captured", 2000)
    again = told(payment, await case.provider.capture(payment))
    assert again.captured_minor == 2000

    report = await case.provider.refund(payment, uuid7(), 500, "a scratch")
    assert report.refunded_minor == (None if case.provider.is_promise else 500)
    assert report.captured_minor == 2000


@of(*ASKING)
async def test_what_is_taken_at_once_needs_no_second_call(case: Case) -> None:
    payment = await paid(case, is_captured=True)

    assert (payment.state, payment.captured_minor) == ("captured", 2000)
    found = await case.provider.look_up(payment)
    assert found is not None
    assert (found.state, found.captured_minor, found.refunded_minor) == ("captured", 2000, 0)


@of(*ALL)
async def test_what_is_not_taken_is_let_go_of(case: Case) -> None:
    payment = await paid(case)

    report = await case.provider.void(payment)

    assert (report.state, report.captured_minor) == ("voided", 0)
    assert (await case.provider.void(told(payment, report))).state == "voided"


@of(*ALL)
async def test_what_was_taken_is_not_let_go_of_but_reported(case: Case) -> None:
    payment = await paid(case)
    payment = told(payment, await case.provider.capture(payment))

    report = await case.provider.void(payment)

    assert (report.state, report.captured_minor) == ("captured", 2000)


@of(*ASKING)
async def test_a_bad_card_is_declined_in_the_provider_s_word(case: Case) -> None:
    report = await case.provider.authorize(attempt(), Wish(token=case.bad))

    assert report.state == "declined"
    assert report.reason
    assert report.authorized_minor == 0


@of(*ALL)
async def test_what_was_done_is_found_again(case: Case) -> None:
    payment = await paid(case)
    payment = told(payment, await case.provider.capture(payment))
    payment = replace(told(payment, await case.provider.refund(payment, uuid7(), 500, "")), refunded_minor=500)

    found = await case.provider.look_up(payment)

    assert found is not None
    assert (found.captured_minor, found.refunded_minor) == (2000, 500)
    assert (found.state, found.authorized_minor) == ("captured", 2000)


@of(*ALL)
async def test_what_nobody_has_signed_is_no_webhook(case: Case) -> None:
    for headers in ({}, {"stripe-signature": "t=1,v1=0"}, {"x-test-signature": "0"}):
        with pytest.raises(WebhookRefusedError):
            case.provider.notice(headers, b"{}")


@of("test", "fake stripe")
async def test_more_than_was_taken_is_not_given_back(case: Case) -> None:
    payment = await paid(case, is_captured=True)
    await case.provider.refund(payment, uuid7(), 1500, "")

    with pytest.raises(ProviderRefusedError):
        await case.provider.refund(payment, uuid7(), 501, "")


@of("test", "fake stripe")
async def test_who_was_never_asked_knows_nothing_and_has_nothing_to_let_go_of(case: Case) -> None:
    stranger = attempt()

    assert await case.provider.look_up(stranger) is None
    assert (await case.provider.void(stranger)).state == "voided"


@of("test", "fake stripe")
async def test_the_same_attempt_and_the_same_refund_are_carried_out_once(case: Case) -> None:
    asked, wish, refund = attempt(), Wish(token=case.good, is_captured=True), uuid7()

    first, second = [await case.provider.authorize(asked, wish) for _ in range(2)]
    assert first == second
    payment = told(asked, first)
    reports = [await case.provider.refund(payment, refund, 700, "") for _ in range(3)]

    assert {report.refunded_minor for report in reports} == {700}
    assert case.fake is None or case.fake.taken == 1300


@of("fake stripe")
@pytest.mark.parametrize("fault", ["timeout before", "timeout after", "500"])
async def test_an_answer_that_does_not_come_is_trouble_and_asked_again_it_is_paid_once(case: Case, fault: str) -> None:
    assert case.fake is not None
    case.fake.faults.append(fault)
    asked, wish = attempt(), Wish(token=case.good, is_captured=True)

    with pytest.raises(ProviderTroubleError):
        await case.provider.authorize(asked, wish)
    found = await case.provider.look_up(asked)
    assert (found is not None) == (fault == "timeout after"), "what was done is found without its reference"
    report = await case.provider.authorize(asked, wish)

    assert report.captured_minor == 2000
    assert case.fake.taken == 2000


@of("fake stripe")
async def test_without_the_key_the_same_is_paid_twice(case: Case) -> None:
    """The negative control: the test above proves something only if the key is what it rests on."""
    assert case.fake is not None
    case.fake.faults.append("timeout after")
    asked, wish = attempt(), Wish(token=case.good, is_captured=True)
    with pytest.raises(ProviderTroubleError):
        await case.provider.authorize(asked, wish)

    await case.provider.authorize(replace(asked, id=uuid7()), wish)

    assert case.fake.taken == 4000


@of("test", "fake stripe")
async def test_without_a_card_there_is_a_page_that_can_be_paid_at_until_it_is_over(case: Case) -> None:
    asked = attempt()
    report = await case.provider.authorize(asked, Wish(return_url="/back", is_captured=True))
    assert report.state == "challenged"
    assert report.action_url
    payment = told(asked, report)
    assert (await case.provider.void(payment)).state == "voided"

    if case.fake is not None:
        case.fake.pay(payment.reference or "")
    found = await case.provider.look_up(payment)

    assert found is not None
    assert found.state == "voided"


@of("fake stripe")
async def test_a_page_that_was_paid_at_is_found_taken_and_given_back(case: Case) -> None:
    assert case.fake is not None
    asked = attempt()
    payment = told(asked, await case.provider.authorize(asked, Wish(return_url="/checkout/1/back")))
    reference = payment.reference or ""
    assert case.fake.sessions[reference]["success_url"] == "https://shop.example/checkout/1/back"
    case.fake.pay(reference)

    payment = told(payment, await case.provider.look_up(payment))
    assert (payment.state, payment.reference, payment.authorized_minor) == ("authorized", reference, 2000)
    payment = told(payment, await case.provider.capture(payment))
    report = await case.provider.refund(payment, uuid7(), 300, "")

    assert (report.captured_minor, report.refunded_minor, case.fake.taken) == (2000, 300, 1700)


@of("fake stripe")
async def test_a_bank_may_ask_for_more_first(case: Case) -> None:
    report = await case.provider.authorize(attempt(), Wish(token="pm_authenticate"))

    assert (report.state, report.action_url) == ("challenged", "https://bank.example/3ds")


@of("fake stripe")
async def test_a_webhook_counts_by_its_signature_alone(case: Case) -> None:
    payment = uuid7()
    about = {"object": "payment_intent", "id": "pi_1", "metadata": {"attempt_id": str(payment)}}
    event = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": about}}

    notice = case.provider.notice(*signed(event))

    assert (notice.event_id, notice.reference, notice.attempt_id) == ("evt_1", "pi_1", payment)
    headers, body = signed(event)
    for forged in ((headers, body + b" "), signed(event, secret="whsec_other"), signed(event, at=1), ({}, body)):
        with pytest.raises(WebhookRefusedError):
            case.provider.notice(*forged)


@of(*ASKING)
async def test_nobody_is_asked_inside_a_transaction(case: Case) -> None:
    token = in_transaction.set(True)
    try:
        with pytest.raises((NetworkInsideTransactionError, AssertionError)):
            await case.provider.look_up(replace(attempt(), reference="pi_1"))
    finally:
        in_transaction.reset(token)
