"""The fetching address is believed only as far as proxies are trusted."""

import ipaddress

import pytest

from pixel_service.endpoint.client_address import ClientAddresses

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # written by the client itself
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.1, 203.0.113.9"], "203.0.113.9"),  # the first is the client's word
        ("10.0.0.1", ["192.0.2.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # inside, all of them
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["203.0.113.9, nonsense"], None),
        ("fd00::1", ["2001:DB8::00:1"], "2001:db8::1"),
        ("::ffff:198.51.100.7", [], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        (None, [], None),  # a Unix socket has no address
    ],
)
def test_walks_back_through_trusted_proxies_only(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    """What a trusted proxy says is believed; what anybody else says is not."""
    addresses = ClientAddresses(trusted_proxies=TRUSTED)

    assert addresses.find(peer, forwarded) == expected


def test_long_chains_are_cut() -> None:
    """A made-up chain costs no more than 32 elements."""
    addresses = ClientAddresses(trusted_proxies=TRUSTED)
    chain = ",".join(["203.0.113.9", *["10.0.0.2"] * 100])

    assert addresses.find("10.0.0.1", [chain]) == "10.0.0.2"
