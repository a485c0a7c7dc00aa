"""What promotions need of others: the composition root gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class DefinitionCheck(Protocol):
    """Reads a definition as quotes read it. Raises ValidationFailedError with the path of what is wrong."""

    def __call__(self, definition: Mapping[str, Any]) -> None: ...
