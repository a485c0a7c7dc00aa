"""A quote with the taxes that a provider says are on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pannier.pricebook.ports import ProviderTax, TaxAnswer, TaxQuestion, TaxQuestionLine
from pannier.pricing import LineQuote, Quote, Shopper, Step, TaxPart, TaxRate, TaxTotal


def tax_question(
    quoted: Quote, variants: Mapping[Any, str], destination: Mapping[str, Any] | None, shopper: Shopper | None, on: date
) -> TaxQuestion:
    """What the provider is asked. `variants` are the variants' ids by line; a gift's is the product that was given."""
    shipping = quoted.shipping
    known = shopper or Shopper("")
    return TaxQuestion(
        quoted.currency,
        on,
        destination,
        known.kind,
        known.is_tax_id_valid,
        known.is_tax_exempt,
        [
            TaxQuestionLine(
                line.line_id,
                variants.get(line.line_id, line.product_id),
                line.quantity,
                line.tax_category,
                line.total_minor,
            )
            for line in quoted.lines
        ],
        None if shipping is None else shipping.method,
        0 if shipping is None else shipping.cost_minor,
    )


def fault_of(question: TaxQuestion, answer: TaxAnswer) -> str | None:
    """Why an answer cannot be the taxes that were asked for; None where it can."""
    wanted = {line.id: line.amount_minor for line in question.lines}
    if answer.lines.keys() != wanted.keys():
        return "its answer has not every line, or others"
    amounts = [(wanted[line_id], taxes) for line_id, taxes in answer.lines.items()]
    for amount, taxes in [*amounts, (question.shipping_minor, answer.shipping)]:
        if sum([tax.amount_minor for tax in taxes if tax.is_included]) > amount:
            return "its answer has more tax in a price than the price"
    return None


def with_taxes(quoted: Quote, answer: TaxAnswer) -> Quote:
    """The quote with these taxes in the place of the shop's own; lines and totals add up as before."""
    lines = tuple([_line(line, answer.lines[line.line_id]) for line in quoted.lines])
    shipping = quoted.shipping
    if shipping is not None:
        parts = _parts(answer.shipping, "")
        shipping = shipping._replace(
            taxes=parts, tax_added_minor=_sum(parts, included=False), tax_included_minor=_sum(parts, included=True)
        )
    of_shipping = () if shipping is None else shipping.taxes
    included = sum([line.tax_included_minor for line in lines]) + _sum(of_shipping, included=True)
    added = sum([line.tax_minor - line.tax_included_minor for line in lines]) + _sum(of_shipping, included=False)
    before = quoted.totals
    total = before.subtotal_minor - before.discount_minor + before.shipping_minor + added
    made = quoted._replace(
        lines=lines,
        shipping=shipping,
        taxes=_by_rate(lines, shipping.cost_minor if shipping is not None else 0, of_shipping),
        totals=before._replace(tax_added_minor=added, tax_included_minor=included, total_minor=total),
    )
    return made._replace(steps=_steps(quoted, made))


def _steps(quoted: Quote, made: Quote) -> list[Step]:
    """The reasons of the figures, with the provider's word for what is tax."""
    found = [step for step in quoted.steps if step.stage not in {"tax", "total", "tender"}]
    for line in made.lines:
        found += [Step("tax", line.line_id, part.amount_minor, _said(part)) for part in line.taxes]
    if made.shipping is not None:
        found += [Step("tax", None, part.amount_minor, f"{_said(part)}, of shipping") for part in made.shipping.taxes]
    found.append(Step("total", None, made.totals.total_minor, "with the taxes that the tax provider named"))
    return found + [step for step in quoted.steps if step.stage == "tender"]


def _said(part: TaxPart) -> str:
    place = "inside the price" if part.rate.is_included else "on top"
    return f"{part.rate.title} {part.rate.percent.normalize():f} % {place}, by the tax provider"


def _line(line: LineQuote, taxes: Sequence[ProviderTax]) -> LineQuote:
    parts = _parts(taxes, line.tax_category)
    included = _sum(parts, included=True)
    return line._replace(taxes=parts, tax_included_minor=included, tax_minor=included + _sum(parts, included=False))


def _parts(taxes: Sequence[ProviderTax], category: str) -> tuple[TaxPart, ...]:
    return tuple(
        [
            TaxPart(TaxRate(tax.rate_id, category, tax.percent, tax.is_included, tax.zone), tax.amount_minor)
            for tax in taxes
        ]
    )


def _sum(parts: Sequence[TaxPart], *, included: bool) -> int:
    return sum([part.amount_minor for part in parts if part.rate.is_included is included])


def _by_rate(lines: Sequence[LineQuote], shipping_minor: int, of_shipping: Sequence[TaxPart]) -> tuple[TaxTotal, ...]:
    found: dict[TaxRate, list[int]] = {}
    amounts = [(line.total_minor - line.tax_included_minor, line.taxes) for line in lines]
    amounts.append((shipping_minor - _sum(of_shipping, included=True), of_shipping))
    for base, parts in amounts:
        for part in parts:
            sums = found.setdefault(part.rate, [0, 0])
            sums[0] += part.amount_minor
            sums[1] += base
    return tuple([TaxTotal(rate, amount, base) for rate, (amount, base) in found.items()])
