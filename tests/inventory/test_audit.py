"""Every invariant, broken by hand: the audit names it and shows the row; what can be mended is mended."""

from __future__ import annotations

import time

import pytest

from pannier.app.audit import ALL, ROWS_MAX, audit, repair
from pannier.platform.database import Database
from pannier.platform.settings import Settings
from tests.inventory.reading import execute, kinds, ledger, value
from tests.inventory.small_trade import SmallTrade, small_trade

_PROMOTION = """insert into promotion (id, name, definition, created_at, updated_at)
  values ('{cart}', 'x', '{{}}', now(), now())"""
_COUPON = """insert into coupon (id, promotion_id, code, code_folded, created_at, updated_at, use_limit, used)
  values ('{{cart}}', '{{cart}}', 'X', 'x', now(), now(), {extra})"""
_COUPON_USE = """insert into coupon_use (coupon_id, order_id, promotion_id, at)
  values ('{cart}', '{order}', '{cart}', now())"""
_PURSE = """insert into purse (id, kind, user_id, balance, movements, created_at, updated_at)
  values ('{{cart}}', 'points', 'ann', {balance}, {movements}, now(), now())"""
_MOVEMENT = """insert into purse_movement (purse_id, version, kind, amount, balance_before, balance_after, actor, at)
  values ('{{cart}}', {version}, 'issue', 5, 0, 5, 'ann', now())"""
_WISHLIST = """insert into wishlist (id, user_id, name, name_key, is_default, version, created_at, updated_at)
  values ('{{cart}}', 'ann', 'W', 'w', {is_default}, {version}, now(), now())"""
_WISH = """insert into wishlist_item (id, wishlist_id, variant_id, quantity, position, added_at, updated_at)
  values ('{cart}', '{cart}', gen_random_uuid(), 1, 1, now(), now())"""
_ZONE = "insert into zone (id, name, created_at, updated_at) values ('{cart}', 'de', now(), now())"
_RATE = """insert into tax_rate (id, code, category, zone, percent, created_at, updated_at)
  values (gen_random_uuid(), 'vat', 'books', 'de', 7, now(), now())"""
_METHOD = """insert into shipping_method (id, code, name, currency, definition, created_at, updated_at)
  values ('{{cart}}', 'post', 'Post', 'USD', '{definition}', now(), now())"""
_PAYMENT = """insert into payment_attempt (id, order_id, provider, method, amount_minor, currency, state, version,
     authorized_minor, captured_minor, refunding_minor, created_at, updated_at, expires_at)
  values ('{{cart}}', {order}, 'test', 'test', 3740, 'USD', 'captured', 1, {captured}, {captured}, {refunding}, now(),
     now(), now())"""
#: name: (statements that break it with its guards taken off, whether it is mended)
RATIO_MAX = 6
BREAKS: dict[str, tuple[list[str], bool]] = {
    "stock.figures": (["update stock set on_hand = on_hand + 1 where variant_id = '{stool}'"], True),
    "stock.movement_chain": (["delete from stock_movement where variant_id = '{stool}' and version = 2"], False),
    "stock.movement_arithmetic": (
        ["update stock_movement set quantity = 9 where variant_id = '{vase}' and version = 1"],
        False,
    ),
    "stock.held": (["update hold set quantity = quantity - 1 where variant_id = '{stool}'"], True),
    "stock.never_oversold": (
        [
            "alter table stock drop constraint stock_never_oversold",
            "update stock set on_hand = 0 where variant_id = '{stool}'",
        ],
        True,
    ),
    "stock.next_due": (["update stock set next_due_at = 'infinity' where variant_id = '{stool}'"], True),
    "hold.belongs": (["delete from reservation where id = '{cart}'"], True),
    "hold.due": (["update hold set due_at = 'infinity' where variant_id = '{stool}'"], True),
    "cart.counts": (["update cart set line_count = 7 where id = '{cart}'"], True),
    "cart.holds": (["update cart_line set quantity = 1 where cart_id = '{cart}'"], True),
    "cart.converted": (
        [
            "update cart set status = 'converted' where id = '{cart}'",
            "update orders set cart_id = '{cart}'",
            "update cart set status = 'expired' where user_id = 'ann'",
        ],
        True,
    ),
    "cart.reservation": (["delete from cart where id = '{cart}'"], False),
    "cart.one_open": (
        [
            "drop index cart_one_open_per_guest",
            "create temp table twin as select * from cart where id = '{cart}'",
            "update twin set id = gen_random_uuid(), version = 0, line_count = 0, total_quantity = 0",
            "insert into cart select * from twin",
        ],
        False,
    ),
    "cart.version": (["update cart set version = version - 1 where id = '{cart}'"], True),
    "cart.saved": (["update cart set saved_count = 7 where id = '{cart}'"], True),
    "cart.one_place": (
        [
            """insert into saved_line select id, cart_id, variant_id, merge_key, quantity, extra, unit_price_minor,
                 is_price_fixed, 'shopper', added_at, added_at from cart_line where cart_id = '{cart}' limit 1""",
            "update cart set saved_count = 1 where id = '{cart}'",
        ],
        False,
    ),
    "cart.history": (
        [
            """insert into cart_history
               select '{cart}', n, gen_random_uuid(), 'x', '{{}}', 'x', null, null, now() from unnest(array[1, 3]) n"""
        ],
        False,
    ),
    "cart.snapshots": (["insert into cart_snapshot values ('{cart}', 1, '{{}}')"], True),
    "cart_line.belongs": (["update cart_line set variant_id = gen_random_uuid() where cart_id = '{cart}'"], False),
    "order.totals": (["update orders set subtotal_minor = subtotal_minor + 1, total_minor = total_minor + 1"], False),
    "order_line.totals": (["update order_line set total_minor = total_minor + 1"], False),
    "order.one_per_checkout": (["update orders set checkout_id = null"], False),
    "order.cart": (["update cart set status = 'active' where user_id = 'ann'"], False),
    "order.history": (["update orders set status = 'paid'"], False),
    "order_line.belongs": (["update order_line set order_id = gen_random_uuid() where position = 0"], False),
    "order.holds": (["update order_line set stock_state = 'awaited' where stock_state = 'held'"], False),
    "order.commits": (["update order_line set quantity_taken = 0 where stock_state = 'committed'"], False),
    "variant.display": (
        ["update product p set name = 'Ash stool' from variant v where v.product_id = p.id and v.id = '{stool}'"],
        True,
    ),
    "event.versions": (["update event set version = 9 where aggregate_id = '{cart}' and version = 2"], False),
    "idempotency.answers": (
        ["insert into idempotency_record values (sha256('a'), 'k', sha256('b'), '{{\"status\": ', now())"],
        False,
    ),
    "accounts.session_of_active": (
        [
            "insert into customer (id, status, created_at, updated_at) values ('{cart}', 'blocked', now(), now())",
            """insert into account_session (id, customer_id, kind, secret_hash, created_at, used_at, expires_at)
               values ('{cart}', '{cart}', 'api', sha256('s'), now(), now(), now() + '1 day')""",
        ],
        False,
    ),
    "accounts.default_address": (
        [
            """insert into address (id, user_id, data, created_at, updated_at)
               values ('{cart}', 'ann', '{{}}', now(), now())"""
        ],
        False,
    ),
    "accounts.hash": (
        [
            """insert into customer (id, email, email_key, password_hash, created_at, updated_at)
               values ('{cart}', 'ann@example.com', 'ann@example.com', 'in the clear', now(), now())"""
        ],
        False,
    ),
    "search.products": (["update product_search set document = ''"], True),
    "search.words": (["delete from search_word", "delete from search_task"], True),
    "coupon.used": ([_PROMOTION, _COUPON.format(extra="5, 3")], True),
    "promotion.used": (
        [
            """insert into promotion (id, name, definition, use_limit, used, created_at, updated_at)
               values ('{cart}', 'x', '{{}}', 5, 3, now(), now())"""
        ],
        True,
    ),
    "coupon.within_limit": (
        [
            "alter table coupon drop constraint coupon_within_limit",
            *(_PROMOTION, _COUPON.format(extra="0, 1"), _COUPON_USE),
        ],
        False,
    ),
    "coupon.uses_belong": ([_COUPON_USE], False),
    "coupon.archived": (
        [
            "alter table promotion drop constraint promotion_archived_is_off",
            """insert into promotion (id, name, definition, is_active, created_at, updated_at, archived_at)
               values ('{cart}', 'x', '{{}}', true, now(), now(), now())""",
        ],
        False,
    ),
    "purse.balance": ([_PURSE.format(balance=5, movements=0)], True),
    "purse.movement_chain": ([_PURSE.format(balance=5, movements=2), _MOVEMENT.format(version=2)], False),
    "purse.movement_belongs": ([_MOVEMENT.format(version=1)], False),
    "purse.payments": (
        [
            _PURSE.format(balance=5, movements=2),
            _MOVEMENT.format(version=1),
            """insert into purse_movement (purse_id, version, kind, amount, balance_before, balance_after, order_id,
                 actor, at)
               values ('{cart}', 2, 'charge', -5, 5, 0, '{order}', 'ann', now())""",
            "update purse set balance = 0",
            "insert into purse_payment values ('{order}', '{cart}', 1, 5, 1, 3)",
        ],
        True,
    ),
    "purse.refunds": (
        ["insert into purse_refund values ('{cart}', '{order}', null, 5, 0, 0, now())"],
        False,
    ),
    "wishlist.one_default": ([_WISHLIST.format(is_default="false", version=0)], False),
    "wishlist.version": ([_WISHLIST.format(is_default="true", version=7)], False),
    "wishlist_item.of_variant": ([_WISHLIST.format(is_default="true", version=0), _WISH], False),
    "wishlist_item.consent": (
        [_WISHLIST.format(is_default="true", version=0), _WISH, "update wishlist_item set is_awaited = true"],
        False,
    ),
    "wishlist_notice.once": (
        [
            "drop index wishlist_notice_once",
            """insert into wishlist_notice (id, user_id, wishlist_id, item_id, variant_id, kind, currency, due_at,
                 created_at)
               select gen_random_uuid(), 'ann', '{cart}', '{cart}', '{stool}', 'price_drop', 'USD', now(), now()
                 from generate_series(1, 2)""",
        ],
        False,
    ),
    "stock.places": (["update stock set has_places = true where variant_id = '{stool}'"], False),
    "price.list": (
        [
            "alter table price drop constraint price_of_list",
            "update price set price_list = 'nobodys' where variant_id = '{stool}'",
        ],
        False,
    ),
    "order.taxes": (
        ["""update orders set quote = jsonb_set(quote, '{{taxes}}', '[{{"amount_minor": 7}}]') where id = '{order}'"""],
        False,
    ),
    "order.exchange": (
        [
            """update orders set quote = jsonb_set(quote, '{{exchange}}',
                 '{{"source": "USD", "target": "EUR", "rate": "0.9", "on": "2020-01-01"}}') where id = '{order}'"""
        ],
        False,
    ),
    "zone.areas": ([_ZONE, "alter table zone_area drop constraint zone_area_region_check",
                    "insert into zone_area (zone_id, country, region) values ('{cart}', 'DE', 'be')"], False),
    "tax_rate.one_a_day": (
        [_ZONE, "alter table tax_rate drop constraint tax_rate_one_a_day", _RATE, _RATE],
        False,
    ),
    "tax_rate.zone": ([_ZONE, _RATE, "update zone set archived_at = now()"], False),
    "shipping_method.definition": ([_METHOD.format(definition="{{}}")], False),
    "shipping_method.zones": (
        [_METHOD.format(definition='{{"kind": "flat", "amount": 1, "zones": ["moon"]}}')],
        False,
    ),
    "order.money": (["update orders set payment_status = 'paid'"], False),
    "order.payments": (["update orders set booked = jsonb_build_object('{cart}', 5)"], False),
    "order.credits": (["update order_line set credited_minor = 1 where position = 0"], False),
    "order.refunds": (["update orders set captured_minor = 5, refunding_minor = 5"], False),
    "order.returns": (["update order_line set quantity_sent = 1, quantity_returning = 1"], False),
    "order.handover": (
        [
            """insert into order_handover (id, order_id, version, type, data, state, due_at, at)
               values ('{cart}', '{cart}', 1, 'order.placed', '{{}}', 'pending', now(), now())"""
        ],
        False,
    ),
    "payment.ledger": ([_PAYMENT.format(order="'{order}'", captured=3740, refunding=0)], False),
    "payment.refunds": ([_PAYMENT.format(order="'{order}'", captured=3740, refunding=5)], False),
    "payment.belongs": ([_PAYMENT.format(order="null", captured=3740, refunding=0)], False),
    "payment.order": (
        [
            _PAYMENT.format(order="'{order}'", captured=0, refunding=0),
            "update orders set payment_status = 'paid', captured_minor = 3740",
        ],
        False,
    ),
    "stock.of_variant": (["insert into stock (variant_id) values (gen_random_uuid())"], False),
}  # fmt: skip


@pytest.fixture
async def shop(db: Database, settings: Settings) -> SmallTrade:
    return await small_trade(db, settings)


async def break_it(db: Database, shop: SmallTrade, name: str) -> None:
    ids = {"stool": shop.stool, "lamp": shop.lamp, "vase": shop.vase, "cart": shop.cart, "order": shop.order}
    async with db.read() as conn, conn.transaction():
        for statement in BREAKS[name][0]:
            await conn.execute(statement.format(**ids))


def test_every_invariant_is_broken_once() -> None:
    assert set(BREAKS) == {invariant.name for invariant in ALL}
    assert len(ALL) == len(BREAKS)


async def test_a_shop_that_trades_is_clean(db: Database, shop: SmallTrade) -> None:
    report = await audit(db)
    assert report.breaches == []
    assert report.is_clean
    assert report.invariants == len(ALL)
    assert (await repair(db)).repairs == ()


@pytest.mark.parametrize("name", sorted(BREAKS))
async def test_a_broken_invariant_is_named_with_its_row_and_mended_where_it_can_be(
    db: Database, shop: SmallTrade, name: str
) -> None:
    before = await value(db, "select count(*) from stock_movement")
    await break_it(db, shop, name)
    lost = before - await value(db, "select count(*) from stock_movement")
    movements = await value(db, "select jsonb_agg(m) from stock_movement m")
    found = {breach.name: breach for breach in (await audit(db)).breaches}
    assert name in found
    assert found[name].rows
    assert found[name].sentence == next(i.sentence for i in ALL if i.name == name)
    after = await repair(db)
    is_mended = BREAKS[name][1]
    assert (name not in {breach.name for breach in after.breaches}) is is_mended
    if is_mended:
        assert after.is_clean
        assert after.repairs
    kept = await value(db, "select jsonb_agg(m) from stock_movement m")
    assert [movement for movement in movements if movement not in kept] == []
    assert len(kept) >= before - lost


async def test_a_figure_is_set_to_the_ledger_and_what_is_held_to_the_holds(db: Database, shop: SmallTrade) -> None:
    await execute(db, "update stock set on_hand = 99, held = 1, version = 40 where variant_id = $1", shop.stool)
    await execute(db, "update hold set quantity = 4 where variant_id = $1", shop.stool)
    report = await repair(db)
    assert report.is_clean
    assert (await ledger(db, shop.stool))[-1] == ("release", 1, 10, 10, 5, 4)
    assert (
        await value(db, "select reason || ' by ' || actor from stock_movement order by at desc limit 1")
        == "repair by repair"
    )
    assert report.repairs[0]["before"]["on_hand"] == 99
    assert report.repairs[0]["after"]["on_hand"] == 10


async def test_units_that_no_line_wants_are_given_back(db: Database, shop: SmallTrade) -> None:
    await execute(db, "delete from cart_line where cart_id = $1", shop.cart)
    assert (await repair(db)).is_clean
    assert (await kinds(db, shop.stool))[-1] == "release"
    assert await value(db, "select held from stock where variant_id = $1", shop.stool) == 0


async def test_a_hold_beyond_its_lines_and_the_stock_is_cut_to_them(db: Database, shop: SmallTrade) -> None:
    await execute(db, "update hold set quantity = 500 where variant_id = $1", shop.stool)
    assert (await repair(db)).is_clean
    assert await value(db, "select quantity from hold where variant_id = $1", shop.stool) == 5


async def test_holds_beyond_what_the_ledger_allows_are_told_and_left(db: Database, shop: SmallTrade) -> None:
    await execute(db, "update hold set quantity = 500 where variant_id = $1", shop.vase)
    report = await repair(db)
    assert "stock.held" in {breach.name for breach in report.breaches}
    assert {str(done["did"]).split(":")[0] for done in report.repairs} == {"nothing"}
    assert await value(db, "select held from stock where variant_id = $1", shop.vase) == 1


async def test_many_broken_rows_are_shown_up_to_a_bound(db: Database) -> None:
    await execute(
        db, "insert into stock (variant_id) select gen_random_uuid() from generate_series(1, $1)", ROWS_MAX + 1
    )
    (breach,) = (await audit(db)).breaches
    assert len(breach.rows) == ROWS_MAX
    assert breach.has_more


async def test_an_audit_after_every_step_costs_little(db: Database, shop: SmallTrade) -> None:
    """As a ratio to a count over made-up rows at the same moment: the machine may have other things to do."""
    audits, counts = [], []
    for _ in range(20):
        began = time.perf_counter()
        assert (await audit(db)).is_clean
        audits.append(time.perf_counter() - began)
        began = time.perf_counter()
        await value(db, "select count(*) from generate_series(1, $1) n where n % 7 = 0", 100_000)
        counts.append(time.perf_counter() - began)
    assert min(audits) < RATIO_MAX * min(counts)
