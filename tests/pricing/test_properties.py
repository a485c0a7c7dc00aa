"""What holds of every quote, whatever the shop believes."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pannier.pricing import BasketRequest, Policy, PriceBook, Quote, TaxRate, quote
from pannier.pricing.stacking import Outcome, apply, candidates
from pannier.pricing.work import Work
from tests.pricing.shops import goods, priced
from tests.pricing.strategies import baskets

EXAMPLES = settings(max_examples=100, deadline=None)


def told(quoted: Quote) -> bytes:
    """Everything a quote says."""
    return repr(
        [
            *(
                quoted.currency,
                quoted.totals,
                quoted.needs_shipping,
                quoted.shipping,
                quoted.applied,
                quoted.tax_ground,
            ),
            *(list(quoted.taxes), list(quoted.messages), list(quoted.steps)),
            *[
                (*line[:4], list(line.discounts), *line[5:14], list(line.prices), list(line.unit_discounts))
                for line in quoted.lines
            ],
        ]
    ).encode()


@EXAMPLES
@given(baskets())
def test_lines_add_up_to_the_totals(request: BasketRequest) -> None:
    quoted = quote(request)
    totals, lines, shipping = quoted.totals, quoted.lines, quoted.shipping
    assert shipping is not None

    assert totals.subtotal_minor == sum(line.subtotal_minor for line in lines)
    assert totals.discount_minor == sum(line.item_discount_minor + line.order_discount_minor for line in lines)
    assert totals.tax_minor == sum(line.tax_minor for line in lines) + shipping.tax_added_minor + (
        shipping.tax_included_minor
    )
    assert totals.tax_minor == sum(each.amount_minor for each in quoted.taxes)
    if request.book.policy.tax_level != "order_net_kept":
        goods_minor = sum(line.total_minor for line in lines)
        assert totals.total_minor == goods_minor + shipping.cost_minor + totals.tax_added_minor


@EXAMPLES
@given(baskets())
def test_discounts_are_told_of_lines_and_of_units(request: BasketRequest) -> None:
    quoted = quote(request)

    for line in quoted.lines:
        off = line.item_discount_minor + line.order_discount_minor
        assert sum(discount.amount_minor for discount in line.discounts) == off
        assert sum(line.unit_discounts) == off
        assert len(line.unit_discounts) in (0, line.quantity)
    assert sum(one.goods_minor for one in quoted.applied) == quoted.totals.discount_minor
    assert quoted.shipping is not None
    assert sum(one.shipping_minor for one in quoted.applied) == quoted.shipping.discount_minor


@EXAMPLES
@given(baskets())
def test_nothing_is_negative_and_nothing_is_below_its_floor(request: BasketRequest) -> None:
    quoted = quote(request)
    assert quoted.shipping is not None

    for place, line in enumerate(quoted.lines):
        floor = 0 if line.is_gift else request.lines[place].goods.floor_minor
        first = line.unit_price_minor
        assert line.total_minor >= min(floor, first) * line.quantity
        # A unit may cost one more than another where an exact price was rounded by the line.
        assert all(first + 1 - off >= 0 for off in line.unit_discounts)
        assert all(off >= 0 for off in line.unit_discounts)
        assert min(line.tax_minor, line.tax_included_minor, line.item_discount_minor, line.order_discount_minor) >= 0
    assert min(quoted.totals) >= 0
    assert 0 <= quoted.shipping.discount_minor <= quoted.shipping.full_minor


@EXAMPLES
@given(baskets())
def test_the_same_request_gives_the_same_bytes(request: BasketRequest) -> None:
    assert told(quote(request)) == told(quote(replace(request, book=replace(request.book))))


@EXAMPLES
@given(baskets())
def test_the_steps_lead_to_the_total(request: BasketRequest) -> None:
    quoted = quote(request)
    by_stage: dict[str, int] = {}
    for step in quoted.steps:
        by_stage[step.stage] = by_stage.get(step.stage, 0) + step.amount_minor

    totals, shipping = quoted.totals, quoted.shipping
    assert shipping is not None
    assert by_stage["total"] == totals.total_minor
    assert by_stage.get("price", 0) == totals.subtotal_minor
    assert -by_stage.get("line discount", 0) - by_stage.get("order discount", 0) == totals.discount_minor
    assert by_stage["shipping"] + by_stage.get("shipping discount", 0) == shipping.cost_minor
    assert by_stage.get("tax", 0) == totals.tax_minor
    assert all(message.text for message in quoted.messages)


@EXAMPLES
@given(baskets(is_plain=True), st.randoms())
def test_the_order_of_lines_changes_no_total_without_promotions(request: BasketRequest, chance: random.Random) -> None:
    lines = list(request.lines)
    chance.shuffle(lines)
    assume(lines != list(request.lines))
    plain = replace(request, book=replace(request.book, promotions=()))

    assert quote(replace(plain, lines=tuple(lines))).totals == quote(plain).totals


@EXAMPLES
@given(baskets(is_plain=True), st.randoms())
def test_the_order_of_lines_changes_no_discount(request: BasketRequest, chance: random.Random) -> None:
    """Where goods differ in price, since ties go to the earlier line, and nothing is picked by the cart's order."""
    prices = [line.goods.list_price_minor for line in request.lines]
    assume(len(set(prices)) == len(prices) > 1)
    lines = list(request.lines)
    chance.shuffle(lines)

    for promotion in request.book.promotions:
        action = promotion.actions[0]
        if getattr(action, "pick", "dearest") == "cart" and getattr(action, "max_units", 0) is not None:
            continue
        alone = replace(promotion, actions=(action,))
        book = replace(request.book, price_rules=(), tax_rates=(), promotions=(alone,))
        straight = replace(request, book=book)
        assert quote(replace(straight, lines=tuple(lines))).totals == quote(straight).totals


@EXAMPLES
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 20)), min_size=1, max_size=5),
    st.decimals(0, 30, places=2),
)
def test_included_and_added_tax_agree_within_one_a_line(lines: list[tuple[int, int]], percent: Decimal) -> None:
    """The tax in the price that adding it makes is the tax that was added."""
    net = [(goods(f"g{place}", price, tax_category="x"), units) for place, (price, units) in enumerate(lines)]
    added = priced(PriceBook("EUR", tax_rates=(TaxRate("t", "x", percent),)), *net)
    included = PriceBook("EUR", tax_rates=(TaxRate("t", "x", percent, is_included=True),))

    for line in added.lines:
        gross = goods("gross", line.total_minor + line.tax_minor, tax_category="x")
        assert abs(priced(included, (gross, 1)).lines[0].tax_minor - line.tax_minor) <= 1


@EXAMPLES
@given(baskets(is_plain=True), st.integers(1, 5))
def test_more_units_never_lower_the_undiscounted_subtotal(request: BasketRequest, more: int) -> None:
    larger = tuple([line._replace(quantity=line.quantity + more) for line in request.lines])

    before, after = quote(request), quote(replace(request, lines=larger))
    own = len(request.lines)
    assert sum(line.subtotal_minor for line in after.lines[:own]) >= sum(
        line.subtotal_minor for line in before.lines[:own]
    )


@EXAMPLES
@given(baskets(), st.integers(0, 4))
def test_no_more_is_given_away_than_is_there(request: BasketRequest, there: int) -> None:
    quoted = quote(replace(request, gift_units={goods.id: there for goods in request.book.gifts.values()}))
    given_units: dict[str, int] = {}
    for line in quoted.lines:
        if line.is_gift:
            given_units[line.product_id] = given_units.get(line.product_id, 0) + line.quantity
    assert all(units <= there for units in given_units.values())
    assert all(one.given < one.wanted for one in quoted.short_gifts)
    assert sum(line.subtotal_minor for line in quoted.lines) == quoted.totals.subtotal_minor


@EXAMPLES
@given(baskets())
def test_a_line_keeps_its_id_and_gifts_have_one_of_their_own(request: BasketRequest) -> None:
    lines = quote(request).lines

    assert [line.line_id for line in lines if not line.is_gift] == [line.line_id for line in request.lines]
    assert len({line.line_id for line in lines}) == len(lines)
    assert all(isinstance(line.line_id, uuid.UUID) for line in lines)


@EXAMPLES
@given(baskets(), st.sampled_from(["stack", "best_per_item", "consume_first_match"]))
def test_a_unit_used_once_is_discounted_by_one_promotion(request: BasketRequest, selection: str) -> None:
    policy = replace(Policy(), selection=selection)  # type: ignore[arg-type] # one of three
    one_unit = tuple([line._replace(quantity=1) for line in request.lines])
    quoted = quote(replace(request, book=replace(request.book, policy=policy), lines=one_unit))

    if selection != "stack":
        assert all(len({discount.source for discount in line.discounts}) <= 1 for line in quoted.lines)
    assert quoted.totals.total_minor >= 0


@EXAMPLES
@given(baskets())
def test_looking_at_units_on_the_way_changes_nothing(request: BasketRequest) -> None:
    """What is taken off lines reaches their units late; it must be what it would have been at once."""
    figures = []
    for is_looking in (False, True):
        work = Work(request)
        for promotion in candidates(work, Outcome()):
            if promotion.unmet(work) is None:
                apply(work, promotion)
            for line in range(len(work.ledger.goods)) if is_looking else ():
                work.ledger.unit_discounts(line)
        lines = range(len(work.ledger.goods))
        figures.append((work.ledger.total, [work.ledger.unit_discounts(line) for line in lines]))

    assert figures[0] == figures[1]
