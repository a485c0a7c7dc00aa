"""Every fault of a JSON body at once.

msgspec stops at the first one, which is right for speed and wrong for the person who has to mend
the input. So when it refuses, and only then, the body is looked at again field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

import msgspec


def faults_of(body: bytes, kind: Any, first: msgspec.ValidationError) -> list[tuple[str, str]]:
    """`(field, message)` for every fault, in the order of the type; never empty."""
    return _faults(msgspec.json.decode(body), kind, "") or [_placed("", first)]


def _faults(value: Any, kind: Any, place: str) -> list[tuple[str, str]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return _faults_of_struct(value, kind, place)
    if get_origin(kind) is list and isinstance(value, list):
        (inner,) = get_args(kind)
        return [fault for i, item in enumerate(value) for fault in _faults(item, inner, _join(place, str(i)))]
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return [_placed(place, error)]
    return []


def _faults_of_struct(value: dict[str, Any], kind: type[msgspec.Struct], place: str) -> list[tuple[str, str]]:
    faults = []
    fields = msgspec.structs.fields(kind)
    for field in fields:
        at = _join(place, field.encode_name)
        if field.encode_name in value:
            faults += _faults(value[field.encode_name], field.type, at)
        elif field.required:
            faults.append((at, "Field required"))
    if kind.__struct_config__.forbid_unknown_fields:
        known = {field.encode_name for field in fields}
        faults += [(_join(place, name), "Unknown field") for name in value if name not in known]
    return faults


def _placed(place: str, error: msgspec.ValidationError) -> tuple[str, str]:
    """msgspec tells the place as ``... - at `$.items[0].quantity` ``; we write `items.0.quantity`."""
    message, _, where = str(error).partition(" - at `")
    path = where.rstrip("`").removeprefix("$").replace("[", ".").replace("]", "").strip(".")
    return _join(place, path), message


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place and name else place or name


# What pydantic finds, by the name it gives each kind of fault, in words that say what to send instead.
_WORDS: Mapping[str, str] = {
    "missing": "Field required",
    "extra_forbidden": "Unknown field",
    "union_tag_not_found": "Say which it is by {discriminator}",
    "union_tag_invalid": "{discriminator} is one of {expected_tags}",
    "literal_error": "One of {expected}",
    "enum": "One of {expected}",
    "int_type": "A whole number",
    "int_parsing": "A whole number",
    "int_parsing_size": "A whole number that is not so large",
    "int_from_float": "A whole number, without a fraction",
    "float_type": "A number",
    "float_parsing": "A number",
    "finite_number": "A number that is neither infinite nor none",
    "decimal_type": "A decimal number",
    "decimal_parsing": "A decimal number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "A text",
    "string_unicode": "A text without half characters",
    "string_too_short": "At least {min_length} characters",
    "string_too_long": "At most {max_length} characters",
    "string_pattern_mismatch": "A text of the form {pattern}",
    "greater_than": "More than {gt}",
    "greater_than_equal": "At least {ge}",
    "less_than": "Less than {lt}",
    "less_than_equal": "At most {le}",
    "too_short": "At least {min_length} entries",
    "too_long": "At most {max_length} entries",
    "list_type": "A list",
    "tuple_type": "A list",
    "set_type": "A list without duplicates",
    "dict_type": "An object",
    "model_type": "An object",
    "model_attributes_type": "An object",
    "dataclass_type": "An object",
    "none_required": "null",
    "uuid_type": "A UUID",
    "uuid_parsing": "A UUID",
    "uuid_version": "A UUID",
    "date_type": "A date such as 2026-11-20",
    "date_parsing": "A date such as 2026-11-20",
    "date_from_datetime_parsing": "A date such as 2026-11-20",
    "datetime_type": "A time such as 2026-11-20T14:00:00Z",
    "datetime_parsing": "A time such as 2026-11-20T14:00:00Z",
    "datetime_from_date_parsing": "A time such as 2026-11-20T14:00:00Z",
    "datetime_object_invalid": "A time such as 2026-11-20T14:00:00Z",
    "timezone_aware": "A time with its zone, such as 2026-11-20T14:00:00Z",
}


def words_of(fault: Mapping[str, Any]) -> str:
    """The message of one of pydantic's faults, in ours; what a rule of ours said is passed on as it was."""
    kind, context = str(fault["type"]), dict(fault.get("ctx") or {})
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error") or fault["msg"])
    try:
        return _WORDS[kind].format(**context)
    except KeyError:
        return str(fault["msg"])
