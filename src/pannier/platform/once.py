"""A query parameter of one value is given once: of several a program would have to guess which was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from pannier.platform.problems import ValidationFailedError

_SEVERAL = (list, tuple, set, frozenset)


async def once(request: Request) -> None:
    """A dependency of every route. Raises ValidationFailedError for a parameter that is there several times."""
    query = request.scope["query_string"]
    if b"&" not in query:
        return
    route = request.scope["route"]
    if isinstance(route, APIRoute):
        _refuse_repeated(query, frozenset(_names(route.dependant)))


def _refuse_repeated(query: bytes, single: Collection[str]) -> None:
    names = Counter(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    repeated = sorted(name for name in single if names[name] > 1)
    if repeated:
        raise ValidationFailedError.of([(name, "Give it once") for name in repeated])


def _names(dependant: Dependant) -> Iterator[str]:
    """The query parameters that have one value."""
    for field in dependant.query_params:
        if not _is_several(field.field_info.annotation):
            yield field.alias
    for inner in dependant.dependencies:
        yield from _names(inner)


def _is_several(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return annotation in _SEVERAL or origin in _SEVERAL or any(_is_several(part) for part in get_args(annotation))
