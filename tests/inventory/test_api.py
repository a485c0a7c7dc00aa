"""Stock over HTTP: who may do what, and the figures and errors as they stand on the wire."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from pannier.app import create_app
from pannier.app.audit import audit
from pannier.app.keeping import prune_answers
from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.inventory.reading import events_of, eventually, kinds, value
from tests.support.catalogue import make_product
from tests.support.web import client_of

STAFF = {"Authorization": "Bearer a-token-for-tests-only"}


@pytest_asyncio.fixture
async def client(settings: Settings, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=clock)
    async with app.running(), client_of(app, headers=STAFF) as found:
        yield found


async def post(client: httpx.AsyncClient, path: str, body: Any, *, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(f"/api/v1/{path}", json=body, headers=headers)


def items(*wanted: tuple[uuid.UUID, int]) -> list[dict[str, Any]]:
    return [{"variant_id": str(variant), "quantity": quantity} for variant, quantity in wanted]


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["code"]


async def test_anybody_may_look(client: httpx.AsyncClient, db: Database) -> None:
    plenty, stranger = await make_product(db, on_hand=5), uuid7()
    del client.headers["Authorization"]
    answer = await post(client, "inventory/check", {"items": items((plenty, 3), (stranger, 1))})
    assert answer.status_code == 200
    assert answer.json()["is_available"] is False
    found = {item["variant_id"]: item for item in answer.json()["items"]}
    assert found[str(plenty)] == {
        "variant_id": str(plenty), "requested": 3, "available": 5, "is_available": True, "status": "available",
    }  # fmt: skip
    assert found[str(stranger)]["status"] == "not_found"
    too_many = await post(client, "inventory/check", {"items": items((plenty, 6))})
    assert too_many.json()["items"][0]["status"] == "insufficient"


async def test_only_staff_may_do_the_rest(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    del client.headers["Authorization"]
    for path, body in (
        ("inventory/reserve", {"items": items((variant, 1))}),
        ("inventory/extend", {"id": str(uuid7())}),
        ("inventory/release", {"id": str(uuid7())}),
        ("inventory/commit", {"id": str(uuid7())}),
        (f"admin/stock/{variant}", {"action": "receive", "quantity": 1}),
    ):
        assert refused(await post(client, path, body)) == (401, "LOGIN_REQUIRED", "AUTH_001")
    assert (await client.get(f"/api/v1/admin/stock/{variant}")).status_code == 401
    assert await kinds(db, variant) == ["receive"]


async def test_reserve_extend_and_commit(client: httpx.AsyncClient, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=5)
    made = await post(client, "inventory/reserve", {"items": items((variant, 3)), "ttl_s": 600, "reference": "A-1"})
    assert made.status_code == 201
    reservation = made.json()
    assert (reservation["status"], reservation["reference"]) == ("held", "A-1")
    assert reservation["items"] == items((variant, 3))
    clock.advance(timedelta(seconds=500))
    longer = await post(client, "inventory/extend", {"id": reservation["id"], "ttl_s": 600})
    assert longer.json()["expires_at"] > reservation["expires_at"]
    done = await post(client, "inventory/commit", {"id": reservation["id"]})
    assert (done.status_code, done.json()["status"], done.json()["expires_at"]) == (200, "committed", None)
    assert (await audit(db)).breaches == []


async def test_refusals_have_their_figures(client: httpx.AsyncClient, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=5)
    short = await post(client, "inventory/reserve", {"items": items((variant, 6))})
    assert refused(short) == (409, "INSUFFICIENT_STOCK", "STOCK_001")
    assert short.json()["details"]["requested"] == 6
    assert short.json()["details"]["available"] == 5
    stranger = await post(client, "inventory/reserve", {"items": items((uuid7(), 1))})
    assert refused(stranger) == (404, "STOCK_NOT_FOUND", "STOCK_006")
    assert refused(await post(client, "inventory/commit", {"id": str(uuid7())})) == (
        404, "RESERVATION_NOT_FOUND", "STOCK_003",
    )  # fmt: skip
    made = await post(client, "inventory/reserve", {"items": items((variant, 4))})
    below = await post(client, f"admin/stock/{variant}", {"action": "count", "on_hand": 3})
    assert refused(below) == (409, "BELOW_HELD", "STOCK_004")
    assert below.json()["details"] == {"on_hand": 5, "held": 4}
    clock.advance(timedelta(hours=1))
    late = await post(client, "inventory/commit", {"id": made.json()["id"]})
    assert refused(late) == (409, "HOLD_EXPIRED", "STOCK_002")
    assert late.json()["details"]["expired_at"]
    nothing = await post(client, "inventory/check", {"items": items((variant, 0))})
    assert refused(nothing) == (400, "INVALID_STOCK_QUANTITY", "STOCK_007")
    assert (await audit(db)).breaches == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": [{"variant_id": "no", "quantity": 1}]},
        {"items": [{"variant_id": str(uuid.UUID(int=1)), "quantity": 1.5}]},
        {"items": [{"variant_id": str(uuid.UUID(int=1)), "quantity": "2"}]},
        {"items": [{"variant_id": str(uuid.UUID(int=1)), "quantity": 1}], "more": 1},
        {"items": [{"variant_id": str(uuid.UUID(int=1)), "quantity": 1}], "ttl_s": 0},
    ],
)
async def test_a_malformed_reservation_is_told_where(client: httpx.AsyncClient, db: Database, body: Any) -> None:
    answer = await post(client, "inventory/reserve", body)
    assert refused(answer) == (422, "VALIDATION_FAILED", "INPUT_001")
    assert await value(db, "select count(*) from reservation") == 0


async def test_a_reservation_is_made_once_under_its_key(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=5)
    body = {"items": items((variant, 3))}
    first = await post(client, "inventory/reserve", body, key="order-1")
    again = await post(client, "inventory/reserve", body, key="order-1")
    assert again.json() == first.json()
    assert again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    other = await post(client, "inventory/reserve", {"items": items((variant, 1))}, key="order-1")
    assert refused(other)[:2] == (422, "IDEMPOTENCY_CONFLICT")
    assert await kinds(db, variant) == ["receive", "hold"]


async def test_a_refusal_is_kept_under_its_key_too(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=1)
    body = {"items": items((variant, 2))}
    first = await post(client, "inventory/reserve", body, key="order-2")
    await post(client, f"admin/stock/{variant}", {"action": "receive", "quantity": 5})
    again = await post(client, "inventory/reserve", body, key="order-2")
    assert refused(first) == refused(again) == (409, "INSUFFICIENT_STOCK", "STOCK_001")
    assert again.json()["details"] == first.json()["details"]
    assert again.headers["idempotent-replayed"] == "true"


async def test_staff_see_and_change_figures(client: httpx.AsyncClient, db: Database) -> None:
    variant = await make_product(db, on_hand=None)
    path = f"admin/stock/{variant}"
    assert refused(await client.get(f"/api/v1/{path}"))[:2] == (404, "STOCK_NOT_FOUND")
    received = await post(client, path, {"action": "receive", "quantity": 7, "reason": "delivery 4"}, key="k1")
    again = await post(client, path, {"action": "receive", "quantity": 7, "reason": "delivery 4"}, key="k1")
    assert again.json() == received.json()
    assert (received.status_code, received.json()["on_hand"]) == (200, 7)
    assert (await post(client, path, {"action": "adjust", "quantity": -2})).json()["on_hand"] == 5
    slip = await post(client, path, {"action": "adjust", "quantity": -6})
    assert refused(slip) == (409, "BELOW_ZERO", "STOCK_008")
    assert (await post(client, path, {"action": "count", "on_hand": 9})).json()["available"] == 9
    open_ended = await post(client, path, {"action": "configure", "backorder_max": None, "safety_quantity": 1})
    assert (open_ended.json()["backorder_max"], open_ended.json()["available"]) == (None, None)
    closed = await post(client, path, {"action": "configure", "backorder_max": 0})
    assert (closed.json()["backorder_max"], closed.json()["available"]) == (0, 8)
    page = (await client.get(f"/api/v1/{path}", params={"limit": 2})).json()
    assert page["level"] == closed.json()
    assert [(m["kind"], m["quantity"]) for m in page["movements"]] == [("adjust", 4), ("adjust", -2)]
    rest = (await client.get(f"/api/v1/{path}", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [(m["kind"], m["quantity"], m["reason"], m["actor"]) for m in rest["movements"]] == [
        ("receive", 7, "delivery 4", "admin")
    ]
    assert rest["next_cursor"] is None
    assert rest["movements"][0]["correlation_id"] == received.headers["x-request-id"]
    assert [kind for kind, _, _ in await events_of(db, "stock")][:2] == ["stock.received", "stock.adjusted"]
    assert (await audit(db)).breaches == []


@pytest.mark.parametrize(
    "body,status",
    [
        ({"action": "receive", "quantity": 0}, 400),
        ({"action": "receive", "quantity": 10**30}, 400),
        ({"action": "steal", "quantity": 1}, 422),
        ({"action": "count"}, 422),
        ({"action": "configure", "safety_quantity": -1}, 422),
        ({"action": "adjust", "quantity": 1, "reason": "a\x00b"}, 422),
    ],
)
async def test_a_change_that_means_nothing_is_refused(
    client: httpx.AsyncClient, db: Database, body: Any, status: int
) -> None:
    variant = await make_product(db, on_hand=3)
    assert (await post(client, f"admin/stock/{variant}", body)).status_code == status
    assert await kinds(db, variant) == ["receive"]


async def test_a_running_shop_sweeps_by_itself(db: Database, settings: Settings, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=5)
    app = create_app(settings.model_copy(update={"stock_sweep_interval_s": 0.01}), clock=clock)
    async with app.running(), client_of(app, headers=STAFF) as client:
        await post(client, "inventory/reserve", {"items": items((variant, 5))})
        clock.advance(timedelta(hours=1))

        # The figure itself and not what is available: that one needs no sweeper.
        async def is_let_go() -> bool:
            return bool(await value(db, "select held = 0 from stock where variant_id = $1", variant))

        await eventually(is_let_go)
    assert await kinds(db, variant) == ["receive", "hold", "expire"]


async def test_kept_answers_go_after_their_time(client: httpx.AsyncClient, db: Database, clock: ManualClock) -> None:
    variant = await make_product(db, on_hand=5)
    day = timedelta(days=1)
    for number in range(3):
        await post(client, f"admin/stock/{variant}", {"action": "receive", "quantity": 1}, key=f"key-{number}")
    assert await prune_answers(db, day) == 0
    clock.advance(day)
    await post(client, f"admin/stock/{variant}", {"action": "receive", "quantity": 1}, key="young")
    assert await prune_answers(db, day, batch=2) == 3
    assert await value(db, "select array_agg(key) from idempotency_record") == ["young"]
