"""Running a scenario from its first step to its figures."""

from __future__ import annotations

from typing import Any, NamedTuple

from pannier.pricing.models import Quote
from pannier.pricing.scenario.answer import answer
from pannier.pricing.scenario.shop import ScenarioShop
from pannier.pricing.scenario.source import Source
from pannier.pricing.scenario.steps import RefusedError, Step, run_step

#: Fields of a scenario that are there for its readers, or to judge it.
_FOR_READERS = ("id", "area", "then", "source", "notes", "tags", "alternatives", "model")


class Priced(NamedTuple):
    """What a scenario came to: `then` in the words of the acceptance cases, and the quote with its explanation."""

    id: str
    then: dict[str, Any]
    quote: Quote
    #: What a person calls each product.
    titles: dict[str, str]


def run_scenario(scenario: Source, *, knows_all: bool = False) -> Priced:
    """Do what the scenario says and price the cart at its end. Raises ScenarioError with path and reason.

    `knows_all`: a product that is not there is an error of the scenario, and not a step that is refused.
    """
    given = scenario.object("given")
    if given is None:
        raise scenario.fail("given", "what the shop looks like is missing")
    when = scenario.objects("when")
    shop = ScenarioShop(given, scenario.object("policy"), when)
    errors: list[dict[str, Any]] = []
    viewed: dict[str, int] | None = None
    for number, source in enumerate(when):
        step = Step(shop, source)
        try:
            run_step(step)
        except RefusedError as refused:
            if knows_all and refused.entry["kind"] == "unknown_product":
                name = source.text("product")
                raise source.fail("product", f"{name!r} is not among the products that are sold here") from None
            errors.append({"step": number} | refused.entry)
        errors += [{"step": number} | notice for notice in step.notices]
        viewed = step.viewed if step.viewed is not None else viewed
    scenario.done(*_FOR_READERS)
    then = answer(shop, "me", shop.channel, errors)
    if viewed is not None:
        then["viewed"] = viewed
    titles = {product.id: product.sample.title for product in shop.products.values()}
    return Priced(scenario.text("id", ""), then, shop.quote("me", shop.channel), titles)
