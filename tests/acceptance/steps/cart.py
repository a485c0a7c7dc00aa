"""Operations of the cart."""

from __future__ import annotations

from pannier.cart import Change, MergeRequest
from pannier.cart import add as addition
from pannier.kernel.errors import PannierError
from pannier.kernel.ids import new_cart_token
from tests.acceptance.given import destination_of, identify
from tests.acceptance.steps.step import Step
from tests.acceptance.world import VISITOR


async def add(step: Step) -> None:
    await step.change([addition(step.variant, step.fields.get("qty", 1), attributes=step.options)])


async def set_qty(step: Step) -> None:
    await step.change([Change(op="set", line_id=await step.line(), quantity=step.fields["qty"])])


async def remove(step: Step) -> None:
    await step.change([Change(op="remove", line_id=await step.line())])


async def clear(step: Step) -> None:
    await step.change([], is_clear=True)


async def coupon(step: Step) -> None:
    await step.world.services.cart_pricing.enter_coupon(step.command("cart.coupon_entered"), step.fields["code"])


async def coupon_remove(step: Step) -> None:
    await step.world.services.cart_pricing.remove_coupon(step.command("cart.coupon_removed"), step.fields["code"])


async def zone(step: Step) -> None:
    destination = destination_of(step.world, step.fields["zone"])
    await step.world.services.cart_pricing.send_to(step.command("cart.destination_set"), destination)


async def customer(step: Step) -> None:
    await identify(step.world, step.fields["customer"])


async def view(step: Step) -> None:
    step.world.viewed = step.shown((await step.cart()).items)


async def login(step: Step) -> None:
    """The visitor's carts become part of hers, and her browser gets a token that nobody has seen."""
    world = step.world
    request = MergeRequest(step.who, world.token(VISITOR))
    outcomes = await world.services.merges.merge_at_login(request)
    world.merged_by = step.who
    for outcome in outcomes:
        if isinstance(outcome, PannierError):
            raise outcome
    world.tokens[VISITOR] = new_cart_token()


async def logout(step: Step) -> None:
    step.world.tokens[VISITOR] = new_cart_token()
