"""Accounts, sessions, and what belongs to a person."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Role = Literal["customer", "staff", "admin"]
Status = Literal["active", "blocked", "erased"]
SessionKind = Literal["browser", "api"]
MailKind = Literal["verify", "reset", "email", "email_changed", "password_changed", "erasing"]
LinkPurpose = Literal["verify", "reset", "email"]
EndReason = Literal["logout", "signed_out", "reused", "password", "erased", "blocked", "replaced"]


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's account, without its password. `email` is None once it is erased."""

    id: uuid.UUID
    email: str | None
    name: str
    role: Role
    status: Status
    created_at: datetime

    @property
    def user_id(self) -> str:
        """The id that carts, orders and addresses know the customer by."""
        return str(self.id)


@dataclass(frozen=True, slots=True)
class Session:
    """A device that is signed in."""

    id: uuid.UUID
    customer_id: uuid.UUID
    kind: SessionKind
    device: str | None
    created_at: datetime
    used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What somebody gets who signs in: both tokens, of which nobody keeps a copy."""

    account: Account
    session_id: uuid.UUID
    session_token: str
    access_token: str
    session_ttl_s: int
    access_ttl_s: int
    # The cart token that takes the place of the one the guest came with; None when there was none.
    guest_token: str | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that is to be sent."""

    id: uuid.UUID
    kind: MailKind
    email: str
    email_key: str
    customer_id: uuid.UUID | None
    password_hash: str | None
    name: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it goes out: plain text. `unsubscribe` is the address that ends mails of its kind with one POST."""

    to: str
    subject: str
    text: str
    unsubscribe: str | None = None


@dataclass(frozen=True, slots=True)
class SavedAddress:
    """An address in somebody's address book; `data` has the fields of `checkout`'s address."""

    id: uuid.UUID
    label: str
    data: Mapping[str, Any]
    is_default: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """An answer to a question of consent: to what, to which version of its text, when."""

    kind: str
    is_granted: bool
    text_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Erasure:
    """An account that is to be erased."""

    asked_at: datetime
    due_at: datetime
