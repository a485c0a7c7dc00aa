"""Accounts on the wire."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from pannier.accounts.models import Account, Consent, Erasure, SavedAddress, Session, SignedIn
from pannier.accounts.rules import PASSWORD_LENGTH_MAX, email_of
from pannier.platform.fields import Address, Name, Request, Text, printable

# Said here for those who fill forms in; a sign-in takes any text, so that it tells nothing of the rules.
_PASSWORD = {"format": "password", "writeOnly": True, "pattern": "^[^\\x00]*$"}


def _email(text: str) -> str:
    email = email_of(text)
    if email is None:
        raise ValueError("must be an e-mail address, such as jane@example.com")
    return email


Password = Annotated[
    str, Field(min_length=1, max_length=1024, json_schema_extra={**_PASSWORD}), AfterValidator(printable)
]
NewPassword = Annotated[
    str, Field(min_length=8, max_length=PASSWORD_LENGTH_MAX, json_schema_extra={**_PASSWORD}), AfterValidator(printable)
]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    Field(json_schema_extra={"format": "email", "examples": ["jane@example.com"]}),
    AfterValidator(printable),
    AfterValidator(_email),
]
Token = Annotated[str, Field(min_length=1, max_length=200, pattern="^[A-Za-z0-9_-]+$")]
Kind = Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{0,59}$", examples=["newsletter"])]
Label = Annotated[
    str,
    Field(max_length=60, json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}),
    AfterValidator(printable),
]


class Register(Request):
    """Ask for an account."""

    email: Email
    password: NewPassword
    name: Name | None = None


class Login(Request):
    """Sign in. `session: cookie` is for pages in a browser: the tokens come as cookies that no script can read."""

    email: Annotated[str, Field(max_length=254), AfterValidator(printable)]
    password: Password
    session: Literal["token", "cookie"] = "token"


class Refresh(Request):
    """The refresh token, which is used up by this."""

    refresh_token: Token


class Logout(Request):
    """The refresh token of the session to end; without it that of the access token or the cookie is meant."""

    refresh_token: Token | None = None


class Verify(Request):
    """What a mail's link has behind `token=`, and the password that was chosen when it was asked for."""

    token: Token
    password: Password


class Forgot(Request):
    """Whose password is forgotten."""

    email: Email


class Reset(Request):
    """A new password by the link of a mail."""

    token: Token
    password: NewPassword


class ChangePassword(Request):
    """A new password by the old one."""

    password: Password
    new_password: NewPassword


class ChangeEmail(Request):
    """Another e-mail address."""

    password: Password
    email: Email


class ChangeMe(Request):
    """How the customer is called."""

    name: Name | None


class SaveAddress(Request):
    """An address for the book."""

    label: Label = ""
    address: Address
    is_default: bool = False


class GiveConsent(Request):
    """An answer to a question; `text_version` says which text it was given to."""

    granted: bool
    text_version: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\x21-\x7e]+$")]


class EraseMe(Request):
    """Confirm with the password; users of an outside identity provider have none here."""

    password: Password | None = None


class MeDocument(BaseModel):
    """Who asks. Users of an outside identity provider have an id and a role here, and no more."""

    user_id: str
    email: str | None
    name: str | None
    role: Literal["customer", "staff", "admin"]
    created_at: datetime | None
    erasure: ErasureDocument | None


class ErasureDocument(BaseModel):
    """When everything will be erased; until `due_at` that can be taken back."""

    asked_at: datetime
    due_at: datetime


class SignedInDocument(BaseModel):
    """Tokens, or null where they came as cookies. `cart_token` takes the place of the guest's."""

    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - how it is sent, and no secret
    access_token: str | None
    expires_in: int
    refresh_token: str | None
    refresh_expires_in: int
    cart_token: str | None
    user: MeDocument


class SessionDocument(BaseModel):
    """A device that is signed in."""

    id: uuid.UUID
    kind: Literal["browser", "api"]
    device: str | None
    is_current: bool
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class SessionList(BaseModel):
    """The devices, the one used last first."""

    sessions: list[SessionDocument]


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int


class AddressDocument(BaseModel):
    """An address of the book."""

    id: uuid.UUID
    label: str
    address: Address
    is_default: bool
    created_at: datetime
    updated_at: datetime


class AddressList(BaseModel):
    """The address book, the default first."""

    addresses: list[AddressDocument]


class ConsentDocument(BaseModel):
    """An answer, to which text, when."""

    kind: str
    granted: bool
    text_version: str
    at: datetime


class ConsentList(BaseModel):
    """The latest answer to each question."""

    consents: list[ConsentDocument]


class Told(BaseModel):
    """What happens next."""

    detail: str


Preference = Annotated[Text, Field(max_length=500)] | bool | int | None
Preferences = Annotated[dict[Kind, Preference], Field(max_length=50, json_schema_extra={"additionalProperties": False})]


class PreferencesDocument(BaseModel):
    """What the customer prefers, by name."""

    preferences: dict[str, Any]


class ChangePreferences(Request):
    """Some preferences; the others stay, null takes one away."""

    preferences: Preferences


def show_me(account: Account, erasure: Erasure | None) -> MeDocument:
    """A built-in account."""
    return MeDocument(
        user_id=account.user_id,
        email=account.email,
        name=account.name or None,
        role=account.role,
        created_at=account.created_at,
        erasure=show_erasure(erasure),
    )


def show_erasure(erasure: Erasure | None) -> ErasureDocument | None:
    """When the customer is to be erased."""
    return None if erasure is None else ErasureDocument(asked_at=erasure.asked_at, due_at=erasure.due_at)


def show_signed_in(signed_in: SignedIn, *, is_cookie: bool, erasure: Erasure | None = None) -> SignedInDocument:
    """What signing in or refreshing answers. What goes into a cookie does not go into the body, where scripts read."""
    return SignedInDocument(
        access_token=None if is_cookie else signed_in.access_token,
        expires_in=signed_in.access_ttl_s,
        refresh_token=None if is_cookie else signed_in.session_token,
        refresh_expires_in=signed_in.session_ttl_s,
        cart_token=None if is_cookie else signed_in.guest_token,
        user=show_me(signed_in.account, erasure),
    )


def show_session(session: Session, current: str | None) -> SessionDocument:
    """A device."""
    return SessionDocument(
        id=session.id,
        kind=session.kind,
        device=session.device,
        is_current=str(session.id) == current,
        created_at=session.created_at,
        used_at=session.used_at,
        expires_at=session.expires_at,
    )


def show_address(saved: SavedAddress) -> AddressDocument:
    """An address as it was stored."""
    return AddressDocument(
        id=saved.id,
        label=saved.label,
        address=Address.model_construct(**saved.data),
        is_default=saved.is_default,
        created_at=saved.created_at,
        updated_at=saved.updated_at,
    )


def show_consent(consent: Consent) -> ConsentDocument:
    """An answer."""
    return ConsentDocument(
        kind=consent.kind, granted=consent.is_granted, text_version=consent.text_version, at=consent.at
    )
