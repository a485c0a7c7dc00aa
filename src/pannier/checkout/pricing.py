"""What a checkout costs, with what the shop's providers say of it. Pure: an answer that is missing is asked for by
`AskError`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pannier.checkout import rules
from pannier.checkout.answers import Told, taxes_of
from pannier.checkout.models import Basket, BasketLine, HouseRules, Session
from pannier.pricebook import PriceQuestion, PriceQuestionItem, tax_question, with_taxes
from pannier.pricing import BasketRequest, Quote, tenders


@dataclass(frozen=True, slots=True)
class Figures:
    """A checkout's lines at their prices, its quote, the question that this answers, and what providers said of it."""

    lines: tuple[BasketLine, ...]
    quoted: Quote
    request: BasketRequest | None
    provided: Mapping[str, Any] | None


def figures_of(session: Session, basket: Basket, house: HouseRules, *, trusts_fallback: bool = True) -> Figures:
    """What the session comes to. Raises AskError."""
    lines = rules.chosen_lines(basket, session)
    answers = house.answers
    if answers is None or not lines or basket.around is None:
        quoted, request = rules.priced(session, basket, lines, house.prices)
        return Figures(lines, quoted, request, None)
    kept, provided = session.provided or {}, {}
    if answers.has_prices:
        question = _price_question(basket, lines)
        told = answers.of(question, kept.get("prices"), trusts_fallback=trusts_fallback)
        provided["prices"] = told.stored()
        if told.said is not None:
            lines = tuple([_at(line, told.said.get(line.variant_id)) for line in lines])
    quoted, request = rules.priced(session, basket, lines, house.prices, is_whole=answers.has_taxes)
    if answers.has_taxes and request is not None:
        told = _taxes(session, basket, lines, quoted, request, house, trusts_fallback=trusts_fallback)
        provided["taxes"] = told.stored()
        if told.said is not None:
            quoted = with_taxes(quoted, taxes_of(told.said))
            due = quoted.totals.total_minor
            quoted = quoted._replace(tenders=tenders(due, request.purses, request.book.loyalty))
    return Figures(lines, quoted, request, provided)


def _taxes(
    session: Session,
    basket: Basket,
    lines: Sequence[BasketLine],
    quoted: Quote,
    request: BasketRequest,
    house: HouseRules,
    *,
    trusts_fallback: bool,
) -> Told:
    assert basket.around is not None
    assert house.answers is not None
    question = tax_question(
        quoted,
        {line.id: line.variant_id for line in lines},
        rules.destination_of(session) or basket.around.destination,
        request.shopper,
        house.prices.day(basket.around.at),
    )
    kept = (session.provided or {}).get("taxes")
    told: Told = house.answers.of(question, kept, trusts_fallback=trusts_fallback)
    return told


def _price_question(basket: Basket, lines: Sequence[BasketLine]) -> PriceQuestion:
    shopper = None if basket.around is None else basket.around.shopper
    return PriceQuestion(
        basket.currency,
        basket.channel,
        basket.user_id,
        sorted(shopper.groups) if shopper is not None else [],
        [
            PriceQuestionItem(line.variant_id, line.sku, line.quantity, line.price_minor)
            for line in lines
            if not line.is_price_fixed
        ],
    )


def _at(line: BasketLine, amount: int | None) -> BasketLine:
    """The line at a price that somebody else named; one that was promised stays."""
    if amount is None or line.is_price_fixed:
        return line
    goods = replace(line.goods, list_price_minor=amount, sale=None, listed=())
    # What the cart has shown is the shop's own price, and this one has to be agreed to where it is another.
    shown = line.added_minor if line.added_minor is not None or amount == line.price_minor else line.price_minor
    return line._replace(price_minor=amount, goods=goods, added_minor=shown)
