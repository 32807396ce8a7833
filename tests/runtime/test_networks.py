"""Which addresses are one client's."""

from service_runtime.networks import network_of


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    """Whoever has one address of a /64 has all of them."""
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9%eth0")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
