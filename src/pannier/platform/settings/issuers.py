"""An outside issuer of tokens, as the settings name it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from pannier.platform.settings.base import check_long
from pannier.platform.tokens.checks import check_algorithms, check_jwks_url, check_public_key


class IssuerSettings(BaseModel):
    """One of `PANNIER_JWT_ISSUERS`; each field is what the setting `PANNIER_JWT_<NAME>` is for a single one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str | None = None
    audience: tuple[str, ...] = ()
    authorized_parties: tuple[str, ...] = ()
    accept_any_audience: bool = False
    jwks_url: str | None = None
    secret: SecretStr | None = None
    public_key: str | None = None
    algorithms: tuple[str, ...] = ()
    leeway_s: float = Field(30.0, ge=0, le=300)
    user_id_claim: str = Field("sub", min_length=1)
    user_id_prefix: str = Field("", max_length=50)
    roles_claim: str = Field("roles", min_length=1)
    role_map: dict[str, Literal["customer", "staff", "admin"]] = {}

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return check_long(value)

    @field_validator("jwks_url")
    @classmethod
    def _trusted_way(cls, value: str | None) -> str | None:
        return value if value is None else check_jwks_url(value)

    @field_validator("public_key")
    @classmethod
    def _readable_key(cls, value: str | None) -> str | None:
        if value is not None:
            check_public_key(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_issuer(self, lambda name: name)
        return self


class _Issuer(Protocol):
    @property
    def issuer(self) -> str | None: ...
    @property
    def audience(self) -> Sequence[str]: ...
    @property
    def authorized_parties(self) -> Sequence[str]: ...
    @property
    def accept_any_audience(self) -> bool: ...
    @property
    def jwks_url(self) -> str | None: ...
    @property
    def secret(self) -> SecretStr | None: ...
    @property
    def public_key(self) -> str | None: ...
    @property
    def algorithms(self) -> Sequence[str]: ...


def check_issuer(of: _Issuer, named: Callable[[str], str]) -> None:
    """Refuses an issuer that nobody could verify, or whose tokens for somebody else would open the shop."""
    sources = [of.jwks_url, of.secret, of.public_key]
    names = [named(name) for name in ("jwks_url", "secret", "public_key")]
    if sum(source is not None for source in sources) > 1:
        raise ValueError(f"{names[0]}, {names[1]} and {names[2]}: set one of them")
    if not any(sources):
        raise ValueError(f"{named('issuer')} needs {names[0]}, {names[1]} or {names[2]}")
    if of.jwks_url is not None and of.issuer is None:
        raise ValueError(f"{names[0]} needs {named('issuer')}: the name in the tokens of that provider")
    check_algorithms(of.algorithms, is_shared=of.secret is not None)
    if not (of.audience or of.authorized_parties or of.accept_any_audience):
        raise ValueError(
            f"set {named('audience')} or {named('authorized_parties')} to what tokens for this shop name: without it a "
            f"token that the provider made for any other application opens accounts here. Where it makes none for "
            f"others, {named('accept_any_audience')}=true takes them all"
        )


def check_together(issuers: Sequence[IssuerSettings]) -> None:
    """Refuses several issuers that could not be told apart, or whose user ids could mean each other's users."""
    if len(issuers) < 2:
        return
    names = [of.issuer for of in issuers]
    if None in names or len(set(names)) < len(names):
        raise ValueError("several issuers of tokens need an `issuer` each, and none twice")
    prefixes = [of.user_id_prefix for of in issuers]
    told = [prefix for prefix in prefixes if prefix]
    if len(prefixes) - len(told) > 1:
        raise ValueError("of several issuers only one may do without a `user_id_prefix`: their ids may be the same")
    if any(a != b and b.startswith(a) for a in told for b in told) or len(set(told)) < len(told):
        raise ValueError("no issuer's `user_id_prefix` may be, or begin with, another's: their ids could be the same")
