"""Finding classes by their name, so that a new rule is its class and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def by_kind(base: type[T], names: Mapping[str, Any]) -> dict[str, type[T]]:
    """The classes among a module's names that are a kind of `base`, by their `kind`.

    The module's names and not `base.__subclasses__()`: a dataclass with slots is made twice, and the first is
    still among those.
    """
    classes = [each for each in names.values() if isinstance(each, type) and issubclass(each, base)]
    return {each.kind: each for each in classes if "kind" in vars(each)}  # type: ignore[attr-defined] # just looked for
