"""Fields that requests of several capabilities have: names, texts, moments, postal addresses."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from pannier.kernel.countries import COUNTRIES
from pannier.kernel.times import in_utc

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def printable(text: str) -> str:
    """The text, unless it holds what no reader can see."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t" for character in text):
        raise ValueError("must not contain control characters")
    return text


def _moment(text: object) -> object:
    # Left to itself, pydantic takes any number for seconds since 1970.
    if isinstance(text, str) and not _MOMENT.fullmatch(text):
        raise ValueError("must be a time with its zone, such as 2026-11-20T10:00:00Z")
    return text


def _country(text: str) -> str:
    if text not in COUNTRIES:
        raise ValueError("must be a country's two letters by ISO 3166, such as DE")
    return text


_STRIPPED = StringConstraints(strip_whitespace=True, min_length=1)
# For the document; the validators say what is wrong in words.
_LINE_PATTERN = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
_TEXT_PATTERN = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"
_IS_LINE = Field(json_schema_extra={"pattern": _LINE_PATTERN})
_IS_TEXT = Field(json_schema_extra={"pattern": _TEXT_PATTERN})
_IS_COUNTRY = Field(json_schema_extra={"enum": [*sorted(COUNTRIES)]})
Short = Annotated[str, _STRIPPED, Field(max_length=40), _IS_LINE, AfterValidator(printable)]
Name = Annotated[str, _STRIPPED, Field(max_length=200), _IS_LINE, AfterValidator(printable)]
Text = Annotated[str, Field(max_length=2000), _IS_TEXT, AfterValidator(printable)]


Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(in_utc)]


class Request(BaseModel):
    """A body that holds what is named and nothing else."""

    # Strict, since "15" and true are no amounts, whatever pydantic could make of them.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Address(Request):
    """Where something or somebody is. Country by ISO 3166-1 alpha-2."""

    name: Name
    company: Name | None = None
    line1: Name
    line2: Name | None = None
    city: Name
    region: Name | None = None
    postal_code: Short
    country: Annotated[str, _IS_COUNTRY, AfterValidator(_country)]
    phone: Short | None = None
