"""Tokens of an outside issuer: Clerk, Auth0, Keycloak, an application's own FastAPI-Users.

Who signed is decided by the settings alone. A token's header only chooses among the keys that the settings lead to:
its `jku`, `x5u`, `x5c` and `jwk` are not looked at, and its `alg` has to be one that the key is made for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import jwt

from pannier.platform.tokens.claims import (
    USER_ID_LENGTH_MAX,
    AccountRole,
    Claims,
    check_times,
    issued_at,
    refuse,
)
from pannier.platform.tokens.keys import VerificationKey

_CACHE_MAX = 20_000
_TRIES_MAX = 8
_RANKS: Sequence[AccountRole] = ("admin", "staff", "customer")


class Keys(Protocol):
    """Where the keys of an issuer are."""

    @property
    def version(self) -> int: ...

    def find(self, key_id: str | None, algorithm: str) -> list[VerificationKey] | None: ...

    async def refresh(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class IssuerRules:
    """What a token must say to be believed. None asks for nothing."""

    issuer: str | None = None
    audience: tuple[str, ...] = ()
    authorized_parties: tuple[str, ...] = ()
    algorithms: frozenset[str] = frozenset({"RS256", "ES256", "EdDSA"})
    leeway_s: float = 30.0
    user_id_claim: str = "sub"
    user_id_prefix: str = ""
    # Without a prefix of its own it might name users of those who have one.
    prefixes_of_others: tuple[str, ...] = ()
    roles_claim: str = "roles"
    role_map: Mapping[str, AccountRole] = field(default_factory=dict)


class OutsideIssuer:
    """Verifies the tokens of one issuer."""

    def __init__(self, rules: IssuerRules, keys: Keys) -> None:
        self.rules = rules
        self._keys = keys
        self._verified: OrderedDict[str, tuple[int, Claims]] = OrderedDict()

    def is_for(self, payload: Mapping[str, Any]) -> bool:
        """Whether a token claims to be this issuer's. Without a name in the settings any that is not ours is."""
        return self.rules.issuer is None or payload.get("iss") == self.rules.issuer

    def verify(self, token: str, header: Mapping[str, Any], now: datetime) -> Claims | None:
        """What the token says; None when its key has to be fetched first. Raises InvalidTokenError."""
        known = self._verified.get(token)
        if known is not None and known[0] == self._keys.version:
            if now.timestamp() < known[1].expires_at + self.rules.leeway_s:
                return known[1]
            raise refuse("The token has expired.")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self.rules.algorithms:
            raise refuse("The token is signed in a way that is not taken here.")
        if key_id is not None and (not isinstance(key_id, str) or len(key_id) > 256):
            raise refuse("The token names no key of its issuer.")
        keys = self._keys.find(key_id, algorithm)
        if keys is None:
            return None
        claims = self._claims(self._payload(token, keys[:_TRIES_MAX], algorithm), now)
        self._verified[token] = self._keys.version, claims
        if len(self._verified) > _CACHE_MAX:
            self._verified.popitem(last=False)
        return claims

    async def refresh(self) -> None:
        """Fetch the keys, within bounds."""
        await self._keys.refresh()

    async def close(self) -> None:
        """Give up connections."""
        await self._keys.close()

    def _payload(self, token: str, keys: Sequence[VerificationKey], algorithm: str) -> Mapping[str, Any]:
        rules = self.rules
        for key in keys:
            try:
                payload: dict[str, Any] = jwt.decode(
                    token,
                    key.key,
                    algorithms=[algorithm],
                    audience=rules.audience or None,
                    issuer=rules.issuer,
                    options={
                        "verify_aud": bool(rules.audience),
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                        # A user's id may be a number: see _claims.
                        "verify_sub": False,
                        "verify_jti": False,
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError):
                raise refuse("The token is meant for somebody else.") from None
            except (jwt.PyJWTError, ValueError, TypeError):
                break
            return payload
        raise refuse("The token's signature is not its issuer's.")

    def _claims(self, payload: Mapping[str, Any], now: datetime) -> Claims:
        rules = self.rules
        expires_at = check_times(payload, now, rules.leeway_s)
        if rules.authorized_parties and payload.get("azp") not in rules.authorized_parties:
            raise refuse("The token was made for another application.")
        user_id = _found(payload, rules.user_id_claim)
        if isinstance(user_id, int) and not isinstance(user_id, bool):
            user_id = str(user_id)
        if not isinstance(user_id, str) or not 0 < len(user_id) <= USER_ID_LENGTH_MAX or not user_id.isprintable():
            raise refuse("The token names no user.")
        if user_id.startswith(rules.prefixes_of_others):
            raise refuse("The token names a user of another issuer.")
        role = self._role(_found(payload, rules.roles_claim))
        return Claims(rules.user_id_prefix + user_id, role, expires_at, issued_at=issued_at(payload))

    def _role(self, named: object) -> AccountRole:
        """The highest of the roles that the settings give a meaning to; everybody is a customer at least."""
        names = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
        roles = {self.rules.role_map[name] for name in names if isinstance(name, str) and name in self.rules.role_map}
        return next((role for role in _RANKS if role in roles), "customer")


def _found(payload: Mapping[str, Any], claim: str) -> object:
    """A claim by its name, or by its path with dots (`realm_access.roles`); names with dots of their own go first."""
    if claim in payload:
        return payload[claim]
    value: object = payload
    for part in claim.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
