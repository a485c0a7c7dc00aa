"""Whose address a request is counted under, and that nobody chooses it for himself."""

from __future__ import annotations

import pytest

from pannier.platform.client_address import ClientAddresses, ProxyHeader

INSIDE = ("10.0.0.0/8", "fd00::/8")


def counted(
    peer: str | None, *given: str, trusted: tuple[str, ...] = INSIDE, header: ProxyHeader = "x-forwarded-for"
) -> str:
    """What a request of that peer with these lines of the header is counted under."""
    headers = [(header.encode(), line.encode()) for line in given]
    scope = {"client": None if peer is None else (peer, 4711), "headers": headers}
    return ClientAddresses(trusted, header).key_of(scope)


@pytest.mark.parametrize(
    "peer, given, expected",
    [
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:1234"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0.9"], "192.0.2.7"),
        ("10.0.0.1", ["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["192.0.2.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["127.0.0.1' or 1=1"], "10.0.0.1"),
        ("fd00::1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        (None, ["192.0.2.7"], "unknown"),
    ],
)
def test_the_right_most_address_that_is_no_proxy_of_ours_is_the_client(
    peer: str | None, given: list[str], expected: str
) -> None:
    assert counted(peer, *given) == expected


@pytest.mark.parametrize("peer", ["192.0.2.9", "11.0.0.1", "127.0.0.1"])
def test_nobody_else_is_believed(peer: str) -> None:
    assert counted(peer, "198.51.100.1") == peer
    assert counted(peer, "198.51.100.1", trusted=()) == peer


def test_addresses_of_one_ipv6_subscriber_are_one_and_a_mapped_one_is_the_ipv4_it_stands_for() -> None:
    assert counted("2001:db8:1:2::1") == counted("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert counted("2001:db8:1:3::1") != counted("2001:db8:1:2::1")
    assert counted("::ffff:192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    "given, expected",
    [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ('proto=https; For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
        ("for=198.51.100.1, for=192.0.2.60, for=10.1.1.1", "192.0.2.60"),
        ("for=198.51.100.1, for=_hidden", "10.0.0.1"),
        ("for=198.51.100.1, by=10.0.0.2", "10.0.0.1"),
    ],
)
def test_forwarded_is_read_where_the_proxies_write_it(given: str, expected: str) -> None:
    assert counted("10.0.0.1", given, header="forwarded") == expected


def test_the_header_that_the_proxies_do_not_write_is_the_clients_own_and_passed_over() -> None:
    headers = [(b"forwarded", b"for=198.51.100.1"), (b"x-forwarded-for", b"192.0.2.7")]
    scope = {"client": ("10.0.0.1", 1), "headers": headers}
    assert ClientAddresses(INSIDE, "x-forwarded-for").key_of(scope) == "192.0.2.7"
    assert ClientAddresses(INSIDE, "forwarded").key_of(scope) == "198.51.100.1"
