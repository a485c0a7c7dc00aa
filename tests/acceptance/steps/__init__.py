"""Every operation that a case may name, as a small function of that name."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Final

from pannier.kernel.errors import PannierError
from tests.acceptance.refusals import entry_of
from tests.acceptance.steps import cart, checkout, happenings, stock
from tests.acceptance.steps.step import Step

Operation = Callable[[Step], Awaitable[None]]


def _operations(*modules: ModuleType) -> dict[str, Operation]:
    return {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


STEPS: Final[Mapping[str, Operation]] = _operations(cart, stock, checkout, happenings)
#: After these the shopper has seen the cart as it is; a confirmation compares with what was seen last.
_SHOWING: Final = frozenset(_operations(cart)) | {"address", "ship", "payment"}


async def carry_out(step: Step) -> None:
    """Carry an operation out. A refusal is an entry of the world's errors, and the next operation follows."""
    try:
        await _perform(step)
    except PannierError as refused:
        is_foreign = "cart_of" in step.fields
        entry = entry_of(step.world, step.number, step.operation, refused, is_foreign=is_foreign)
        step.world.errors.append(entry)
    else:
        step.world.errors.extend(step.notices)
    session = step.world.sessions.get(step.who)
    if session is not None and step.operation in _SHOWING and step.who not in step.world.placed_by:
        await step.world.services.checkouts.update(step.world.principal(step.who), session)


async def _perform(step: Step) -> None:
    if step.operation not in STEPS:
        raise LookupError(f"step {step.number}: no operation is called {step.operation}")
    step.run = _perform
    await step.check_owner()
    await STEPS[step.operation](step)
