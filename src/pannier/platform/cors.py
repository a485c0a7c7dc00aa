"""Which other sites' scripts may use the API (the Fetch standard's CORS protocol).

An origin is on the list or hears nothing: no answer says `*`, and none repeats an origin that is not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Headers = list[tuple[bytes, bytes]]

# What a browser may be told of an answer, beyond the few fields it shows anyway.
_EXPOSED = b"ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_TAKEN = b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Device-Id, X-Request-Id"
_PREFLIGHT_AGE_S = b"600"
_API = "/api/"


class Cors:
    """The rule of one application; its pages are nobody else's, so it is about the API alone."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, path: str, headers: Mapping[bytes, bytes]) -> Headers:
        """What an answer says besides; `Vary` to everybody, as a cache must not give one site's answer to another."""
        if not self._origins or not path.startswith(_API):
            return []
        origin = headers.get(b"origin")
        said = [(b"vary", b"Origin")]
        if origin in self._origins and origin is not None:
            said.append((b"access-control-allow-origin", origin))
            said.append((b"access-control-allow-credentials", b"true"))
            said.append((b"access-control-expose-headers", _EXPOSED))
        return said

    def is_listed(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a script of a listed origin asks the API."""
        return path.startswith(_API) and headers.get(b"origin") in self._origins

    def preflight(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Headers | None:
        """The fields of the answer (204) to a listed origin's question before a request; None if it is none."""
        if method != "OPTIONS" or b"access-control-request-method" not in headers or not path.startswith(_API):
            return None
        if headers.get(b"origin") not in self._origins:
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _TAKEN),
            (b"access-control-max-age", _PREFLIGHT_AGE_S),
        ]
