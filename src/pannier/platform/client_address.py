"""Whose address a request came from, and what of it is counted.

A header that names the client is believed only as far as known proxies wrote it: read from the right, the first
address that is no known proxy's is the client's, and whatever stands to its left is the client's own invention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from starlette.types import Scope

ProxyHeader = Literal["x-forwarded-for", "forwarded"]

# One subscriber has a /64 at least, and so 2**64 addresses to choose from.
_IPV6_PREFIX = 64
_HOPS_MAX = 20
_REMEMBERED = 4096
# The `for` of one element of a Forwarded header (RFC 7239): a token, or a string in quotes.
_FORWARDED_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]+)(?::\d+)?")


class ClientAddresses:
    """Reads the client's address of one application's requests. `trusted` are networks of its proxies (CIDR)."""

    def __init__(self, trusted: Iterable[str] = (), header: ProxyHeader = "x-forwarded-for") -> None:
        self._trusted = [ip_network(network) for network in trusted]
        self._header = header.encode()
        self._is_list_of_pairs = header == "forwarded"
        # Clients come back, and taking an address apart costs more than all the rest of this.
        self._key = lru_cache(_REMEMBERED)(_counted_as)
        self._is_trusted_peer = lru_cache(_REMEMBERED)(self._is_trusted)

    def key_of(self, scope: Scope) -> str:
        """What the client's requests are counted under: an IPv4 address, or the /64 of an IPv6 address."""
        client = scope.get("client")
        peer: str = client[0] if client else "unknown"
        if self._trusted and self._is_trusted_peer(peer):
            return self._key(self._forwarded(scope["headers"], peer))
        return self._key(peer)

    def _forwarded(self, headers: Sequence[tuple[bytes, bytes]], peer: str) -> str:
        # Several lines of one field are one list, in their order.
        text = ",".join(value.decode("latin-1") for name, value in headers if name == self._header)
        nearest = peer
        for hop in reversed(text.split(",")[-_HOPS_MAX:]):
            address = _address_in(_node_of(hop) if self._is_list_of_pairs else hop.strip())
            if address is None:
                # A proxy that hides or garbles its client is the last one we know.
                return nearest
            nearest = address
            if not self._is_trusted(address):
                return nearest
        return nearest

    def _is_trusted(self, text: str) -> bool:
        address = _parsed(text)
        return address is not None and any(
            address.version == network.version and address in network for network in self._trusted
        )


def _node_of(element: str) -> str:
    found = _FORWARDED_FOR.search(element)
    return (found[1] or found[2] or "").strip() if found else ""


def _address_in(node: str) -> str | None:
    """The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`; None for anything else."""
    if _parsed(node) is not None:
        return node
    found = _WITH_PORT.fullmatch(node)
    inner = (found[1] or found[2] or "") if found else ""
    return inner if _parsed(inner) is not None else None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _counted_as(text: str) -> str:
    address = _parsed(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))
    return text if address is None else str(address)
