"""What comes after a sale: parcels, refunds, returns; figures to the cent and to the last unit."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pannier.kernel.clock import ManualClock
from pannier.orders import (
    Asked,
    Given,
    Looked,
    Order,
    Refund,
    RefundService,
    ReturnService,
    ThroughPayments,
    WantedRefund,
)
from pannier.orders.errors import (
    OrderNotFulfilledError,
    OrderQuantityError,
    OrderReturningError,
    RefundExceedsError,
    ReturnNotFoundError,
    ReturnStateError,
    ReturnTooLateError,
)
from pannier.platform.database import Connection, Database
from pannier.platform.idempotency import Answer, Key
from pannier.platform.principal import Principal
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.offers import make_gift_card
from tests.support.shop import DETAILS, SHOP_C, STAFF, Shop, guest, stock_figures


class Provider:
    """Somebody who gives money back; fails or stalls as a test wants."""

    def __init__(self, *answers: Given) -> None:
        self.answers = list(answers)
        self.asked: list[uuid.UUID] = []
        self.given: list[uuid.UUID] = []

    async def ask(self, connection: Connection, refund: Refund) -> Sequence[uuid.UUID]:
        assert connection.is_in_transaction()
        self.asked.append(refund.id)
        return ()

    async def give(self, refund: Refund) -> Given:
        self.given.append(refund.id)
        return self.answers.pop(0) if self.answers else Given("succeeded")


class Desk:
    """A shop, and the people who give back and take back."""

    def __init__(self, db: Database, settings: Settings, provider: Provider | None = None, **changes: Any) -> None:
        self.shop = Shop.of(db, settings, **changes)
        self.db, self.orders = db, self.shop.orders
        self.refunds = RefundService(db, provider or ThroughPayments(self.shop.checkouts.payments))
        self.returns = ReturnService(db, self.shop.settings, self.refunds)

    async def sold(self, variant: uuid.UUID, quantity: int = 1, *, is_sent: bool = True) -> tuple[Principal, str]:
        shopper, number = await self.shop.buy(variant, quantity)
        await self.orders.pay(STAFF, number)
        if is_sent:
            await self.orders.fulfil(STAFF, number)
        return shopper, number

    async def order(self, number: str) -> Order:
        return await self.orders.get(STAFF, number)

    async def back(self, number: str, quantity: int, *, restocked: int | None = None, written_off: int = 0) -> Any:
        """A return from its being noted to its end."""
        line = (await self.order(number)).lines[0]
        noted = told(await self.returns.request(STAFF, number, [Asked(line.id, quantity)], is_approved=True))
        came = quantity - written_off if restocked is None else restocked
        looked = [Looked(line.id, came, written_off)]
        return told(await self.returns.complete(STAFF, number, uuid.UUID(noted["return"]["id"]), looked))


def told(answer: Answer) -> Any:
    return json.loads(answer.body)


@pytest.fixture
def desk(db: Database, settings: Settings) -> Desk:
    return Desk(db, settings)


async def test_refunds_in_parts_come_to_what_was_paid_and_no_more(desk: Desk) -> None:
    _, number = await desk.sold(await make_product(desk.db, price_minor=1000))
    first = told(await desk.refunds.refund(STAFF, number, WantedRefund(400), reason="scratched"))
    assert (first["refund"]["state"], first["refund"]["amount"]["amount"]) == ("succeeded", 400)
    assert (first["order"]["payment_status"], first["order"]["balance"]["amount"]) == ("paid", 0)
    with pytest.raises(RefundExceedsError) as refusal:
        await desk.refunds.refund(STAFF, number, WantedRefund(601))
    assert refusal.value.details == {"requested": 601, "available": 600}
    rest = told(await desk.refunds.refund(STAFF, number, WantedRefund()))
    assert (rest["refund"]["amount"]["amount"], rest["order"]["payment_status"]) == (600, "refunded")
    assert rest["order"]["status"] == "refunded"
    with pytest.raises(RefundExceedsError):
        await desk.refunds.refund(STAFF, number, WantedRefund(1))
    assert await faults(desk.db) == {}


async def test_a_line_gives_back_no_more_than_it_cost(desk: Desk) -> None:
    shopper = guest()
    cheap, dear = await make_product(desk.db, price_minor=300), await make_product(desk.db, price_minor=5000)
    await desk.shop.fill(shopper, cheap)
    await desk.shop.fill(shopper, dear)
    session = await desk.shop.checkouts.create_checkout(shopper, DETAILS)
    number = (await desk.shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None
    await desk.orders.pay(STAFF, number)
    lines = {line.variant_id: line.id for line in (await desk.order(number)).lines}
    await desk.refunds.refund(STAFF, number, WantedRefund(lines={lines[cheap]: 200}))
    with pytest.raises(RefundExceedsError) as refusal:
        await desk.refunds.refund(STAFF, number, WantedRefund(lines={lines[cheap]: 101}))
    assert refusal.value.details["available"] == 100
    with pytest.raises(OrderQuantityError):
        await desk.refunds.refund(STAFF, number, WantedRefund(lines={uuid.uuid4(): 1}))
    assert (await desk.order(number)).refunded_minor == 200
    assert await faults(desk.db) == {}


async def test_nothing_is_given_back_of_what_was_not_paid(desk: Desk) -> None:
    _, number = await desk.shop.buy(await make_product(desk.db))
    with pytest.raises(RefundExceedsError):
        await desk.refunds.refund(STAFF, number, WantedRefund(1))


async def test_what_a_provider_did_not_answer_is_given_later_under_the_same_key(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    provider = Provider(Given("pending", "no answer"))
    desk = Desk(db, settings, provider)
    _, number = await desk.sold(await make_product(db, price_minor=1000))
    asked = told(await desk.refunds.refund(STAFF, number, WantedRefund(700)))
    assert asked["refund"]["state"] == "pending"
    assert (await desk.order(number)).refunding_minor == 700
    with pytest.raises(RefundExceedsError):
        await desk.refunds.refund(STAFF, number, WantedRefund(301))
    assert await desk.refunds.give_due() == 0
    clock.advance(timedelta(minutes=2))
    assert await desk.refunds.give_due() == 1
    assert provider.asked == [provider.given[0]]
    assert len(set(provider.given)) == 1
    assert (await desk.order(number)).refunded_minor == 700
    assert await faults(db) == {}


async def test_a_refund_that_is_refused_can_be_asked_for_again(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings, Provider(Given("failed", "card is closed")))
    _, number = await desk.sold(await make_product(db, price_minor=1000))
    failed = told(await desk.refunds.refund(STAFF, number, WantedRefund()))
    assert (failed["refund"]["state"], failed["refund"]["failure"]) == ("failed", "card is closed")
    assert failed["order"]["balance"]["amount"] == -1000
    again = told(await desk.refunds.refund(STAFF, number, WantedRefund()))
    assert (again["refund"]["state"], again["order"]["balance"]["amount"]) == ("succeeded", 0)
    assert await faults(db) == {}


async def test_the_same_key_gives_back_once(desk: Desk) -> None:
    _, number = await desk.sold(await make_product(desk.db, price_minor=1000))
    key = Key(b"o" * 32, "r-1", b"h" * 32)
    first = await desk.refunds.refund(STAFF, number, WantedRefund(100), key=key)
    again = await desk.refunds.refund(STAFF, number, WantedRefund(100), key=key)
    assert (again.is_replay, told(again)["refund"]["id"]) == (True, told(first)["refund"]["id"])
    assert (await desk.order(number)).refunded_minor == 100


async def test_a_gift_card_gets_back_what_money_did_not_pay(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    card = await make_gift_card(db, "CARD-CARD-CARD-CARD", 600)
    shopper = guest()
    await desk.shop.fill(shopper, await make_product(db, price_minor=1000))
    paying = DETAILS.model_copy(update={"gift_cards": ["CARD-CARD-CARD-CARD"]})
    paying.model_fields_set.add("gift_cards")
    session = await desk.shop.checkouts.create_checkout(shopper, paying)
    number = (await desk.shop.checkouts.complete(shopper, session.id)).order_number
    assert number is not None
    await desk.orders.pay(STAFF, number)
    await desk.orders.fulfil(STAFF, number)
    back = await desk.back(number, 1)
    assert back["return"]["credited"]["amount"] == 1000
    order = await desk.order(number)
    assert (order.captured_minor, order.refunded_minor, order.given_back_minor) == (400, 400, 600)
    async with db.read() as connection:
        assert await connection.fetchval("select balance from purse where id = $1", card) == 600
    assert await faults(db) == {}


async def test_goods_that_come_back_are_for_sale_again_or_written_off(desk: Desk) -> None:
    variant = await make_product(desk.db, on_hand=10, price_minor=999)
    _, number = await desk.sold(variant, 3)
    assert await stock_figures(desk.db, variant) == (7, 0)
    back = await desk.back(number, 2, restocked=1, written_off=1)
    assert await stock_figures(desk.db, variant) == (8, 0)
    assert (back["return"]["state"], back["return"]["credited"]["amount"]) == ("completed", 1998)
    line = (await desk.order(number)).lines[0]
    assert (line.quantity_sent, line.quantity_returned, line.quantity_returning) == (3, 2, 0)
    assert (await desk.order(number)).refunded_minor == 1998
    async with desk.db.read() as connection:
        moves = await connection.fetch(
            "select kind::text, quantity from stock_movement where variant_id = $1 order by version desc limit 2",
            variant,
        )
    assert [tuple(move) for move in moves] == [("adjust", -1), ("return", 2)]
    with pytest.raises(OrderQuantityError):
        await desk.back(number, 2)
    await desk.back(number, 1)
    assert (await desk.order(number)).status == "refunded"
    assert await faults(desk.db) == {}


async def test_returns_unit_by_unit_come_to_the_lines_price_with_its_tax(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings, **SHOP_C)
    _, number = await desk.sold(await make_product(db, price_minor=333), 3)
    order = await desk.order(number)
    values = [(await desk.back(number, 1))["return"]["credited"]["amount"] for _ in range(3)]
    assert sum(values) == order.lines[0].total_minor + order.tax_added_minor
    assert max(values) - min(values) <= 1
    assert (await desk.order(number)).payment_status == "paid", "shipping is not given back by itself"
    assert await faults(db) == {}


async def test_of_an_order_that_was_not_paid_a_return_lowers_what_is_due(desk: Desk) -> None:
    _, number = await desk.shop.buy(await make_product(desk.db, price_minor=1000), 2)
    await desk.orders.fulfil(STAFF, number)
    back = await desk.back(number, 1)
    assert (back["order"]["balance"]["amount"], back["order"]["amount_due"]["amount"]) == (1000, 1000)
    await desk.orders.pay(STAFF, number)
    order = await desk.order(number)
    assert (order.captured_minor, order.refunding_minor) == (1000, 0)
    assert await faults(desk.db) == {}


async def test_a_return_goes_its_way_step_by_step(desk: Desk) -> None:
    variant = await make_product(desk.db, on_hand=5)
    shopper, number = await desk.sold(variant, 2)
    line = (await desk.order(number)).lines[0]
    asked = told(await desk.returns.request(shopper, number, [Asked(line.id, 2, "too small")], reason="size"))
    one = uuid.UUID(asked["return"]["id"])
    assert (asked["return"]["state"], asked["return"]["number"]) == ("requested", f"{number}-R1")
    with pytest.raises(OrderQuantityError):
        await desk.returns.request(shopper, number, [Asked(line.id, 1)])
    with pytest.raises(OrderReturningError):
        await desk.orders.cancel_units(STAFF, number)
    for step in ("approved", "approved", "received"):
        assert told(await desk.returns.move_on(STAFF, number, one, step))["return"]["state"] == step
    with pytest.raises(ReturnStateError):
        await desk.returns.move_on(STAFF, number, one, "approved")
    with pytest.raises(ReturnNotFoundError):
        await desk.returns.move_on(STAFF, number, uuid.uuid4(), "received")
    rejected = told(await desk.returns.move_on(STAFF, number, one, "rejected", answer="worn"))
    assert (rejected["return"]["answer"], (await desk.order(number)).lines[0].quantity_returnable) == ("worn", 2)
    with pytest.raises(ReturnStateError):
        await desk.returns.complete(STAFF, number, one)
    assert await stock_figures(desk.db, variant) == (3, 0)
    assert await faults(desk.db) == {}


async def test_a_return_whose_goods_are_there_is_canceled_no_more(desk: Desk) -> None:
    shopper, number = await desk.sold(await make_product(desk.db), 2)
    line = (await desk.order(number)).lines[0]
    for units, states in enumerate((("approved",), ("approved", "received"))):
        asked = told(await desk.returns.request(shopper, number, [Asked(line.id, 1)]))
        one = uuid.UUID(asked["return"]["id"])
        for state in states:
            await desk.returns.move_on(STAFF, number, one, state)  # type: ignore[arg-type]  # a word of a tuple
        if units == 0:
            canceled = told(await desk.returns.move_on(shopper, number, one, "canceled"))
            assert canceled["return"]["state"] == "canceled"
            continue
        with pytest.raises(ReturnStateError):
            await desk.returns.move_on(shopper, number, one, "canceled")
    assert (await desk.order(number)).lines[0].quantity_returning == 1


async def test_a_customer_may_send_back_for_so_many_days(db: Database, settings: Settings, clock: ManualClock) -> None:
    desk = Desk(db, settings, return_days=14)
    shopper, number = await desk.sold(await make_product(db), 2)
    line = (await desk.order(number)).lines[0]
    clock.advance(timedelta(days=15))
    with pytest.raises(ReturnTooLateError):
        await desk.returns.request(shopper, number, [Asked(line.id, 1)])
    await desk.returns.request(STAFF, number, [Asked(line.id, 1)], is_approved=True)


async def test_only_what_was_sent_can_come_back(desk: Desk) -> None:
    shopper, number = await desk.sold(await make_product(desk.db), 2, is_sent=False)
    line = (await desk.order(number)).lines[0]
    with pytest.raises(OrderQuantityError):
        await desk.returns.request(shopper, number, [Asked(line.id, 1)])


@pytest.mark.parametrize("commit_at", ["order", "fulfilment"])
async def test_parcels_have_their_tracking(db: Database, settings: Settings, commit_at: str) -> None:
    desk = Desk(db, settings, commit_at=commit_at)
    variant = await make_product(db, on_hand=5)
    shopper, number = await desk.sold(variant, 3, is_sent=False)
    tracking = {"carrier": "DHL", "tracking_number": "00340", "tracking_url": "https://dhl.example/00340"}
    await desk.orders.fulfil(STAFF, number, {variant: 1}, tracking=tracking)
    assert (await desk.order(number)).status == "paid"
    with pytest.raises(OrderQuantityError):
        await desk.orders.fulfil(STAFF, number, {variant: 3})
    await desk.orders.fulfil(STAFF, number)
    order, after = await desk.orders.aftermath(shopper, number)
    assert (order.status, [parcel.items[0]["quantity"] for parcel in after.shipments]) == ("fulfilled", [1, 2])
    assert after.shipments[0].carrier == "DHL"
    await desk.orders.cancel_fulfilment(STAFF, number)
    order, after = await desk.orders.aftermath(shopper, number)
    assert (order.lines[0].quantity_sent, [parcel.canceled_at is not None for parcel in after.shipments]) == (
        0,
        [True] * 2,
    )
    assert await faults(db) == {}


async def test_an_order_is_completed_when_it_is_sent_and_paid(desk: Desk) -> None:
    _, number = await desk.shop.buy(await make_product(desk.db))
    await desk.orders.fulfil(STAFF, number)
    with pytest.raises(OrderNotFulfilledError):
        await desk.orders.complete(STAFF, number)
    await desk.orders.pay(STAFF, number)
    assert told(await desk.orders.complete(STAFF, number))["status"] == "completed"
    await desk.back(number, 1)
    assert (await desk.order(number)).status == "refunded"


async def test_units_taken_out_of_an_unpaid_order_are_asked_for_no_longer(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings, tax_percent=Decimal(20))
    variant = await make_product(db, price_minor=1000, on_hand=5)
    _, number = await desk.shop.buy(variant, 4)
    left = told(await desk.orders.cancel_units(STAFF, number, {variant: 1}))
    assert (left["balance"]["amount"], left["amount_credited"]["amount"]) == (3600, 1200)
    await desk.orders.pay(STAFF, number)
    assert (await desk.order(number)).captured_minor == 3600
    assert await faults(db) == {}


async def test_a_canceled_order_that_was_paid_gives_all_of_it_back(desk: Desk) -> None:
    shopper, number = await desk.sold(await make_product(desk.db, price_minor=1000), is_sent=False)
    canceled = told(await desk.orders.cancel(shopper, number, reason="changed my mind"))
    assert (canceled["payment_status"], canceled["balance"]["amount"]) == ("paid", -1000)
    back = told(await desk.refunds.refund(STAFF, number, WantedRefund()))
    assert (back["order"]["status"], back["order"]["payment_status"]) == ("canceled", "refunded")
    assert await faults(desk.db) == {}


async def test_money_goes_back_the_way_it_came(desk: Desk) -> None:
    """An invoice is a payment like any other: what it was paid with is given back, and its own books say so."""
    _, number = await desk.sold(await make_product(desk.db, price_minor=1000))
    await desk.refunds.refund(STAFF, number, WantedRefund(400))
    payments, refunds = await desk.shop.checkouts.payments.of_order((await desk.order(number)).id)
    assert [(one.captured_minor, one.refunded_minor) for one in payments] == [(1000, 400)]
    assert [(one.amount_minor, one.state) for one in refunds] == [(400, "succeeded")]
    assert await faults(desk.db) == {}


async def test_a_refund_that_a_bank_thinks_about_for_days_holds_up_no_other_and_is_asked_for_less_and_less_often(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    provider = Provider(*[Given("pending", "no answer")] * 3)
    desk = Desk(db, settings, provider)
    variant = await make_product(db, price_minor=1000)
    for _ in range(3):
        _, number = await desk.sold(variant)
        await desk.refunds.refund(STAFF, number, WantedRefund(700))
    slow, *others = provider.given
    give = provider.give

    async def given(refund: Refund) -> Given:
        done = await give(refund)
        return Given("pending", "the bank thinks") if refund.id == slow else done

    provider.give = given  # type: ignore[method-assign]  # one of them stays with the bank
    clock.advance(timedelta(minutes=2))
    assert await desk.refunds.give_due() == 2
    assert set(provider.given[3:]) == {slow, *others}

    provider.given.clear()
    for _ in range(24 * 6):
        clock.advance(timedelta(minutes=10))
        await desk.refunds.give_due()
    assert 20 < len(provider.given) < 40
    provider.give = give  # type: ignore[method-assign]  # it has made up its mind
    clock.advance(timedelta(hours=1))
    assert await desk.refunds.give_due() == 1
    assert await faults(db) == {}
