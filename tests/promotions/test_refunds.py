"""Giving back in part what purses paid of an order: in the order that is stated, and never more than was taken."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pannier.kernel.clock import ManualClock
from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.records import Cause
from pannier.promotions import PartialRefund, PurseRefund, purse_payments, refund_to_purses
from tests.promotions.desk import fetch, value
from tests.support.books import faults
from tests.support.offers import make_gift_card, make_points

ADA = "ada"
STAFF = Cause("grace", correlation_id="request-1")
TOTAL = 10_000


async def _credit(db: Database, amount: int) -> uuid.UUID:
    purse = uuid7()
    await value(
        db,
        "insert into purse (id, kind, currency, user_id, created_at, updated_at)"
        " values ($1, 'store_credit', 'USD', $2, now(), now())",
        purse,
        ADA,
    )
    await value(db, "select purse_adjust($1, $2, 'issue', '', 'test', null, now())", purse, amount)
    return purse


async def _pay(db: Database, order: uuid.UUID, *charges: dict[str, Any]) -> None:
    await db.write(
        lambda on: on.execute("select purse_charge($1, $2, $3, 'ada', null, now())", order, list(charges), ADA)
    )


async def _refund(
    db: Database, order: uuid.UUID, at_most: int | None, *, refunded: int = 0, refund: uuid.UUID | None = None
) -> PurseRefund:
    wanted = PartialRefund(order, refund or uuid7(), at_most, refunded, TOTAL, "two plates were broken")
    return await db.write(lambda on: refund_to_purses(on, wanted, STAFF, db.clock.now()))


async def _balances(db: Database, purses: Sequence[uuid.UUID]) -> list[int]:
    return [await value(db, "select balance from purse where id = $1", purse) for purse in purses]


async def _paid_by_three(db: Database) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """An order of 100.00 that a card paid 30.00 of, store credit 20.00, and 5 points of 1.00 each."""
    card, credit = await make_gift_card(db, "CARD-0001", 3000), await _credit(db, 2000)
    await make_points(db, ADA, 5)
    points = await value(db, "select id from purse where kind = 'points'")
    order = uuid7()
    await _pay(
        db,
        order,
        {"id": card, "amount": 3000},
        {"id": credit, "amount": 2000},
        {"id": points, "amount": 5, "unit_minor": 100},
    )
    return order, [card, credit, points]


async def test_what_was_used_last_is_given_back_first(db: Database) -> None:
    order, purses = await _paid_by_three(db)
    async with db.read() as connection:
        before = await purse_payments(connection, order)
    assert [(one.kind, one.units, one.amount_minor, one.left_minor) for one in before] == [
        ("points", 5, 500, 500), ("store_credit", 2000, 2000, 2000), ("gift_card", 3000, 3000, 3000),
    ]  # fmt: skip
    first = await _refund(db, order, 300)
    assert [(part.kind, part.units, part.amount_minor) for part in first.parts] == [("points", 3, 300)]
    second = await _refund(db, order, 2450)
    assert [(part.kind, part.units, part.amount_minor) for part in second.parts] == [
        ("points", 2, 200), ("store_credit", 2000, 2000), ("gift_card", 250, 250),
    ]  # fmt: skip
    assert (second.parts[-1].code_end, second.returned_minor) == ("0001", 2450)
    assert await _balances(db, purses) == [250, 2000, 5]
    rest = await _refund(db, order, 9000)
    assert (rest.returned_minor, await _balances(db, purses)) == (2750, [3000, 2000, 5])
    assert (await _refund(db, order, 1)).parts == []
    assert await faults(db) == {}


async def test_points_are_given_back_whole_and_the_rest_is_the_callers(db: Database) -> None:
    order, purses = await _paid_by_three(db)
    given = await _refund(db, order, 150)
    # A point is 1.00: half of one cannot be, and the purse before it takes the 0.50.
    assert [(part.kind, part.amount_minor) for part in given.parts] == [("points", 100), ("store_credit", 50)]
    assert await _balances(db, purses) == [0, 50, 1]
    alone = uuid7()
    await make_points(db, ADA, 4)
    await _pay(db, alone, {"id": purses[2], "amount": 5, "unit_minor": 100})
    assert (await _refund(db, alone, 199)).returned_minor == 100


async def test_a_refund_that_is_carried_out_twice_counts_once(db: Database) -> None:
    order, purses = await _paid_by_three(db)
    refund = uuid7()
    told = [await _refund(db, order, 700, refund=refund) for _ in range(3)]
    assert told[0] == told[1] == told[2]
    assert (told[0].returned_minor, await _balances(db, purses)) == (700, [0, 200, 5])
    rows = await fetch(
        db, "select kind::text, amount, reason, actor, correlation_id from purse_movement where refund_id = $1", refund
    )
    assert {(row["reason"], row["actor"], row["correlation_id"]) for row in rows} == {
        ("two plates were broken", "grace", "request-1")
    }


async def test_an_order_that_is_canceled_after_a_refund_gives_back_the_rest(db: Database) -> None:
    order, purses = await _paid_by_three(db)
    await _refund(db, order, 1200)
    for _ in range(2):
        await value(db, "select purse_refund($1)", order)
    assert await _balances(db, purses) == [3000, 2000, 5]
    assert await faults(db) == {}


async def test_an_order_that_no_purse_paid_gives_nothing_back(db: Database) -> None:
    given = await _refund(db, uuid7(), 500)
    assert (given.returned_minor, given.points_taken, given.parts) == (0, 0, [])
    assert await value(db, "select count(*) from purse_refund") == 0


async def test_earned_points_go_back_in_the_part_of_the_order_that_is_refunded(db: Database) -> None:
    order, purse = uuid7(), uuid7()
    await value(db, "select purse_earn($1, $2, 100, $3, 'system', null, now())", order, ADA, purse)
    taken = [(await _refund(db, order, 0, refunded=refunded)).points_taken for refunded in (2555, 5000, 5000, TOTAL)]
    # 25.55 of 100 points are 25; half of them 25 more; the same again none; then all.
    assert (taken, await _balances(db, [purse])) == ([25, 25, 0, 50], [0])
    assert await faults(db) == {}


async def test_earned_points_that_are_spent_stay_spent(db: Database) -> None:
    order, other, purse = uuid7(), uuid7(), uuid7()
    await value(db, "select purse_earn($1, $2, 100, $3, 'system', null, now())", order, ADA, purse)
    await _pay(db, other, {"id": purse, "amount": 90})
    assert (await _refund(db, order, 0, refunded=5000)).points_taken == 10
    await make_points(db, ADA, 60)
    # What could not be taken then is not asked for later.
    assert (await _refund(db, order, 0, refunded=5000)).points_taken == 0
    assert (await _refund(db, order, 0, refunded=TOTAL)).points_taken == 50
    assert await faults(db) == {}


async def test_a_card_that_has_run_out_can_be_used_again_for_ninety_days(db: Database, clock: ManualClock) -> None:
    card, order = await make_gift_card(db, "CARD-0001", 3000), uuid7()
    await _pay(db, order, {"id": card, "amount": 3000})
    await value(db, "update purse set ends_on = '2020-01-01' where id = $1", card)
    await _refund(db, order, 100)
    left = await value(db, "select ends_on - $2::date from purse where id = $1", card, clock.now().date())
    assert left == 90


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    paid=st.lists(st.tuples(st.integers(1, 40), st.sampled_from([1, 7, 100])), min_size=1, max_size=4),
    wanted=st.lists(st.integers(0, 5000), max_size=6),
)
@pytest.mark.asyncio
async def test_no_series_of_refunds_gives_more_than_was_taken(
    db: Database, paid: list[tuple[int, int]], wanted: list[int]
) -> None:
    order, cards = uuid7(), []
    for units, _ in paid:
        cards.append(await make_gift_card(db, str(uuid7()), units))
    await _pay(
        db,
        order,
        *[{"id": card, "amount": units, "unit_minor": worth} for card, (units, worth) in zip(cards, paid, strict=True)],
    )
    total, given_back = sum(units * worth for units, worth in paid), 0
    for amount in wanted:
        told = await _refund(db, order, amount)
        assert told.returned_minor <= min(amount, total - given_back)
        assert told.returned_minor == sum(part.amount_minor for part in told.parts)
        given_back += told.returned_minor
    balances = await _balances(db, cards)
    assert sum(b * worth for b, (_, worth) in zip(balances, paid, strict=True)) == given_back <= total
    await value(db, "select purse_refund($1)", order)
    assert await _balances(db, cards) == [units for units, _ in paid]
