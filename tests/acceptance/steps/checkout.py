"""Operations of the checkout."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pannier.checkout import Address, CheckoutAnswer, CheckoutPatch
from pannier.kernel.errors import PannierError
from pannier.payments import PromiseProvider, TestGateway
from tests.acceptance.given import destination_of
from tests.acceptance.steps.step import Step
from tests.acceptance.world import ME, Attempt, World
from tests.support.failures import block_records

_PLACE = {"name": "Jane Doe", "line1": "1 High Street", "city": "Springfield", "postal_code": "12345"}
_CARDS = {"decline": "tok_declines", "succeed": "tok_succeeds"}
_DEAD_AFTER = timedelta(minutes=10)
_WAITING = (
    "select exists (select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"
)


async def address(step: Step) -> None:
    zone = step.fields.get("zone", step.world.given.get("zone"))
    place = Address(**_PLACE, **destination_of(step.world, zone))
    await _tell(step, email=step.fields.get("email", "jane@example.com"), shipping_address=place)


async def ship(step: Step) -> None:
    method = step.world.names_of.of("method", step.fields["method"])
    if step.world.is_checkout:
        await _tell(step, shipping_method=method)
    else:
        await step.world.services.cart_pricing.ship_by(step.command("cart.shipping_chosen"), method)


async def payment(step: Step) -> None:
    await _tell(step, payment_method=step.world.payment_code(step.fields["method"]))


async def confirm(step: Step) -> None:
    who = _confirming(step)
    key = step.fields.get("key") or step.world.lost_keys.pop(who, None)
    await _complete(step.world, who, key, step.fields.get("expect_grand"))


async def confirm_begin(step: Step) -> None:
    """The request does everything but write its last row, which somebody keeps from being written."""
    world, who = step.world, _confirming(step)
    blocker = await block_records(str(world.services.settings.database_url))
    request = asyncio.create_task(_complete(world, who, f"begun-by-{step.fields['by']}", None))
    world.attempts[step.fields["by"]] = Attempt(request, blocker, world.now)
    while not request.done() and not await blocker.fetchval(_WAITING):
        await asyncio.wait({request}, timeout=0.01)


async def confirm_end(step: Step) -> None:
    attempt = step.world.attempts.pop(step.fields["by"], None)
    if attempt is None:
        # It has died meanwhile, and asks once more.
        await _complete(step.world, _confirming(step), f"begun-by-{step.fields['by']}", None)
        return
    await attempt.blocker.close()
    await attempt.request


async def end_dead_attempts(world: World) -> None:
    """Ends what has not finished in time, as the time-outs of the database do long before."""
    for by, attempt in list(world.attempts.items()):
        if world.now - attempt.begun_at >= _DEAD_AFTER:
            attempt.request.cancel()
            await asyncio.wait({attempt.request})
            await attempt.blocker.close()
            del world.attempts[by]


async def confirm_crash_after_order(step: Step) -> None:
    """The order is written, and the answer never arrives: whoever asks again does so under the same key."""
    who = _confirming(step)
    step.world.lost_keys[who] = "the-answer-was-lost"
    await _complete(step.world, who, step.world.lost_keys[who], None)


async def parallel(step: Step) -> None:
    """Several shoppers, step by step: nobody begins the next operation before all are done with this one."""
    shoppers = [f"shopper {number}" for number in range(step.fields["times"])]
    for fields in step.fields["do"]:
        await asyncio.gather(*(_quietly(step, {**fields, "by": shopper}) for shopper in shoppers))


async def cart_with(step: Step) -> None:
    """Another shopper's cart, ready to be confirmed."""
    who = step.fields["id"]
    for product, quantity in step.fields["lines"].items():
        await _do(step, who, {"op": "add", "product": product, "qty": quantity})
    for code in step.fields.get("coupons", ()):
        await _do(step, who, {"op": "coupon", "code": code})
    await _do(step, who, {"op": "address"})
    session = await _session_of(step.world, who)
    options = await step.world.services.checkouts.shipping_options(step.world.principal(who), session)
    if options["options"]:
        method = step.world.names_of.name("method", options["options"][0]["id"])
        await _do(step, who, {"op": "ship", "method": method})
    offered = [method["id"] for method in step.world.given["payment_methods"] if method.get("enabled", True)]
    if offered:
        await _do(step, who, {"op": "payment", "method": offered[0]})


async def _tell(step: Step, **fields: Any) -> None:
    """Tell the shopper's checkout something; the first time there is one from then on."""
    world, told = step.world, CheckoutPatch(**fields)
    known, principal = world.sessions.get(step.who), world.principal(step.who)
    if known is None:
        begun = await world.services.checkouts.create_checkout(principal, told, channel=step.channel)
        world.sessions[step.who] = begun.id
    else:
        await world.services.checkouts.update(principal, known, told)


async def _session_of(world: World, who: str) -> uuid.UUID:
    """The shopper's checkout; it begins here where there is none."""
    if who not in world.sessions:
        world.sessions[who] = (await world.services.checkouts.create_checkout(world.principal(who))).id
    return world.sessions[who]


def _confirming(step: Step) -> str:
    """Whose cart is confirmed: the one that is named, else the actor's. Who only ever confirms has none of her own."""
    who = str(step.fields.get("cart") or step.who)
    return ME if who in step.world.requests else who


async def _complete(world: World, who: str, key: str | None, expected: int | None) -> CheckoutAnswer:
    """Place the order of a shopper's checkout, and remember it by its name."""
    session = await _session_of(world, who)
    checkouts, result = world.services.checkouts, world.payment_result
    world.payment_result = None
    if result is not None:
        _ask_gateway(world, is_asked=True)
    try:
        done = await checkouts.complete(
            world.principal(who),
            session,
            payment_token=None if result is None else _CARDS[result],
            expected_total=expected,
            idempotency_key=key,
        )
    finally:
        if result is not None:
            _ask_gateway(world, is_asked=False)
    if done.order_number is not None and done.order_number not in world.orders.values():
        world.orders[f"o{len(world.orders) + 1}"] = done.order_number
        world.placed_by[who] = done.order_number
    return done


async def payment_will(step: Step) -> None:
    step.world.payment_result = step.fields["result"]


def _ask_gateway(world: World, *, is_asked: bool) -> None:
    """Let the test gateway stand behind every way to pay, or nobody, as it is otherwise: the money comes later."""
    services = world.services
    for code in services.settings.payment_methods:
        provider = TestGateway(services.db, "secret", "/pay/test", code) if is_asked else PromiseProvider(code)
        services.payments.providers.put(code, provider)


async def _quietly(step: Step, fields: Mapping[str, Any]) -> None:
    try:
        await _do(step, str(fields["by"]), fields)
    except PannierError:
        return


async def _do(step: Step, who: str, fields: Mapping[str, Any]) -> None:
    """An operation by somebody else, within this one."""
    await step.run(Step(step.world, step.number, {**fields, "by": who}, run=step.run))
