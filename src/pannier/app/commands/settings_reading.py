"""Settings as a person wrote them: read, explained where they are wrong, shown with where they come from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pannier.app.commands.errors import WrongSettingsError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

    from pannier.platform.settings import Settings

PREFIX = "PANNIER_"
# For the tests of the repository, and no settings of a shop.
_NOT_OURS = "PANNIER_TEST_"
MASK = "********"
# Beside those that are secrets as a whole: a password or a key may stand in them.
_SECRET = frozenset({"database_url", "jwt_issuers"})


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting as it is in force. `value` is text, with secrets masked; `source` is where it comes from."""

    name: str
    value: str
    source: str
    default: str
    description: str


def read_settings(**options: Any) -> Settings:
    """The shop's settings; `options` of the command line that are not None go before the environment.

    Raises WrongSettingsError with every fault at once.
    """
    from pydantic import ValidationError
    from pydantic_settings.exceptions import SettingsError

    from pannier.platform.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise WrongSettingsError(_faults(error)) from None
    except SettingsError as error:
        # pydantic-settings could not even read the value, which should have been JSON.
        name = str(error).partition('"')[2].partition('"')[0]
        raise WrongSettingsError([(variable(name), f"must be JSON, such as {_example(name)}")]) from None


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def unknown_variables(environment: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """`(variable, the one that may have been meant)` for each PANNIER_ variable that no setting reads."""
    from pannier.platform.settings import Settings

    known = {variable(name) for name in Settings.model_fields}
    found = []
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and not name.startswith(_NOT_OURS) and name.upper() not in known:
            close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
            found.append((name, close[0] if close else None))
    return found


def warnings_of_unknown(environment: Mapping[str, str]) -> Iterable[str]:
    """A line for each variable that nobody reads."""
    for name, meant in unknown_variables(environment):
        hint = f"did you mean {meant}?" if meant else "`pannier settings` lists those there are"
        yield f"{name} is no setting and has no effect; {hint}"


def setting_values(settings: Settings) -> list[SettingValue]:
    """Every setting in the order of the reference, secrets masked."""
    environment = {name.upper() for name in os.environ}
    values = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if variable(name) in environment:
            source = "environment"
        else:
            source = "command line" if name in settings.model_fields_set else "default"
        values.append(SettingValue(name, shown(name, value), source, default_text(field), field.description or ""))
    return values


def shown(name: str, value: Any) -> str:
    """A value as it would be written into the environment, without its secrets."""
    from pydantic import SecretStr

    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        import json

        return json.dumps([shown_part(part) for part in value])
    if name == "database_url":
        return without_password(str(value))
    return str(value)


def shown_part(part: Any) -> Any:
    """One of several as JSON has it; what is left out is what holds anyway."""
    from pydantic import BaseModel

    return part.model_dump(mode="json", exclude_defaults=True) if isinstance(part, BaseModel) else part


def without_password(url: str) -> str:
    """The address with its password masked, in whichever of the two places it stands."""
    import re

    url = re.sub(r"(?<=://)([^/@:]*):[^/@]*(?=@)", rf"\1:{MASK}", url)
    return re.sub(r"(?<=[?&]password=)[^&]*", MASK, url)


def default_text(field: FieldInfo) -> str:
    """What holds when the setting is not set; empty for nothing."""
    return shown("", field.default)


def _faults(error: ValidationError) -> list[tuple[str, str]]:
    from pannier.platform.settings import Settings

    found = []
    for fault in error.errors(include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        field = Settings.model_fields.get(name)
        told = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        # Of several settings at once the input would be all of them.
        is_secret = field is None or name in _SECRET or "SecretStr" in str(field.annotation)
        given = "" if is_secret or "input" not in fault else f" (it is {_excerpt(fault['input'])})"
        meaning = f"\n    {field.description}" if field is not None and field.description else ""
        found.append((variable(name), f"{told}{given}{meaning}"))
    return found


def _excerpt(value: Any) -> str:
    text = repr(str(value))
    return text if len(text) <= 60 else f"{text[:59]}…"


def _example(name: str) -> str:
    from pannier.platform.settings import Settings

    field = Settings.model_fields.get(name)
    return default_text(field) if field is not None else "[]"
