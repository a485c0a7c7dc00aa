"""What happens outside the cart: time passes, staff change the shop, others buy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pannier.catalog import Cause as Change
from pannier.inventory import Cause
from pannier.platform.database import Connection
from pannier.promotions import PRICE_RULES, PROMOTIONS
from tests.acceptance.given_prices import STAFF as BY_STAFF
from tests.acceptance.given_prices import exchange, grams, used
from tests.acceptance.steps.checkout import end_dead_attempts
from tests.acceptance.steps.step import Step

STAFF = Change(actor="staff")


async def clock(step: Step) -> None:
    step.world.clock.set_day(date.fromisoformat(step.fields["at"]))


async def wait(step: Step) -> None:
    step.world.clock.advance(timedelta(minutes=step.fields["minutes"]))
    await end_dead_attempts(step.world)


async def set_price(step: Step) -> None:
    services = step.world.services
    await services.catalogue.update_variant(step.variant, {"price_minor": step.fields["price"]}, STAFF)


async def set_product(step: Step) -> None:
    for name, value in step.fields["fields"].items():
        await _PRODUCT_FIELDS[name](step, value)


async def _price(step: Step, value: int) -> None:
    await step.world.services.catalogue.update_variant(step.variant, {"price_minor": value}, STAFF)


async def _floor(step: Step, value: int) -> None:
    await step.world.services.catalogue.update_variant(step.variant, {"floor_minor": value}, STAFF)


async def _max_qty(step: Step, value: int) -> None:
    await step.world.services.catalogue.update_variant(step.variant, {"quantity_max": value}, STAFF)


async def _weight(step: Step, value: Any) -> None:
    await step.world.services.catalogue.update_variant(step.variant, {"weight_g": grams(value)}, STAFF)


async def _ship(step: Step, value: bool) -> None:
    await step.world.services.catalogue.update_variant(step.variant, {"requires_shipping": value}, STAFF)


async def _enabled(step: Step, value: bool) -> None:
    await _change_product(step, status="active" if value else "draft")


async def _shipping_category(step: Step, value: str | None) -> None:
    await _change_product(step, shipping_category=value)


async def _tax(step: Step, value: str | None) -> None:
    await step.world.services.catalogue.update_variant(step.variant, {"is_taxable": value is not None}, STAFF)
    if value is not None:
        await _change_product(step, tax_category=value)


async def _categories(step: Step, value: list[str]) -> None:
    await _change_product(step, categories=tuple([step.world.names_of.code("category", name) for name in value]))


async def _change_product(step: Step, **changes: Any) -> None:
    await step.world.services.catalogue.update_product(step.world.products[step.product], changes, STAFF)


_PRODUCT_FIELDS: dict[str, Any] = {
    "price": _price,
    "floor": _floor,
    "max_qty": _max_qty,
    "weight": _weight,
    "ship": _ship,
    "enabled": _enabled,
    "shipping_category": _shipping_category,
    "tax": _tax,
    "categories": _categories,
}


async def set_rate(step: Step) -> None:
    world, changes = step.world, {"percent": Decimal(step.fields["percent"])}
    rate = world.records["rate", step.fields["rate"]]
    await _keep(step, lambda on: world.services.taxes.change_rate(on, rate, changes, BY_STAFF, world.now, None))


async def set_shipping_fee(step: Step) -> None:
    world, method = step.world, step.world.records["shipping_method", step.fields["method"]]
    definition = {**(await world.services.shipping.get_method(method))["definition"], "amount": step.fields["amount"]}
    changes = {"definition": definition}
    await _keep(step, lambda on: world.services.shipping.change_method(on, method, changes, BY_STAFF, world.now, None))


async def set_exchange(step: Step) -> None:
    await exchange(step.world, step.fields["pair"], step.fields["rate"])


async def disable(step: Step) -> None:
    await _DISABLE[step.fields["what"]](step, step.fields["id"])


async def _disable_product(step: Step, name: str) -> None:
    await step.world.services.catalogue.update_product(step.world.products[name], {"status": "draft"}, STAFF)


async def _disable_method(step: Step, name: str) -> None:
    world, method = step.world, step.world.records["shipping_method", name]
    changes = {"is_enabled": False}
    await _keep(step, lambda on: world.services.shipping.change_method(on, method, changes, BY_STAFF, world.now, None))


async def _disable_payment(step: Step, name: str) -> None:
    """Ways to pay are settings, so the shop is opened anew."""
    world = step.world
    left = [code for code in world.services.settings.payment_methods if code != world.payment_code(name)]
    assert world.restart is not None
    await world.restart(payment_methods=tuple(left))


async def _disable_promotion(step: Step, name: str) -> None:
    world, promotion = step.world, step.world.records["promotion", name]
    await _keep(
        step,
        lambda on: world.services.promotions.switch(
            on, PROMOTIONS, promotion, BY_STAFF, world.now, None, is_active=False
        ),
    )


async def _disable_rule(step: Step, name: str) -> None:
    world, rule = step.world, step.world.records["price_rule", name]
    await _keep(step, lambda on: world.services.promotions.archive(on, PRICE_RULES, rule, BY_STAFF, world.now, None))


_DISABLE: dict[str, Any] = {
    "product": _disable_product,
    "shipping_method": _disable_method,
    "payment_method": _disable_payment,
    "promotion": _disable_promotion,
    "price_rule": _disable_rule,
}


async def _keep(step: Step, command: Callable[[Connection], Awaitable[Any]]) -> None:
    await step.world.services.db.write(command)


async def other_uses(step: Step) -> None:
    await used(step.world, step.fields["code"], 1, None)


async def other_buys(step: Step) -> None:
    """Sold elsewhere, as a correction of the figure."""
    taken = -int(step.fields["qty"])
    await step.world.services.inventory.adjust(
        step.variant, taken, Cause("staff", "sold elsewhere"), allow_negative=True
    )
