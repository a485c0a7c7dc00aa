"""What the shop believes of addresses and passwords."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pannier.accounts.common_passwords import COMMON

PASSWORD_LENGTH_MAX = 128
EMAIL_LENGTH_MAX = 254
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,190}")
_HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)*[^\W_](?:[\w-]{0,61}[^\W_])?")
# A word of fewer letters may stand in a good password by chance.
_TELLING_LENGTH_MIN = 5


def email_of(text: str) -> str | None:
    """An e-mail address as it was meant; None for what cannot be one."""
    email = unicodedata.normalize("NFC", text.strip())
    if len(email) > EMAIL_LENGTH_MAX or not _EMAIL.fullmatch(email):
        return None
    local, _, host = email.rpartition("@")
    if local.startswith(".") or local.endswith(".") or ".." in local or not _HOST.fullmatch(host):
        return None
    return email


def email_key(email: str) -> str:
    """What two spellings of one address have in common. Providers that tell cases apart exist on paper only."""
    return unicodedata.normalize("NFKC", email).casefold()


def prepared(password: str) -> str:
    """A password as it is hashed: the same on every keyboard (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, *, length_min: int, telling: Iterable[str] = ()) -> str | None:
    """What is wrong with a new password; None when it will do.

    Length and a list of the most common ones, as NIST SP 800-63B wants it, and no rules about kinds of characters.
    `telling` are words that whoever guesses tries first: the address, the shop's name.
    """
    text = prepared(password)
    if len(text) < length_min:
        return f"at least {length_min} characters; a few words make a good password"
    if len(text) > PASSWORD_LENGTH_MAX:
        return f"at most {PASSWORD_LENGTH_MAX} characters"
    plain = text.casefold()
    if plain in COMMON or plain.rstrip("0123456789!.?") in COMMON or len(set(plain)) < 4:
        return "this is one of the passwords that are tried first; take another one"
    if plain in _RUNS or any(plain in run for run in _RUNS):
        return "this is one of the passwords that are tried first; take another one"
    for word in telling:
        folded = word.casefold()
        if len(folded) >= _TELLING_LENGTH_MIN and folded in plain and len(plain) < 2 * len(folded):
            return "it must not be your e-mail address or the shop's name with little around it"
    return None


_ROW = "1234567890"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_RUNS = tuple(
    run * 3
    for line in (_ROW, _LETTERS, "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "0123456789")
    for run in (line, line[::-1])
)
