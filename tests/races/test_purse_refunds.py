"""Many refunds of one order at once: together they give a purse no more than was taken from it."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest

from pannier.kernel.ids import uuid7
from pannier.platform.database import Database
from pannier.platform.records import Cause
from pannier.platform.settings import Settings
from pannier.promotions import PartialRefund, refund_to_purses
from tests.promotions.desk import value
from tests.support.books import faults
from tests.support.offers import make_gift_card

REFUNDS, EACH, PAID = 24, 300, 3000
# As it would be if whoever looked before were right: what is left is read, and then given.
_NO_GUARD = """
    alter table purse_payment drop constraint purse_payment_never_more_than_taken;
    create or replace function purse_refund_part(
      p_order uuid, p_refund uuid, p_amount bigint, p_refunded bigint, p_total bigint, p_reason text, p_actor text,
      p_correlation text, p_at timestamptz
    ) returns jsonb language plpgsql as $$
    declare
      w purse_payment;
      k purse;
      v_units bigint;
    begin
      select * into w from purse_payment q where q.order_id = p_order;
      v_units := least(p_amount, w.units - w.units_returned);
      perform pg_sleep(0.02);
      update purse set balance = balance + v_units, movements = movements + 1 where id = w.purse_id returning * into k;
      perform purse_book(k, 'refund', v_units, p_order, p_reason, p_actor, p_correlation, p_at, p_refund);
      update purse_payment q set units_returned = q.units_returned + v_units where q.order_id = p_order;
      return jsonb_build_object('returned_minor', v_units, 'points_taken', 0, 'parts', '[]'::jsonb);
    end $$;
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool_size": 12})


async def _crowd(db: Database) -> tuple[int, int]:
    """What many refunds say they gave back together, and what is on the card then."""
    card, order = await make_gift_card(db, "CARD-0001", PAID), uuid7()
    charges = [{"id": card, "amount": PAID}]
    await db.write(lambda on: on.execute("select purse_charge($1, $2, null, 'ada', null, now())", order, charges))

    async def refund(refund_id: uuid.UUID) -> int:
        wanted = PartialRefund(order, refund_id, EACH, EACH, PAID)
        try:
            given = await db.write(lambda on: refund_to_purses(on, wanted, Cause("grace"), db.clock.now()))
        except asyncpg.CheckViolationError:
            return 0
        return given.returned_minor

    # Each of them twice, as a client does that has lost the answer.
    ids = [uuid7() for _ in range(REFUNDS)]
    told = await asyncio.gather(*(refund(one) for one in (*ids, *ids)))
    return sum(told[:REFUNDS]), await value(db, "select balance from purse where id = $1", card)


async def test_refunds_at_once_give_back_what_was_taken_and_no_more(db: Database) -> None:
    given, balance = await _crowd(db)
    assert (given, balance) == (PAID, PAID)
    assert await faults(db) == {}


async def test_without_the_guard_they_give_more(db: Database) -> None:
    """The control: that purses are locked and one conditional statement counts is what limits them."""
    async with db.read() as connection:
        await connection.execute(_NO_GUARD)
    given, balance = await _crowd(db)
    assert given > PAID or balance > PAID
