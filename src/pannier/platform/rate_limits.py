"""How many requests a caller may make, told on every answer as `RateLimit-Policy` and `RateLimit`.

Each route belongs to a group; a group has one limit for a caller and one, several times as high, for an address, since
many callers may share it and one caller may invent many names. The header fields are those of
draft-ietf-httpapi-ratelimit-headers-11: structured fields that name a policy, `q` its quota, `w` its window, `r` what
remains and `t` the seconds until it starts over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.types import Scope

from pannier.kernel.clock import Clock
from pannier.kernel.errors import ErrorKind, PannierError
from pannier.kernel.ids import hash_token
from pannier.platform.client_address import ClientAddresses
from pannier.platform.observability.metrics import Metrics
from pannier.platform.principal import Principal
from pannier.platform.rate_counters import LocalCounters, SharedCounters
from pannier.platform.settings import RATE, RATE_WINDOWS_S, Settings

Group = Literal["reads", "search", "writes", "checkout", "forms", "staff", "auth"]
GROUPS: tuple[Group, ...] = ("reads", "search", "writes", "checkout", "forms", "staff", "auth")
#: Of (method, path without the mount's prefix, query): the group of a request, None where nobody counts.
GroupOf = Callable[[str, str, bytes], Group | None]


class RateLimitedError(PannierError):
    """Too many requests. `Retry-After`, and `details.retry_after_s`, say in how many seconds to try again; nothing
    was done. `details.policy` names the limit, as in the `RateLimit` fields that every answer has.
    """

    kind = ErrorKind.rate_limited
    error = "RATE_LIMITED"
    code = "HTTP_429"
    title = "Too many requests"


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit: so many requests in a window."""

    name: str
    limit: int
    window_s: int

    @property
    def field(self) -> bytes:
        """The policy as an item of `RateLimit-Policy`."""
        return f'"{self.name}";q={self.limit};w={self.window_s}'.encode()


@dataclass(frozen=True, slots=True)
class Quota:
    """What a group allows: to a caller, if callers are told apart there, and to an address."""

    caller: Policy | None
    address: Policy
    fields: bytes
    fields_of_unknown: bytes

    @classmethod
    def of(cls, group: Group, rate: str, factor: int) -> Quota:
        """From the text of a setting. Whoever tries credentials has no name to be counted under: only addresses do."""
        limit, window_s = parse_rate(rate)
        if group == "auth":
            address = Policy("auth", limit, window_s)
            return cls(None, address, address.field, address.field)
        caller, address = Policy(group, limit, window_s), Policy(f"{group}-address", limit * factor, window_s)
        return cls(caller, address, caller.field + b", " + address.field, address.field)


class Standing:
    """What one request found: the policy with least left, how much that is, and for how long."""

    __slots__ = ("fields", "policy", "remaining", "reset_s")

    def __init__(self, policy: Policy, fields: bytes, count: int, ends_at: float, now: float) -> None:
        self.policy = policy
        self.fields = fields
        self.remaining = policy.limit - count
        self.reset_s = max(1, math.ceil(ends_at - now))

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit`, as they stand on the answer."""
        left = b'"%s";r=%d;t=%d' % (self.policy.name.encode(), max(0, self.remaining), self.reset_s)
        return [(b"ratelimit-policy", self.fields), (b"ratelimit", left)]

    def refusal(self) -> RateLimitedError:
        """What the client is told when nothing is left."""
        policy, wait = self.policy, self.reset_s
        return RateLimitedError(
            f"More than {policy.limit} requests in {policy.window_s} s. Try again in {wait} s.",
            details={
                "policy": policy.name,
                "limit": policy.limit,
                "window_s": policy.window_s,
                "retry_after_s": wait,
            },
            headers={"Retry-After": str(wait)},
        )


class RateLimiter:
    """Counts the requests of one application.

    Without Redis every process counts for itself and grants the whole limit, so that a caller whose connection stays
    with one process gets what the header fields promise; N processes grant N times as much at most.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, group_of: GroupOf) -> None:
        factor = settings.rate_limit_address_factor
        self._quotas: Mapping[Group, Quota] = {
            group: Quota.of(group, getattr(settings, f"rate_limit_{group}"), factor) for group in GROUPS
        }
        self.group_of = group_of
        self._clock = clock
        self._addresses = ClientAddresses(settings.trusted_proxies, settings.proxy_header)
        # Apart, so that a flood of invented callers pushes no address out.
        self._by_address, self._by_caller = LocalCounters(), LocalCounters()
        refused = metrics.counter("rate_limited", "Requests refused with 429.", ["group", "counted"])
        self._refused = {
            (group, counted): refused.labels(group, counted) for group in GROUPS for counted in ("caller", "address")
        }
        self._shared: SharedCounters | None = None
        if settings.redis_url is not None:
            failures = metrics.counter("rate_limit_store_failures", "Counts that Redis did not take.")
            self._shared = SharedCounters(settings.redis_url.get_secret_value(), failures.inc)

    async def count(self, scope: Scope, path: str, principal: Principal) -> Standing | None:
        """Count one request; None where nobody counts. Its `remaining` is negative when it has to be refused."""
        group = self.group_of(scope["method"], path, scope["query_string"])
        if group is None:
            return None
        if group == "staff" and "staff" not in principal.roles:
            group = "auth"
        quota, now = self._quotas[group], self._clock.now().timestamp()
        name = None if quota.caller is None else principal.user_id or principal.cart_token
        fields = quota.fields_of_unknown if name is None else quota.fields
        key, policy = f"{group}/a/{self._addresses.key_of(scope)}", quota.address
        count, ends_at = self._by_address.hit(key, policy.window_s, now)
        # Whom this process refuses already needs no asking elsewhere: a flood ends here.
        if self._shared is not None and count <= policy.limit:
            count, ends_at = await self._shared.hit(key, policy.limit, policy.window_s, now) or (count, ends_at)
        standing = Standing(policy, fields, count, ends_at, now)
        if standing.remaining < 0:
            self._refused[group, "address"].inc()
        elif name is not None and quota.caller is not None:
            policy = quota.caller
            key = f"{group}/c/{name}"
            count, ends_at = self._by_caller.hit(key, policy.window_s, now)
            if self._shared is not None and count <= policy.limit:
                # No token leaves this process.
                key = f"{group}/c/{hash_token(name).hex()}"
                count, ends_at = await self._shared.hit(key, policy.limit, policy.window_s, now) or (count, ends_at)
            if count > policy.limit:
                self._refused[group, "caller"].inc()
            if policy.limit - count <= standing.remaining:
                return Standing(policy, fields, count, ends_at, now)
        return standing

    async def close(self) -> None:
        """Close what is open to Redis."""
        if self._shared is not None:
            await self._shared.close()


def parse_rate(text: str) -> tuple[int, int]:
    """`(requests, seconds)` of a setting such as `600/minute` or `20/5 minutes`. Raises ValueError."""
    found = re.fullmatch(RATE, text)
    if found is None:
        raise ValueError(f"{text!r} is no rate such as 600/minute")
    return int(found[1]), int(found[2] or 1) * RATE_WINDOWS_S[found[3]]
