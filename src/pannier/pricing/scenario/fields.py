"""An object of the file made into the class that its kind names, field by field as the class declares them.

A new action, condition or charge so needs nothing here. `amount_minor` is read from `amount`, `from_` from `from`;
a whole number that ends in `_minor` is an amount, another counts something; a class inside a class is an object
inside the object.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pannier.pricing.goods import EVERYTHING, Filter
from pannier.pricing.scenario.source import Source

T = TypeVar("T")

#: More than this is no percent of anything, and what exceeds the price is never given.
_PERCENT_MAX = 1000


def read_kind(source: Source, name: str, kinds: Mapping[str, type[T]]) -> T:
    """The object as the class that its field `name` names."""
    kind = source.choice(name, tuple(kinds))
    return read_as(source, kinds[kind])


def read_as(source: Source, wanted: type[T], *, is_whole: bool = True) -> T:
    """The object as this class. `is_whole`: fields that the class does not have are refused."""
    hints = get_type_hints(wanted)
    values = {}
    for each in fields(wanted):  # type: ignore[arg-type] # only dataclasses are asked for
        if each.init:
            values[each.name] = _value(source, each, hints[each.name])
    try:
        made = wanted(**values)
    except ValueError as problem:
        raise source.fail("type", str(problem)) from None
    if is_whole:
        source.done()
    return made


def key_of(name: str) -> str:
    """What a field is called in the file."""
    return name.removesuffix("_minor").rstrip("_")


def _value(source: Source, declared: Field[Any], hint: Any) -> Any:
    key = key_of(declared.name)
    if hint is Filter or get_args(hint)[:1] == (Filter,):
        return _filter(source, key) if source.has(key) else (EVERYTHING if hint is Filter else None)
    if not source.has(key) and declared.default is not MISSING:
        return declared.default
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if hint is int:
        return source.amount(key) if declared.name.endswith("_minor") else source.whole(key, least=0)
    if hint is str:
        return source.text(key)
    if hint is Decimal:
        return source.number(key, most=_PERCENT_MAX)
    if hint is Fraction:
        return Fraction(source.number(key))
    if get_origin(hint) is Literal:
        return source.choice(key, get_args(hint))
    if get_origin(hint) is frozenset:
        return frozenset(source.texts(key))
    if get_origin(hint) is tuple:
        return tuple([read_as(each, get_args(hint)[0]) for each in source.objects(key)])
    inner = source.object(key)
    if inner is None:
        raise source.fail(key, "an object is missing")
    return read_as(inner, hint)


def _filter(source: Source, name: str) -> Filter:
    inner = source.object(name)
    assert inner is not None
    found = Filter(
        inner.texts_or_none("products"),
        inner.texts_or_none("categories"),
        inner.amount_or_none("min_unit"),
        inner.amount_or_none("max_unit"),
    )
    inner.done()
    # The one that means everything is told by being the same object.
    return EVERYTHING if found == EVERYTHING else found


def filter_of(source: Source) -> Filter:
    """The field `filter`; without one, everything."""
    return _filter(source, "filter") if source.has("filter") else EVERYTHING
