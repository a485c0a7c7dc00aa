"""Reading forms: the fields of one rendering of one page, and the key that makes two clicks one request."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pannier.kernel.ids import cart_token_of, new_cart_token
from pannier.platform.problems import UnsupportedMediaTypeError, ValidationFailedError

KEY_FIELD = "form_key"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
# A cart of a thousand lines has a box to tick for each.
_FIELDS_MAX = 1100
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent, the last of each name; `digest` is the SHA-256 of address and content."""

    fields: Mapping[str, str]
    digest: str

    def text(self, name: str) -> str:
        """A field, stripped, with line ends as everybody else writes them; empty when it is not there."""
        return self.fields.get(name, "").replace("\r\n", "\n").strip()

    def number(self, name: str) -> int | None:
        """A whole number of reasonable length; None for anything else."""
        text = self.text(name)
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None

    def identity(self, name: str) -> uuid.UUID | None:
        """A UUID; None for anything else."""
        try:
            return uuid.UUID(self.text(name))
        except ValueError:
            return None

    def key(self, step: str) -> str | None:
        """The idempotency key of a step. It depends on the content: the same page sent with other values is new."""
        key = self.text(KEY_FIELD)
        return f"{step}.{key}.{self.digest[:32]}" if _KEY.fullmatch(key) else None

    def fresh_token(self) -> str:
        """The cart token for a guest without one; of the form's key, so that a double click makes one cart."""
        key = self.text(KEY_FIELD)
        return cart_token_of(key) if _KEY.fullmatch(key) else new_cart_token()


def parse_form(content_type: str, target: str, body: bytes) -> Form:
    """A form as browsers send it. Raises UnsupportedMediaTypeError, ValidationFailedError."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise UnsupportedMediaTypeError("Send the form as 'application/x-www-form-urlencoded'.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise ValidationFailedError.of([("", "The form cannot be read")]) from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise ValidationFailedError.of([("", "A text must not contain NUL")])
    return Form(dict(pairs), hashlib.sha256(target.encode() + b"\n" + body).hexdigest())


def local_path(text: str, otherwise: str = "/") -> str:
    """A path of this shop to go back to; anything that could lead elsewhere is not taken."""
    return text if len(text) <= 500 and _LOCAL.fullmatch(text) else otherwise
