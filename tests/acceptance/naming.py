"""What a case calls things, and what the shop calls them.

Cases give free names. Products, promotions and price rules have ids in the shop; zones, rates, methods and categories
have codes of few characters, so they get codes made of their number. A zone is a region of that name, in
whichever country.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Kind = str
_PREFIXES = {"category": "c", "zone": "z", "rate": "r", "method": "m", "channel": "ch"}
_LISTS = {"products": "product", "categories": "category", "zones": "zone"}
_ONES = {"product": "product", "method": "method", "zone": "zone"}
#: Where zones lie: at home, in another country of the EU, and beyond, as a customer does.
COUNTRIES: Mapping[str, str] = {"home": "DE", "other_eu": "FR", "third_country": "US"}


@dataclass
class Names:
    """Both directions, by kind."""

    ours: dict[tuple[Kind, str], str] = field(default_factory=dict)
    theirs: dict[tuple[Kind, str], str] = field(default_factory=dict)

    def put(self, kind: Kind, name: str, shops: str | uuid.UUID) -> str:
        """Remember what the shop calls something."""
        self.ours[kind, name], self.theirs[kind, str(shops)] = str(shops), name
        return str(shops)

    def code(self, kind: Kind, name: str) -> str:
        """The shop's code of something, made at its first mention."""
        if (kind, name) not in self.ours:
            number = sum(known == kind for known, _ in self.ours)
            self.put(kind, name, f"{_PREFIXES[kind]}{number + 1}")
        return self.ours[kind, name]

    def of(self, kind: Kind, name: str) -> str:
        """What the shop calls it; an id that nothing has for a product that is not there."""
        if kind == "product":
            return self.ours.get((kind, name)) or str(uuid.UUID(int=0))
        return self.code(kind, name) if kind in _PREFIXES else self.ours[kind, name]

    def name(self, kind: Kind, shops: object) -> str | None:
        """What the case calls it; None for what the case does not know."""
        return self.theirs.get((kind, str(shops)))

    def definition(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """A definition with every name in it as the shop has it."""
        return {key: self._value(key, value) for key, value in words.items()}

    def _value(self, key: str, value: Any) -> Any:
        if key in _LISTS and isinstance(value, list):
            return [self.of(_LISTS[key], name) for name in value]
        if key in _ONES and isinstance(value, str):
            return self.of(_ONES[key], value)
        if isinstance(value, Mapping):
            return self.definition(value)
        if isinstance(value, list):
            return [self.definition(entry) if isinstance(entry, Mapping) else entry for entry in value]
        return value
