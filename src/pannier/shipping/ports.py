"""What shipping needs of others: the composition root gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pannier.platform.database import Connection


class DefinitionCheck(Protocol):
    """Reads a definition as quotes read it. Raises ValidationFailedError with the path of what is wrong."""

    def __call__(self, definition: Mapping[str, Any]) -> None: ...


class KnownZones(Protocol):
    """Tells which of the names are zones, which are another capability's."""

    async def __call__(self, connection: Connection, names: Sequence[str]) -> frozenset[str]: ...
