"""Access that was ended while tokens for it are still good.

An access token is verified without the database, so whoever was signed out could act until the token runs out. Every
process keeps the few of whom that is true, looks at them with each token, and reads them anew every second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pannier.platform.tokens.claims import Claims


@dataclass(frozen=True, slots=True)
class Ending:
    """From `at` on the subject's tokens are not taken: all of them, or those that were issued until then."""

    subject: bytes
    at: datetime
    is_final: bool = True


class EndedAccess:
    """The sessions and users whose tokens are not taken any more."""

    def __init__(self) -> None:
        self._endings: dict[bytes, Ending] = {}

    def replace(self, endings: Iterable[Ending]) -> None:
        """Know these and no others."""
        self._endings = {ending.subject: ending for ending in endings}

    def covers(self, claims: Claims, now: datetime) -> bool:
        """Whether the token that says this is one of those."""
        if not self._endings:
            return False
        if claims.session_id is not None and session_subject(claims.session_id) in self._endings:
            return True
        ending = self._endings.get(user_subject(claims.user_id))
        if ending is None or now < ending.at:
            return False
        return ending.is_final or claims.issued_at is None or claims.issued_at <= ending.at.timestamp()


def session_subject(session_id: str) -> bytes:
    """What a session is listed by; `repository.end_sessions` makes the same."""
    return hashlib.sha256(f"session:{session_id}".encode()).digest()


def user_subject(user_id: str) -> bytes:
    """What a user is listed by: who was erased stands nowhere by name."""
    return hashlib.sha256(f"user:{user_id}".encode()).digest()
