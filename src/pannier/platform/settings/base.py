"""What the parts of the settings have in common."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsPart(BaseSettings):
    """Settings of one kind. The comments in the class are the groups of docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_prefix="PANNIER_", frozen=True, extra="forbid")


def check_long(value: SecretStr | None) -> SecretStr | None:
    """Refuses a key that is shorter than what it signs with."""
    if value is not None and len(value.get_secret_value().encode()) < 32:
        raise ValueError("needs at least 32 bytes, for example the output of: openssl rand -base64 32")
    return value
