"""A shop with one guard off: it keeps the answers to idempotency keys in its memory, and not with the change."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pannier.app.factory import create_app as make_app
from pannier.cart import CartService, Command
from pannier.cart.repository import Applied
from pannier.platform.settings import Settings


def create_app(settings: Settings) -> Any:
    """The application, as `pannier serve` makes it but for that guard."""
    answers: dict[tuple[bytes, str], Applied | Exception] = {}
    apply = CartService._apply

    async def carelessly(self: CartService, commands: Sequence[Command]) -> list[Applied | Exception]:
        keys = [(command.owner.digest, command.idempotency_key or "") for command in commands]
        new = [
            dataclasses.replace(command, idempotency_key=None)
            for command, key in zip(commands, keys, strict=True)
            if key not in answers
        ]
        done = iter(await apply(self, new) if new else [])
        for key in keys:
            if key not in answers:
                answers[key] = next(done)
        return [answers[key] for key in keys]

    CartService._apply = carelessly  # type: ignore[method-assign]  # in a process that is this test's own
    return make_app(settings)
