"""What taxes need of others: the composition root gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class DefinitionCheck(Protocol):
    """Reads a definition as quotes read it. Raises ValidationFailedError with the path of what is wrong."""

    def __call__(self, definition: Mapping[str, Any]) -> None: ...


class RegisterUnavailableError(Exception):
    """The register gave no answer; the text says why."""


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """Whether an id is registered, and the name it is registered under, where that is told."""

    is_valid: bool
    name: str | None


class TaxIdRegister(Protocol):
    """Who knows which tax ids there are. Asked outside of any transaction."""

    async def look_up(self, country: str, number: str) -> RegisterAnswer:
        """`country` is the prefix of the id, `number` what is behind it. Raises RegisterUnavailableError."""
        ...
