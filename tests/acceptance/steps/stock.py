"""Operations on stock and on orders after they were placed."""

from __future__ import annotations

import uuid
from datetime import timedelta

from pannier.inventory import Cause, StockSettings
from tests.acceptance.steps.step import Step

COUNTED = Cause("staff", "counted anew")


async def reserve(step: Step) -> None:
    await step.world.services.carts.reserve(
        step.command("cart.reserved"), timedelta(minutes=step.fields.get("ttl", 10))
    )


async def refresh(step: Step) -> None:
    outcome = await step.world.services.carts.refresh(step.command("cart.refreshed"))
    for result in outcome.answer.results:
        product = step.world.name_of(str(result.variant_id))
        step.notices.append({"step": step.number, "kind": "line_removed", "product": product})


async def place(step: Step) -> None:
    world, principal = step.world, step.world.principal(step.who)
    checkouts = world.services.checkouts
    begun = await checkouts.create_checkout(principal, channel=step.channel)
    done = await checkouts.complete(principal, begun.id, payment_method="invoice")
    assert done.order_number is not None
    world.orders[step.fields["order"]] = done.order_number
    world.placed_by[step.who] = done.order_number


async def pay(step: Step) -> None:
    await step.world.services.orders.pay(step.world.staff, _number(step))


async def fulfil(step: Step) -> None:
    await step.world.services.orders.fulfil(step.world.staff, _number(step), _units(step))


async def fulfil_cancel(step: Step) -> None:
    await step.world.services.orders.cancel_fulfilment(step.world.staff, _number(step))


async def cancel(step: Step) -> None:
    await step.world.services.orders.cancel_units(step.world.staff, _number(step), _units(step))


async def set_stock(step: Step) -> None:
    inventory = step.world.services.inventory
    if "threshold" in step.fields:
        threshold = StockSettings(threshold=step.fields["threshold"])
        await inventory.configure(step.variant, threshold, COUNTED, is_truth=True)
    if "on_hand" in step.fields:
        await inventory.count(step.variant, step.fields["on_hand"], COUNTED, is_truth=True)


def _number(step: Step) -> str:
    return step.world.orders[step.fields["order"]]


def _units(step: Step) -> dict[uuid.UUID, int] | None:
    lines = step.fields.get("lines")
    return None if lines is None else {step.world.variant(product): units for product, units in lines.items()}
