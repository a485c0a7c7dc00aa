"""What settings of an outside issuer must be, before there is one. Raises ValueError with what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

SHARED = ("HS256", "HS384", "HS512")
PUBLIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
PUBLIC_DEFAULT = ("RS256", "ES256", "EdDSA")
SHARED_DEFAULT = ("HS256",)


def check_jwks_url(url: str) -> str:
    """An address whose answer can be believed: https, or plain http within the machine or its own network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_near = host == "localhost" or host.startswith("127.") or ("." not in host and host != "")
    if parts.scheme == "https" and host:
        return url
    if parts.scheme == "http" and is_near:
        return url
    raise ValueError("needs an https:// address; http:// is taken for a host of this machine or its network only")


def check_public_key(text: str) -> None:
    """A public key in PEM."""
    if "PUBLIC KEY-----" not in text or "PRIVATE KEY" in text:
        raise ValueError("needs a public key in PEM: -----BEGIN PUBLIC KEY----- ...")


def check_algorithms(names: Sequence[str], *, is_shared: bool) -> None:
    """Signatures of the right kind: a secret cannot be checked like a public key, and above all not the reverse."""
    known = SHARED if is_shared else PUBLIC
    wrong = [name for name in names if name not in known]
    if wrong:
        kind = "a shared secret" if is_shared else "public keys"
        raise ValueError(f"PANNIER_JWT_ALGORITHMS: with {kind} it knows {', '.join(known)}, not {', '.join(wrong)}")
