"""Address ranges: three forms are read, looked up, and replaced as a whole."""

import contextlib
import ipaddress
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from pixel_service.evidence import RangesInvalid, load_judge
from pixel_service.evidence.range_download import read_source
from pixel_service.evidence.range_files import MAX_RANGE_OCTETS, load_ranges, store_ranges
from pixel_service.evidence.ranges import AddressSet, IpNetwork, parse_address, parse_ranges

NETWORKS = st.builds(
    lambda address, length: ipaddress.ip_network(f"{address}/{length}", strict=False),
    st.ip_addresses(v=4),
    st.integers(8, 32),
) | st.builds(
    lambda address, length: ipaddress.ip_network(f"{address}/{length}", strict=False),
    st.ip_addresses(v=6),
    st.integers(16, 128),
)


@hypothesis.given(networks=st.lists(NETWORKS, max_size=20), address=st.ip_addresses())
def test_a_set_holds_what_its_networks_hold(
    networks: list[IpNetwork], address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    """Look-up agrees with trying every network, at the edges as well."""
    found = AddressSet.of(networks)
    edges = [edge for each in networks for edge in (each.network_address, each.broadcast_address)]

    assert all(edge in found for edge in edges)
    assert (address in found) == any(
        address in network for network in networks if network.version == address.version
    )
    beyond = [edge + 1 for edge in edges if int(edge) < 2**edge.max_prefixlen - 1]
    for edge in beyond:
        assert (edge in found) == any(
            edge in network for network in networks if network.version == edge.version
        )


def test_the_address_between_two_ranges_is_in_neither() -> None:
    """Ranges are joined where they touch, and nowhere else."""
    found = AddressSet.of(parse_ranges("192.0.2.0/32\n192.0.2.2/32\n192.0.2.3/32"))

    assert ipaddress.ip_address("192.0.2.1") not in found
    assert len(found) == 2


@hypothesis.given(networks=st.lists(NETWORKS, max_size=20))
def test_merged_networks_are_the_same_set(networks: list[IpNetwork]) -> None:
    """What is stored after merging holds the same addresses, in no more networks."""
    found = AddressSet.of(networks)
    merged = list(found.networks())

    assert len(merged) <= len(networks)
    assert list(AddressSet.of(merged).networks()) == merged


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.0/24\n2001:db8::/32\n",
        "# a comment\n\n192.0.2.0/24 # ours\r\n2001:db8::/32",
        "192.0.2.0/25,DE,DE-BE,Berlin,\n192.0.2.128/25,DE,DE-BY,Munich,\n2001:db8::/32,US,,,\n",
        """{"creationTime": "x", "prefixes": [{"ipv4Prefix": "192.0.2.0/24"},
            {"ipv6Prefix": "2001:db8::/32", "service": "y"}]}""",
    ],
)
def test_published_forms_are_read(text: str) -> None:
    """Plain lines, Apple's CSV and Google's JSON give the same ranges."""
    assert [str(network) for network in AddressSet.of(parse_ranges(text)).networks()] == [
        "192.0.2.0/24",
        "2001:db8::/32",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "lists no address range"),
        ("# nothing\n", "lists no address range"),
        ("192.0.2.0/24\n<html>", "line 2: '<html>' is not an address range"),
        ("0.0.0.0/0", "wider than /8"),
        ("::/0", "wider than /16"),
        ("{}", "is JSON, but not"),
        ('{"prefixes": [{"ip": "192.0.2.0/24"}]}', "is JSON, but not"),
        ('{"prefixes": [1]}', "is JSON, but not"),
        ('{"prefixes": ' + "[" * 100_000, "is JSON, but not"),
        ('{"prefixes": [{"ipv4Prefix": "x"}]}', "prefix 1: 'x' is not an address range"),
    ],
)
def test_what_is_no_list_is_refused(text: str, fault: str) -> None:
    """An error page or a mistake never becomes a range."""
    with pytest.raises(RangesInvalid) as caught:
        parse_ranges(text)

    assert fault in str(caught.value)


@hypothesis.given(text=st.text())
def test_any_text_is_ranges_or_refused(text: str) -> None:
    """Nothing but our own error comes out of a list."""
    with contextlib.suppress(RangesInvalid):
        assert parse_ranges(text)


def test_stored_ranges_replace_the_built_in_ones(tmp_path: Path) -> None:
    """What is stored is what is loaded next, under its name, and changes the version."""
    before = load_judge(ranges=tmp_path).ruleset.version
    count = store_ranges(tmp_path, "google", b"192.0.2.0/25\n192.0.2.128/25\n", origin="a\ntest")
    sets, _ = load_ranges(tmp_path)

    assert count == 1
    assert (tmp_path / "google.txt").read_text() == "# a test\n192.0.2.0/24\n"
    assert ipaddress.ip_address("192.0.2.9") in sets["google"]
    assert ipaddress.ip_address("66.249.93.84") not in sets["google"]
    assert load_judge(ranges=tmp_path).ruleset.version != before


@pytest.mark.parametrize("octets", [b"", b"<html>", b"\xff\xfe", b"0.0.0.0/1"])
def test_a_bad_list_leaves_the_old_one(tmp_path: Path, octets: bytes) -> None:
    """Nothing is replaced before the new list has been understood."""
    store_ranges(tmp_path, "google", b"192.0.2.0/24", origin="test")
    before = (tmp_path / "google.txt").read_bytes()
    with pytest.raises(RangesInvalid):
        store_ranges(tmp_path, "google", octets, origin="test")

    assert (tmp_path / "google.txt").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "google.txt"]


@pytest.mark.parametrize("name", ["", "../google", "a/b", "A", "a--b", "x" * 65, ".google"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    """A name can not choose another folder."""
    with pytest.raises(RangesInvalid, match="is not a name"):
        store_ranges(tmp_path / "ranges", name, b"192.0.2.0/24", origin="test")

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The operator learns which file is wrong."""
    (tmp_path / "office.txt").write_text("nonsense")
    with pytest.raises(RangesInvalid, match="address ranges office: line 1"):
        load_ranges(tmp_path)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("http://example.com/list", "only https"),
        ("ftp://example.com/list", "only https"),
        ("file:///etc/passwd", "only https"),
        ("https://127.0.0.1:1/list", "refused"),
        ("/nowhere/list.txt", "No such file"),
    ],
)
def test_only_https_and_files_are_read(source: str, fault: str) -> None:
    """A list decides who counts as a scanner: nobody on the way may change it."""
    with pytest.raises(RangesInvalid, match=fault):
        read_source(source)


def test_an_endless_list_is_refused(tmp_path: Path) -> None:
    """Reading stops at the limit, whoever sends."""
    with (tmp_path / "list").open("wb") as file:
        file.truncate(MAX_RANGE_OCTETS + 1)
    with pytest.raises(RangesInvalid, match="has more than"):
        read_source(str(tmp_path / "list"))
    (tmp_path / "list").rename(tmp_path / "office.txt")
    with pytest.raises(RangesInvalid, match="has more than"):
        load_ranges(tmp_path)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("unix:", None),
        ("192.0.2.1:80", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_are_read_as_servers_give_them(text: str | None, address: str | None) -> None:
    """Mapped and zoned addresses are what they stand for; the rest is none."""
    parsed = parse_address(text)

    assert (None if parsed is None else str(parsed)) == address
