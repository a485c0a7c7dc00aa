"""Orders that are changed after they were placed: goods out and in, what is due and given back, and what was before."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from pannier.app import create_app
from pannier.catalog import ProductUnavailableError
from pannier.checkout import ReviseService
from pannier.checkout.revising import Edit
from pannier.inventory import InsufficientStockError
from pannier.kernel.clock import ManualClock
from pannier.orders import (
    Asked,
    Looked,
    Order,
    OrderChangedError,
    OrderNotEditableError,
    OrderQuantityError,
    RefundService,
    ReturnService,
    ReturnStateError,
)
from pannier.payments import PaymentService
from pannier.platform.database import Database
from pannier.platform.idempotency import Key
from pannier.platform.problems import ValidationFailedError
from pannier.platform.settings import Settings
from tests.orders.test_after_sale import Provider
from tests.support.books import faults
from tests.support.catalogue import LOCATION, make_product
from tests.support.offers import make_promotion
from tests.support.revisers import reviser_of
from tests.support.shop import SHOP_C, STAFF, Shop, stock_figures
from tests.support.web import client_of

_STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


class Desk:
    """A shop, and somebody who changes its orders."""

    def __init__(self, db: Database, settings: Settings, **changes: Any) -> None:
        self.db, self.shop, self.provider = db, Shop.of(db, settings, **changes), Provider()
        self.refunds = RefundService(db, self.provider)
        self.revisions: ReviseService = reviser_of(self.shop, self.refunds)
        self.returns = ReturnService(db, self.shop.settings, self.refunds)
        self.payments: PaymentService = self.shop.checkouts.payments

    async def sold(self, variant: uuid.UUID, quantity: int, *, is_paid: bool = False, is_sent: bool = False) -> str:
        _, number = await self.shop.buy(variant, quantity)
        if is_paid:
            await self.shop.orders.pay(STAFF, number)
        if is_sent:
            await self.shop.orders.fulfil(STAFF, number)
        return number

    async def order(self, number: str) -> Order:
        return await self.shop.orders.get(STAFF, number)


async def test_units_that_are_taken_out_are_given_back_and_for_sale_again(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant = await make_product(db, on_hand=5, price_minor=1000)
    number = await desk.sold(variant, 3, is_paid=True)
    line = (await desk.order(number)).lines[0]
    key = Key(b"o" * 32, "e-1", b"h" * 32)
    told = json.loads((await desk.revisions.edit(STAFF, number, Edit({line.id: 1}), reason="too many", key=key)).body)
    again = await desk.revisions.edit(STAFF, number, Edit({line.id: 1}), reason="too many", key=key)
    assert again.is_replay
    assert told["refund"]["amount"]["amount"] == 2000
    order, after = await desk.shop.orders.aftermath(STAFF, number)
    assert (order.status, order.payment_status, order.refunded_minor, order.lines[0].quantity_left) == (
        *("paid", "paid"),
        *(2000, 1),
    )
    assert len(desk.provider.given) == 1
    assert await stock_figures(db, variant) == (4, 0)
    assert [(one.version, one.reason, one.total_minor) for one in after.revisions] == [(2, "too many", 3000)]
    assert after.revisions[0].lines[0]["quantity_canceled"] == 0
    assert order.states[-2].reason == "too many"
    assert await faults(db) == {}


@pytest.mark.parametrize("hold_at, commit_at", [("add", "order"), ("order", "fulfilment"), ("payment", "payment")])
async def test_what_is_added_is_priced_taxed_promised_and_due(
    db: Database, settings: Settings, hold_at: str, commit_at: str
) -> None:
    desk = Desk(db, settings, hold_at=hold_at, commit_at=commit_at, **SHOP_C)
    stool = await make_product(db, on_hand=5, price_minor=1000, name="Stool")
    lamp = await make_product(db, on_hand=5, price_minor=2500, name="Lamp")
    number = await desk.sold(stool, 1, is_paid=True)
    paid = await desk.order(number)
    await desk.revisions.edit(STAFF, number, Edit(added=[(lamp, 2)]))
    order = await desk.order(number)
    assert order.total_minor == paid.total_minor + 5000 + 400
    assert (order.tax_minor, order.subtotal_minor, order.total_quantity) == (paid.tax_minor + 400, 6000, 3)
    assert (order.status, order.payment_status) == ("pending", "pending")
    assert [(line.name, line.quantity) for line in order.lines] == [("Stool", 1), ("Lamp", 2)]
    assert await stock_figures(db, lamp) == ((5, 2) if commit_at == "fulfilment" else (3, 0))
    assert await faults(db) == {}
    await desk.shop.orders.pay(STAFF, number)
    order = await desk.order(number)
    assert (order.status, order.payment_status, order.captured_minor) == ("paid", "paid", order.total_minor)
    attempts, _ = await desk.payments.of_order(order.id)
    assert [(one.state, one.captured_minor) for one in attempts] == [
        ("captured", paid.total_minor),
        ("captured", 5400),
    ]
    await desk.shop.orders.fulfil(STAFF, number)
    assert await stock_figures(db, lamp) == (3, 0)
    assert await faults(db) == {}


async def test_one_for_the_other_is_charged_the_difference_only(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    stool = await make_product(db, on_hand=5, price_minor=1000)
    lamp = await make_product(db, on_hand=5, price_minor=1600)
    number = await desk.sold(stool, 2, is_paid=True)
    line = (await desk.order(number)).lines[0]
    told = json.loads((await desk.revisions.edit(STAFF, number, Edit({line.id: 1}, [(lamp, 1)]))).body)
    assert (told["refund"], told["order"]["balance"]["amount"]) == (None, 600)
    cheap = await make_product(db, on_hand=5, price_minor=100)
    added = next(one for one in (await desk.order(number)).lines if one.variant_id == lamp)
    await desk.shop.orders.pay(STAFF, number)
    told = json.loads((await desk.revisions.edit(STAFF, number, Edit({added.id: 0}, [(cheap, 1)]))).body)
    assert told["refund"]["amount"]["amount"] == 1500
    assert (await desk.order(number)).payment_status == "paid"
    assert await faults(db) == {}


async def test_units_that_an_edit_sets_free_may_be_taken_by_it(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    last = await make_product(db, on_hand=2, price_minor=1000)
    number = await desk.sold(last, 2)
    line = (await desk.order(number)).lines[0]
    await desk.revisions.edit(STAFF, number, Edit({line.id: 0}, [(last, 1)]))
    assert await stock_figures(db, last) == (1, 0)
    with pytest.raises(InsufficientStockError) as refused:
        await desk.revisions.edit(STAFF, number, Edit(added=[(last, 2)]))
    assert refused.value.details["available"] == 1
    assert await faults(db) == {}


@pytest.mark.parametrize("hold_at, commit_at", [("add", "order"), ("order", "fulfilment")])
async def test_of_what_may_be_ordered_back_without_end_any_number_is_added(
    db: Database, settings: Settings, hold_at: str, commit_at: str
) -> None:
    desk = Desk(db, settings, hold_at=hold_at, commit_at=commit_at)
    stool = await make_product(db, on_hand=5)
    endless = await make_product(db, on_hand=1, backorder_max=None, price_minor=10)
    number = await desk.sold(stool, 1)
    await desk.revisions.edit(STAFF, number, Edit(added=[(endless, 7)]))
    order = await desk.order(number)
    added = next(line for line in order.lines if line.variant_id == endless)
    await desk.revisions.edit(STAFF, number, Edit({added.id: 2}, [(endless, 9)]))
    assert [line.quantity_left for line in (await desk.order(number)).lines] == [1, 2, 9]
    assert await stock_figures(db, endless) == ((-10, 0) if commit_at == "order" else (1, 11))
    assert await faults(db) == {}


async def test_what_an_edit_sets_free_makes_up_first_for_what_was_promised_beyond(
    db: Database, settings: Settings
) -> None:
    """Two units were promised to others that a count did not find: those that are set free are theirs."""
    desk = Desk(db, settings, hold_at="order", commit_at="fulfilment")
    last = await make_product(db, on_hand=4, price_minor=1000)
    number = await desk.sold(last, 2)
    await desk.sold(last, 2)
    async with db.read() as connection:
        await connection.execute("update stock set backorder_max = 2 where variant_id = $1", last)
        await connection.execute(
            "select stock_add($1, $2, -2, 'adjust', row('test', null, null, null, null, 'lost', clock_timestamp())"
            "::movement_cause)",
            last,
            LOCATION,
        )
        await connection.execute("update stock set safety_quantity = 1 where variant_id = $1", last)
    line = (await desk.order(number)).lines[0]
    with pytest.raises(InsufficientStockError) as refused:
        await desk.revisions.edit(STAFF, number, Edit({line.id: 0}, [(last, 2)]))
    assert refused.value.details["available"] == 1
    await desk.revisions.edit(STAFF, number, Edit({line.id: 0}, [(last, 1)]))
    assert await stock_figures(db, last) == (2, 3)
    assert await faults(db) == {}


async def test_what_is_added_uses_up_no_promotion(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    stool, lamp = await make_product(db, price_minor=1000), await make_product(db, price_minor=2000)
    number = await desk.sold(stool, 1, is_paid=True, is_sent=True)
    one = await returned(desk, number, lamp)
    half = {"type": "order_percent", "percent": 50}
    await make_promotion(db, half, use_limit=1)
    await desk.revisions.exchange(STAFF, number, one)
    await desk.revisions.edit(STAFF, number, Edit(added=[(lamp, 1)]))
    order = await desk.order(number)
    assert (order.discount_minor, order.total_minor) == (0, 5000)
    _, other = await desk.shop.buy(lamp)
    assert (await desk.order(other)).total_minor == 1000, "the promotion is there for who buys"
    assert await faults(db) == {}


async def test_what_cannot_be_is_refused_and_changes_nothing(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    variant, hidden = await make_product(db, on_hand=9), await make_product(db, status="draft")
    number = await desk.sold(variant, 3)
    before = await desk.order(number)
    line = before.lines[0]
    for edit, error in (
        (Edit({line.id: 4}), OrderQuantityError),
        (Edit({uuid.uuid4(): 0}), OrderQuantityError),
        (Edit({line.id: 0}), OrderQuantityError),
        (Edit({line.id: 1}, version=7), OrderChangedError),
        (Edit(added=[(hidden, 1)]), ProductUnavailableError),
        (Edit(added=[(uuid.uuid4(), 1)]), ValidationFailedError),
    ):
        with pytest.raises(error):
            await desk.revisions.edit(STAFF, number, edit)
    await desk.revisions.edit(STAFF, number, Edit({line.id: 3}))
    assert await desk.order(number) == before
    await desk.shop.orders.fulfil(STAFF, number, {variant: 2})
    with pytest.raises(OrderQuantityError):
        await desk.revisions.edit(STAFF, number, Edit({line.id: 1}, [(variant, 1)]))
    await desk.revisions.edit(STAFF, number, Edit({line.id: 2}, [(variant, 1)]))
    await desk.shop.orders.fulfil(STAFF, number)
    with pytest.raises(OrderNotEditableError):
        await desk.revisions.edit(STAFF, number, Edit({line.id: 1}))
    assert await faults(db) == {}


async def returned(desk: Desk, number: str, wanted: uuid.UUID | None, quantity: int = 1) -> uuid.UUID:
    line = (await desk.order(number)).lines[0]
    wishes = [] if wanted is None else [{"variant_id": str(wanted), "quantity": 1}]
    noted = await desk.returns.request(
        STAFF, number, [Asked(line.id, quantity)], is_approved=True, exchange_for=wishes, reason="too small"
    )
    return uuid.UUID(json.loads(noted.body)["return"]["id"])


@pytest.mark.parametrize("price, due, back", [(1500, 500, 0), (700, 0, 300), (1000, 0, 0)])
async def test_an_exchange_sends_the_other_and_settles_the_difference(
    db: Database, settings: Settings, price: int, due: int, back: int
) -> None:
    desk = Desk(db, settings, commit_at="fulfilment")
    small = await make_product(db, on_hand=5, price_minor=1000)
    large = await make_product(db, on_hand=5, price_minor=price)
    number = await desk.sold(small, 2, is_paid=True, is_sent=True)
    one = await returned(desk, number, large)
    told = json.loads((await desk.revisions.exchange(STAFF, number, one)).body)
    assert (told["return"]["state"], told["return"]["credited"]["amount"]) == ("completed", 1000)
    assert told["order"]["balance"]["amount"] == due
    assert (told["refund"] or {"amount": {"amount": 0}})["amount"]["amount"] == back
    assert (await stock_figures(db, small), await stock_figures(db, large)) == ((4, 0), (5, 1))
    assert told["order"]["status"] == ("pending" if due else "paid")
    if due:
        await desk.shop.orders.pay(STAFF, number)
    await desk.shop.orders.fulfil(STAFF, number)
    order, after = await desk.shop.orders.aftermath(STAFF, number)
    assert (order.status, order.payment_status, len(after.shipments)) == ("fulfilled", "paid", 2)
    assert await stock_figures(db, large) == (4, 0)
    assert order.states[-1].status == "fulfilled"
    assert len(after.revisions) == 1
    assert await faults(db) == {}
    with pytest.raises(ReturnStateError):
        await desk.revisions.exchange(STAFF, number, one)
    assert len((await desk.order(number)).lines) == 2


async def test_what_is_sold_out_is_not_exchanged_for_and_the_return_waits(db: Database, settings: Settings) -> None:
    desk = Desk(db, settings)
    small, gone = await make_product(db, on_hand=5), await make_product(db, on_hand=0)
    number = await desk.sold(small, 1, is_sent=True)
    one = await returned(desk, number, gone)
    with pytest.raises(InsufficientStockError):
        await desk.revisions.exchange(STAFF, number, one)
    _, after = await desk.shop.orders.aftermath(STAFF, number)
    assert (after.returns[0].state, await stock_figures(db, small)) == ("approved", (4, 0))
    line = (await desk.order(number)).lines[0]
    done = await desk.revisions.exchange(STAFF, number, one, [Looked(line.id, 0, 1)], wanted=[(small, 1)])
    assert json.loads(done.body)["return"]["items"][0]["written_off"] == 1
    assert await stock_figures(db, small) == (3, 0)
    other = await desk.sold(small, 1, is_sent=True)
    unnamed = await returned(desk, other, None)
    with pytest.raises(ValidationFailedError):
        await desk.revisions.exchange(STAFF, other, unnamed)
    assert await faults(db) == {}


async def test_edit_and_exchange_over_http(db: Database, settings: Settings, clock: ManualClock) -> None:
    shop = Shop.of(db, settings)
    variant = await make_product(db, on_hand=9, price_minor=1000)
    _, number = await shop.buy(variant, 2)
    line = str((await shop.orders.get(STAFF, number)).lines[0].id)
    app = create_app(settings, clock=clock)
    address = f"/api/v1/admin/orders/{number}"
    async with app.running(), client_of(app) as client:
        body = {"items": [{"item_id": line, "quantity": 1}], "add": [{"variant_id": str(variant), "quantity": 2}]}
        edited = await client.post(f"{address}/edit", json=body, headers=_STAFF)
        assert (edited.status_code, edited.json()["order"]["balance"]["amount"]) == (200, 3000)
        assert (await client.post(f"{address}/edit", json=body)).status_code == 401
        twice = {"items": body["items"] * 2}
        assert (await client.post(f"{address}/edit", json=twice, headers=_STAFF)).status_code == 422
        await client.post(f"{address}/fulfil", headers=_STAFF)
        asked = {"items": [{"item_id": line, "quantity": 1}]}
        noted = await client.post(f"{address}/returns", json=asked, headers=_STAFF)
        one = noted.json()["return"]["id"]
        sent = {"send": [{"variant_id": str(variant), "quantity": 1}]}
        exchanged = await client.post(f"{address}/returns/{one}/exchange", json=sent, headers=_STAFF)
        assert (exchanged.status_code, exchanged.json()["return"]["state"]) == (200, "completed")
        assert exchanged.json()["order"]["balance"]["amount"] == 3000
    assert await faults(db) == {}
