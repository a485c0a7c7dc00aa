"""Customers: accounts, mails, and who else may vouch for them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from pannier.platform.settings.base import SettingsPart, check_long
from pannier.platform.settings.issuers import IssuerSettings, check_issuer, check_together
from pannier.platform.tokens.checks import check_jwks_url, check_public_key


class PeopleSettings(SettingsPart):
    """Accounts of the shop's own, and those of an outside identity provider."""

    # Accounts
    enable_accounts: bool = Field(
        True, description="Built-in accounts; else their routes answer ACCOUNTS_OFF and only an outside issuer's count."
    )
    account_cookie_name: str = Field(
        "pannier_account",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Cookie of a browser that is signed in; with _access behind its name, the short-lived one.",
    )
    access_token_ttl_s: float = Field(
        600.0,
        ge=30,
        le=86_400,
        description="Seconds that an access token lasts before its session is asked for the next one.",
    )
    session_ttl_days: float = Field(30.0, gt=0, le=400, description="Days without use after which a session ends.")
    password_length_min: int = Field(10, ge=8, le=64, description="Shortest password, in characters.")
    login_attempts_max: int = Field(
        5, ge=1, description="Failed sign-ins of one e-mail address before each next one has to wait, longer each time."
    )
    login_block_max_s: float = Field(900.0, gt=0, description="Longest such wait, in seconds.")
    link_ttl_hours: float = Field(24.0, gt=0, description="Hours that the link in a verification mail is good.")
    reset_link_ttl_s: float = Field(3600.0, gt=0, description="Seconds that the link of a password reset is good.")
    erase_after_days: float = Field(
        7.0, ge=0, description="Days in which a customer may take back that the account is to be erased."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="Address of the shop as customers see it, for links in mails; else that of PANNIER_HOST and _PORT.",
    )

    # Mail
    smtp_url: SecretStr | None = Field(
        None,
        description="Where mails are sent from: smtp://user:password@host:587 (STARTTLS), smtps://…:465, or "
        "smtp+plain://host:25 without encryption. Without it the embedded shop keeps them as files in mails/ of its "
        "data directory, and any other shop keeps them back.",
    )
    mail_dir: Path | None = Field(
        None,
        description="Folder in which mails are kept as files where there is no PANNIER_SMTP_URL; that of the "
        "embedded shop is mails/ of its data directory.",
    )
    mail_from: str = Field("shop@localhost", max_length=254, description="Sender of the shop's mails.")

    # Outside issuers
    jwt_issuer: str | None = Field(None, description="`iss` of tokens that an outside identity provider makes.")
    jwt_audience: tuple[str, ...] = Field(
        (),
        description='Audiences of which such a token must name one, as JSON: ["my-shop"]. There has to be one, or an '
        "authorized party: what the provider makes for other applications is not for this shop.",
    )
    jwt_authorized_parties: tuple[str, ...] = Field(
        (), description='Applications (`azp`) of which it must name one, as JSON: ["https://shop.example.com"].'
    )
    jwt_accept_any_audience: bool = Field(
        False, description="Take every token of the provider, whomever it was made for: where it serves the shop alone."
    )
    jwt_jwks_url: str | None = Field(None, description="Address of the provider's public keys (JWKS).")
    jwt_secret: SecretStr | None = Field(None, description="Or the secret shared with it, at least 32 bytes.")
    jwt_public_key: str | None = Field(None, description="Or its public key, as PEM.")
    jwt_algorithms: tuple[str, ...] = Field(
        (),
        description='Signatures taken, as JSON; without it ["HS256"] with a secret, else ["RS256", "ES256", "EdDSA"].',
    )
    jwt_leeway_s: float = Field(30.0, ge=0, le=300, description="Seconds that clocks may differ.")
    jwt_user_id_claim: str = Field("sub", min_length=1, description="Claim that is the user's id.")
    jwt_user_id_prefix: str = Field(
        "", max_length=50, description="Put before that id, where two sources of ids might use the same ones."
    )
    jwt_roles_claim: str = Field(
        "roles", min_length=1, description="Claim with the user's roles; dots lead inside: realm_access.roles."
    )
    jwt_role_map: dict[str, Literal["customer", "staff", "admin"]] = Field(
        {}, description='What those roles mean here, as JSON: {"shop-manager": "staff"}; everybody else is a customer.'
    )

    jwt_issuers: tuple[IssuerSettings, ...] = Field(
        (),
        description='Further providers, as JSON with the names above: [{"issuer": "https://…", '
        '"audience": ["my-shop"], "jwks_url": "https://…", "user_id_prefix": "b:"}]; each but one needs a prefix.',
    )

    @field_validator("jwt_secret")
    @classmethod
    def _long_secret(cls, value: SecretStr | None) -> SecretStr | None:
        return check_long(value)

    @field_validator("jwt_jwks_url")
    @classmethod
    def _trusted_way(cls, value: str | None) -> str | None:
        return value if value is None else check_jwks_url(value)

    @field_validator("jwt_public_key")
    @classmethod
    def _readable_key(cls, value: str | None) -> str | None:
        if value is not None:
            check_public_key(value)
        return value

    @model_validator(mode="after")
    def _issuers_that_can_be_believed(self) -> Self:
        check_together(self.issuers)
        return self

    @property
    def issuers(self) -> tuple[IssuerSettings, ...]:
        """Every outside issuer: the one that has settings of its own, and those of the list."""
        names = [*IssuerSettings.model_fields]
        single = IssuerSettings.model_construct(**{name: getattr(self, f"jwt_{name}") for name in names})
        if not any((single.issuer, single.jwks_url, single.secret, single.public_key)):
            return self.jwt_issuers
        check_issuer(single, lambda name: f"PANNIER_JWT_{name.upper()}")
        return (single, *self.jwt_issuers)
