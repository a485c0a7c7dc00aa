"""An outside issuer's keys: fetched rarely, kept while the issuer is down, never fetched by a crowd."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any

import httpx
import jwt
import msgspec

from pannier.platform.http import http_client

#: How old keys may be before they are looked for again, beside the requests; and how long an attempt is not repeated.
REFRESH_S = 600.0
ATTEMPT_INTERVAL_S = 10.0
FETCH_TIMEOUT_S = 3.0
BYTES_MAX = 262_144
KEYS_MAX = 100
# What a key of each kind may verify. A secret has no place in a list that everybody can read.
_ALGORITHMS: Mapping[tuple[str, str | None], frozenset[str]] = {
    ("RSA", None): frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    ("OKP", "Ed448"): frozenset({"EdDSA"}),
}

_logger = logging.getLogger(__name__)


class VerificationKey:
    """A public key and the algorithms it may be used with."""

    __slots__ = ("algorithms", "id", "key")

    def __init__(self, key_id: str | None, key: Any, algorithms: frozenset[str]) -> None:
        self.id = key_id
        self.key = key
        self.algorithms = algorithms


class RemoteKeys:
    """The keys at a JWKS address. One request at a time fetches them, whoever else asks waits for the same one."""

    def __init__(
        self,
        url: str,
        *,
        client: httpx.AsyncClient | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._given = client
        self._client = client
        self._monotonic = monotonic
        self._keys: tuple[VerificationKey, ...] = ()
        self._fetched_at = float("-inf")
        self._attempted_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self.version = 0

    def find(self, key_id: str | None, algorithm: str) -> list[VerificationKey] | None:
        """The keys a token may have been signed with; None when only a fetch can tell.

        Keys that are old are used all the same, and fetched again meanwhile.
        """
        fits = [k for k in self._keys if algorithm in k.algorithms and (key_id is None or k.id in {None, key_id})]
        if fits and self._monotonic() - self._fetched_at > REFRESH_S and self._may_try():
            self._begin()
        if fits or not self._may_try():
            return fits
        return None

    async def refresh(self) -> None:
        """Fetch the keys, unless that was tried a moment ago; a failure leaves what was known."""
        if self._fetching is None and self._may_try():
            self._begin()
        if self._fetching is not None:
            # Shielded: whoever hangs up must not stop it for the others.
            await asyncio.shield(self._fetching)

    async def close(self) -> None:
        """Stop a fetch that is under way. The next one connects anew: an application may be started again."""
        if self._fetching is not None:
            self._fetching.cancel()
        if self._client is not None and self._given is None:
            client, self._client = self._client, None
            await client.aclose()

    def _may_try(self) -> bool:
        return self._fetching is not None or self._monotonic() - self._attempted_at >= ATTEMPT_INTERVAL_S

    def _begin(self) -> None:
        if self._fetching is None:
            self._attempted_at = self._monotonic()
            # A context of its own: it must not count as part of the request that happened to come first.
            self._fetching = asyncio.get_running_loop().create_task(self._fetch(), context=Context())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(2 * FETCH_TIMEOUT_S):
                keys = keys_of(await self._download())
        except (httpx.HTTPError, TimeoutError, ValueError) as failure:
            # No text of theirs: an address may carry a password.
            _logger.warning(
                "the keys of the token issuer cannot be fetched (%s); %d known keys stay in use",
                type(failure).__name__,
                len(self._keys),
            )
        else:
            self._keys, self._fetched_at = keys, self._monotonic()
            self.version += 1
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        if self._client is None:
            self._client = http_client(timeout_s=FETCH_TIMEOUT_S, connections_max=2)
        async with self._client.stream("GET", self._url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                size += len(chunk)
                if size > BYTES_MAX:
                    raise ValueError("too large")
                chunks.append(chunk)
        return b"".join(chunks)


def keys_of(document: bytes) -> tuple[VerificationKey, ...]:
    """The usable keys of a JWKS. Raises ValueError when it is none, or has no key that could verify anything."""
    try:
        entries = msgspec.json.decode(document)["keys"]
    except (msgspec.DecodeError, TypeError, KeyError):
        raise ValueError("not a JWKS") from None
    if not isinstance(entries, list):
        raise ValueError("not a JWKS")
    keys = tuple(key for entry in entries[:KEYS_MAX] if (key := _key_of(entry)) is not None)
    if not keys:
        raise ValueError("no usable key")
    return keys


def _key_of(entry: object) -> VerificationKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    kind, curve = entry.get("kty"), entry.get("crv")
    algorithms = _ALGORITHMS.get((str(kind), None if kind == "RSA" else str(curve)))
    named = entry.get("alg")
    if algorithms is None or (named is not None and (not isinstance(named, str) or named not in algorithms)):
        return None
    allowed = algorithms if named is None else frozenset({named})
    try:
        key = jwt.PyJWK(entry, algorithm=min(allowed)).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    key_id = entry.get("kid")
    return VerificationKey(None if key_id is None else str(key_id), key, allowed)


class FixedKeys:
    """A key that stands in the settings: a public key as PEM, or a shared secret."""

    version = 0

    def __init__(self, key: Any, algorithms: frozenset[str]) -> None:
        self._key = VerificationKey(None, key, algorithms)

    def find(self, key_id: str | None, algorithm: str) -> list[VerificationKey] | None:  # noqa: ARG002 - there is one only
        """The key, if it may be used with the algorithm."""
        return [self._key] if algorithm in self._key.algorithms else []

    async def refresh(self) -> None:
        """There is nothing to fetch."""

    async def close(self) -> None:
        """There is nothing to close."""


def pem_key(text: str) -> VerificationKey:
    """A public key in PEM. Raises ValueError for anything else, a private key above all."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(text.encode())
    if isinstance(key, RSAPublicKey):
        return VerificationKey(None, key, _ALGORITHMS["RSA", None])
    if isinstance(key, Ed25519PublicKey):
        return VerificationKey(None, key, frozenset({"EdDSA"}))
    if isinstance(key, EllipticCurvePublicKey):
        names = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
        if key.curve.name in names:
            return VerificationKey(None, key, frozenset({names[key.curve.name]}))
    raise ValueError("needs a public key of RSA, P-256, P-384, P-521 or Ed25519 in PEM")
