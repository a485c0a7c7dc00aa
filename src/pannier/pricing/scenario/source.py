"""A scenario's file as plain values, and reading those values: what is wrong is told with its path and the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from pannier.kernel.money import AMOUNT_MAX
from pannier.pricing.errors import ScenarioError

T = TypeVar("T")

_UNITS_MAX = 10**6
_EXPONENT_MAX = 30


def read_scenarios(text: str) -> list[Source]:
    """The scenarios of a file: one object, or a list of them. Raises ScenarioError."""
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except json.JSONDecodeError as problem:
        raise ScenarioError(f"line {problem.lineno}", f"not JSON: {problem.msg}") from None
    except (InvalidOperation, RecursionError, ValueError):
        raise ScenarioError("$", "not JSON that can be read") from None
    if isinstance(value, list):
        return [Source(each, f"[{number}]") for number, each in enumerate(value)]
    return [Source(value, "$")]


def _no_number(name: str) -> None:
    raise ScenarioError("$", f"{name} is no number")


class Source:
    """An object of the file. Every `get` names a field; what it does not find or like it tells by path."""

    __slots__ = ("_asked", "fields", "path")

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise ScenarioError(path, f"an object is wanted, and this is {_name(value)}")
        self.fields: Mapping[str, Any] = value
        self.path = path
        self._asked: set[str] = set()

    def at(self, name: str) -> str:
        """The path of a field."""
        return name if self.path == "$" else f"{self.path}.{name}"

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        self._asked.add(name)
        return self.fields.get(name) is not None

    def fail(self, name: str, reason: str) -> ScenarioError:
        """The error that a field is wrong."""
        return ScenarioError(self.at(name), reason)

    def raw(self, name: str) -> Any:
        """A field as it stands, None where it is missing."""
        self._asked.add(name)
        return self.fields.get(name)

    def _value(self, name: str, default: T | None, kind: Callable[[Any], bool], wanted: str) -> Any:
        if not self.has(name):
            if default is None:
                raise self.fail(name, f"{wanted} is missing")
            return default
        value = self.fields[name]
        if not kind(value):
            raise self.fail(name, f"{wanted} is wanted, and this is {_name(value)}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        value: str = self._value(name, default, lambda value: isinstance(value, str), "a text")
        return value

    def text_or_none(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def flag(self, name: str, *, default: bool) -> bool:
        value: bool = self._value(name, default, lambda value: isinstance(value, bool), "true or false")
        return value

    def whole(self, name: str, default: int | None = None, *, least: int | None = None, most: int = AMOUNT_MAX) -> int:
        """A whole number between two bounds."""
        value: int = self._value(
            name, default, lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"
        )
        if least is not None and value < least:
            raise self.fail(name, f"{value} is less than {least}")
        if abs(value) > most:
            raise self.fail(name, f"{value} is more than {most}")
        return value

    def whole_or_none(self, name: str, *, least: int | None = None) -> int | None:
        return self.whole(name, least=least) if self.has(name) else None

    def amount(self, name: str, default: int | None = None) -> int:
        """Minor units, not negative."""
        return self.whole(name, default, least=0)

    def amount_or_none(self, name: str) -> int | None:
        return self.amount(name) if self.has(name) else None

    def units(self, name: str, default: int | None = None, *, least: int = 1) -> int:
        return self.whole(name, default, least=least, most=_UNITS_MAX)

    def number(self, name: str, default: Decimal | None = None, *, most: int = AMOUNT_MAX) -> Decimal:
        """A decimal, not negative."""
        value = self._value(name, default, _is_number, "a number")
        number = Decimal(value)
        # Checked by its size first: a number such as 1e999999 is cheap to write and not to compute with.
        if number and abs(number.adjusted()) > _EXPONENT_MAX:
            raise self.fail(name, "the number is too large or too small")
        if number < 0 or number > most:
            raise self.fail(name, f"{number} is not between 0 and {most}")
        return number

    def number_or_none(self, name: str) -> Decimal | None:
        return self.number(name) if self.has(name) else None

    def percent(self, name: str, default: Decimal | None = None) -> Decimal:
        """A percent of a discount: 0 to 100."""
        return self.number(name, default, most=100)

    def day(self, name: str) -> date | None:
        if not self.has(name):
            return None
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self.fail(name, f"{self.fields[name]!r} is no day such as 2026-01-31") from None

    def choice(self, name: str, choices: Sequence[T], default: T | None = None) -> T:
        """One of several values."""
        if not self.has(name):
            if default is None:
                raise self.fail(name, f"one of {', '.join(map(str, choices))} is missing")
            return default
        value = self.fields[name]
        for choice in choices:
            if value == choice and type(value) is type(choice):
                return choice
        raise self.fail(name, f"{_name(value)} is none of {', '.join(map(str, choices))}")

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._value(name, (), lambda value: isinstance(value, list), "a list")
        for number, value in enumerate(values):
            if not isinstance(value, str):
                raise ScenarioError(f"{self.at(name)}[{number}]", f"a text is wanted, and this is {_name(value)}")
        return tuple(values)

    def texts_or_none(self, name: str) -> frozenset[str] | None:
        return frozenset(self.texts(name)) if self.has(name) else None

    def objects(self, name: str) -> list[Source]:
        values = self._value(name, (), lambda value: isinstance(value, list), "a list")
        return [Source(value, f"{self.at(name)}[{number}]") for number, value in enumerate(values)]

    def object(self, name: str) -> Source | None:
        return Source(self.fields[name], self.at(name)) if self.has(name) else None

    def items(self, name: str) -> Iterator[tuple[str, Source]]:
        """The fields of an object, each as a source of its own for the same object."""
        inner = self.object(name)
        for key in inner.fields if inner is not None else ():
            assert inner is not None
            yield key, inner

    def done(self, *known: str) -> None:
        """Say that everything was asked for. Raises ScenarioError for a field that nobody knows."""
        unknown = sorted(self.fields.keys() - self._asked - set(known))
        if unknown:
            raise self.fail(unknown[0], "no such field")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "...")
    if isinstance(value, (int, Decimal)):
        return str(value)
    return "a list" if isinstance(value, list) else "an object"
