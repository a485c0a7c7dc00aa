"""An outside order service is told of orders: everything, in order, once, signed, whoever dies in between."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from pannier.app import create_app
from pannier.app.keeping import prune
from pannier.kernel.clock import ManualClock
from pannier.orders import Handover, HandoverRefusedError, HandoverService, HandoverTroubleError, SignedHttpTaker
from pannier.orders.errors import HandoverNotFoundError
from pannier.orders.handover import CONSUMER
from pannier.orders.jobs import hand_over, keep_no_events
from pannier.platform import outbox
from pannier.platform.database import Database
from pannier.platform.http import http_client
from pannier.platform.settings import Settings
from tests.support.books import faults
from tests.support.catalogue import make_product
from tests.support.shop import STAFF, Shop
from tests.support.web import client_of

HANDS = 8
_STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


class Service:
    """An order service that takes, fails or refuses as a test wants."""

    def __init__(self, *answers: Exception | str | None) -> None:
        self.answers = list(answers)
        self.told: list[tuple[str, int]] = []
        self.ids: Counter[uuid.UUID] = Counter()
        self.orders: list[Mapping[str, Any]] = []

    async def take(self, handover: Handover, order: Mapping[str, Any]) -> str | None:
        self.ids[handover.id] += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        self.told.append((handover.type, handover.version))
        self.orders.append(order)
        return answer

    async def close(self) -> None:
        """There is nothing to close."""


async def _sold(db: Database, settings: Settings) -> str:
    shop = Shop.of(db, settings)
    _, number = await shop.buy(await make_product(db))
    await shop.orders.pay(STAFF, number)
    return number


async def test_everything_is_told_in_order_and_once(db: Database, settings: Settings) -> None:
    service = Service("A-1")
    handovers = HandoverService(db, service)
    number = await _sold(db, settings)
    await hand_over(db, handovers)
    await hand_over(db, handovers)
    await Shop.of(db, settings).orders.fulfil(STAFF, number)
    await hand_over(db, handovers)
    assert service.told == [("order.placed", 1), ("order.paid", 2), ("order.fulfilled", 3)]
    assert [order["number"] for order in service.orders] == [number] * 3
    assert service.orders[0]["status"] == "paid", "it is told how the order stands by now"
    found = await handovers.of_order(STAFF, number)
    assert [(one.state, one.tries, one.reference) for one in found] == [
        ("taken", 1, "A-1"),
        ("taken", 1, None),
        ("taken", 1, None),
    ]
    assert await faults(db) == {}


async def test_a_service_that_is_switched_off_holds_up_no_pruning(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    service = Service()
    await _sold(db, settings)
    await hand_over(db, HandoverService(db, service))
    none = HandoverService(db)
    await hand_over(db, none)
    assert await _is_remembered(db), "nobody is to forget it every second"
    await _sold(db, settings)
    clock.advance(timedelta(days=60))
    await keep_no_events(db, none)
    await outbox.prune(db, timedelta(days=30))
    assert not await _is_remembered(db)
    assert await _kept(db) == 2, "the newest event of each order"
    # One that is there again is told of what is there by then; what it has taken it is not told again.
    await hand_over(db, HandoverService(db, service))
    assert service.told == [("order.placed", 1), ("order.paid", 2), ("order.paid", 2)]


async def _is_remembered(db: Database) -> bool:
    async with db.read() as connection:
        return bool(await connection.fetchval("select exists (select from event_cursor where consumer = $1)", CONSUMER))


async def _kept(db: Database) -> int:
    async with db.read() as connection:
        return int(await connection.fetchval("select count(*) from event where aggregate_kind = 'order'"))


async def test_what_was_taken_is_forgotten_and_what_is_to_be_taken_never(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    handovers = HandoverService(db, Service(None, HandoverRefusedError("no")))
    first, second = await _sold(db, settings), await _sold(db, settings)
    await hand_over(db, handovers)
    payments = Shop.of(db, settings).checkouts.payments
    clock.advance(timedelta(days=29))
    await prune(db, settings, payments, handovers)
    counts = [len(await handovers.of_order(STAFF, number)) for number in (first, second)]
    assert counts == [2, 2]
    clock.advance(timedelta(days=2))
    await prune(db, settings, payments, handovers)
    left = [one.state for number in (first, second) for one in await handovers.of_order(STAFF, number)]
    assert sorted(left) == ["pending", "refused"]
    assert await _is_remembered(db)
    await prune(db, settings, payments, HandoverService(db))
    assert not await _is_remembered(db)
    assert await faults(db) == {}


async def test_what_fails_is_told_again_later_and_nothing_overtakes_it(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    service = Service(HandoverTroubleError("down"), HandoverTroubleError("down"))
    handovers = HandoverService(db, service)
    first, second = await _sold(db, settings), await _sold(db, settings)
    await hand_over(db, handovers)
    assert service.told == []
    await hand_over(db, handovers)
    assert service.told == []
    clock.advance(timedelta(seconds=11))
    await hand_over(db, handovers)
    assert sorted(service.told) == [("order.paid", 2)] * 2 + [("order.placed", 1)] * 2
    assert sorted(service.ids.values()) == [1, 1, 2, 2]
    for number in (first, second):
        assert [one.state for one in await handovers.of_order(STAFF, number)] == ["taken", "taken"]
    assert await faults(db) == {}


async def test_what_is_refused_waits_for_staff_with_all_behind_it(db: Database, settings: Settings) -> None:
    service = Service(HandoverRefusedError("it answers 422"))
    handovers = HandoverService(db, service)
    number = await _sold(db, settings)
    await hand_over(db, handovers)
    refused, behind = await handovers.of_order(STAFF, number)
    assert (refused.state, refused.failure, behind.state, service.told) == ("refused", "it answers 422", "pending", [])
    await handovers.again(STAFF, number, refused.id)
    await hand_over(db, handovers)
    assert service.told == [("order.placed", 1), ("order.paid", 2)]
    with pytest.raises(HandoverNotFoundError):
        await handovers.again(STAFF, number, refused.id)
    assert await faults(db) == {}


async def test_one_that_a_crash_left_is_told_again_under_the_same_id(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    service = Service(RuntimeError("the process dies"))
    handovers = HandoverService(db, service)
    await _sold(db, settings)
    with pytest.raises(RuntimeError):
        await hand_over(db, handovers)
    await hand_over(db, handovers)
    assert service.told == []
    clock.advance(timedelta(minutes=2))
    await hand_over(db, handovers)
    assert (service.told[0], max(service.ids.values()), len(service.ids)) == (("order.placed", 1), 2, 2)
    assert await faults(db) == {}


async def _told_by_many(db: Database, settings: Settings) -> Service:
    service = Service()
    for _ in range(3):
        await _sold(db, settings)
    handovers = [HandoverService(db, service) for _ in range(HANDS)]
    await hand_over(db, HandoverService(db, Service(*[HandoverTroubleError("down")] * 3)))
    async with db.read() as connection:
        await connection.execute("update order_handover set due_at = '2020-01-01'")
    await asyncio.gather(*[one.tell() for one in handovers])
    return service


async def test_of_many_who_tell_one_does(db: Database, settings: Settings) -> None:
    service = await _told_by_many(db, settings)
    assert sorted(service.ids.values()) == [1] * 6
    assert await faults(db) == {}


async def test_without_the_lease_more_than_one_does(db: Database, settings: Settings) -> None:
    """The control: whoever looks while another one tells it finds it due."""
    async with db.read() as connection:
        text = await connection.fetchval("select pg_get_functiondef('handover_claim'::regproc)")
        assert text.count("set due_at = p_now + p_lease,") == 1
        await connection.execute(text.replace("set due_at = p_now + p_lease,", "set"))
    service = await _told_by_many(db, settings)
    assert max(service.ids.values()) > 1


async def test_it_is_signed_so_that_the_other_side_can_check_it(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    requests: list[httpx.Request] = []
    answers = [httpx.Response(503), httpx.Response(200, json={"reference": 4711}), httpx.Response(422)]

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answers.pop(0)

    client = http_client(transport=httpx.MockTransport(answer))
    taker = SignedHttpTaker("https://orders.example/pannier", "a-shared-secret-of-ours", clock, client)
    handovers = HandoverService(db, taker)
    number = await _sold(db, settings)
    await hand_over(db, handovers)
    clock.advance(timedelta(minutes=1))
    await hand_over(db, handovers)
    await taker.close()
    first, second = await handovers.of_order(STAFF, number)
    assert (first.state, first.tries, first.reference, second.state) == ("taken", 2, "4711", "refused")
    for request in requests:
        sent = request.headers
        signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + request.content
        digest = hmac.new(b"a-shared-secret-of-ours", signed, hashlib.sha256).digest()
        assert sent["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert sent["idempotency-key"] == sent["webhook-id"] == json.loads(request.content)["id"]
    assert requests[0].headers["webhook-id"] == requests[1].headers["webhook-id"] == str(first.id)
    body = json.loads(requests[1].content)
    assert (body["type"], body["order"]["number"], body["data"]["number"]) == ("order.placed", number, number)


async def test_no_answer_is_trouble(clock: ManualClock) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no answer")

    taker = SignedHttpTaker("https://x.example", "s" * 16, clock, http_client(transport=httpx.MockTransport(fail)))
    one = Handover(
        id=uuid.uuid4(), order_id=uuid.uuid4(), version=1, type="order.placed", data={}, state="pending",
        reference=None, failure=None, tries=1, due_at=None, at=clock.now(), taken_at=None,
    )  # fmt: skip
    with pytest.raises(HandoverTroubleError, match="no answer"):
        await taker.take(one, {})
    await taker.close()


async def test_staff_see_it_and_have_it_told_again_over_http(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    number = await _sold(db, settings)
    await hand_over(db, HandoverService(db, Service(HandoverRefusedError("no"))))
    app = create_app(settings, clock=clock)
    address = f"/api/v1/admin/orders/{number}/handovers"
    async with app.running(), client_of(app) as client:
        listed = (await client.get(address, headers=_STAFF)).json()["handovers"]
        assert [one["state"] for one in listed] == ["refused", "pending"]
        again = await client.post(f"{address}/{listed[0]['id']}/again", headers=_STAFF)
        assert (again.status_code, again.json()["handovers"][0]["state"]) == (200, "pending")
        assert (await client.post(f"{address}/{uuid.uuid4()}/again", headers=_STAFF)).status_code == 404
        assert (await client.get(address)).status_code == 401


async def test_what_is_to_be_forgotten_is_found_without_reading_what_is_kept(
    db: Database, settings: Settings, clock: ManualClock
) -> None:
    async with db.read() as connection:
        await connection.execute(
            """
            insert into order_handover (id, order_id, version, type, data, state, at, taken_at)
            select gen_random_uuid(), gen_random_uuid(), 1, 'order.placed', '{}', 'taken',
                   $1::timestamptz - n * interval '1 minute', $1
              from generate_series(1, 3000) n
            """,
            clock.now(),
        )
    handovers = HandoverService(db, Service())
    before = await _rows_read(db)

    assert await handovers.prune(timedelta(minutes=2900, seconds=30)) == 100

    assert await _rows_read(db) - before < 500


async def _rows_read(db: Database) -> int:
    async with db.read() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
        await connection.execute("select pg_stat_clear_snapshot()")
        return int(
            await connection.fetchval(
                """
                select seq_tup_read
                       + (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'order_handover')
                  from pg_stat_user_tables where relname = 'order_handover'
                """
            )
        )


def test_an_address_needs_a_secret() -> None:
    with pytest.raises(ValidationError, match="ORDER_SERVICE_SECRET"):
        Settings(order_service_url="https://orders.example/pannier")
