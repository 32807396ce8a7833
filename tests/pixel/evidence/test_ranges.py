"""Address ranges are read, looked up, and replaced as a whole."""

import contextlib
import datetime as dt
import ipaddress
import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from pixel_service.evidence import RangesInvalid, load_judge
from pixel_service.evidence.range_files import (
    MAX_RANGE_OCTETS,
    load_ranges,
    load_stored,
    require_no_less,
    store_ranges,
)
from pixel_service.evidence.ranges import (
    AddressSet,
    IpNetwork,
    Range,
    parse_address,
    parse_ranges,
)

NETWORKS = st.builds(
    lambda address, length: ipaddress.ip_network(f"{address}/{length}", strict=False),
    st.ip_addresses(v=4),
    st.integers(8, 32),
) | st.builds(
    lambda address, length: ipaddress.ip_network(f"{address}/{length}", strict=False),
    st.ip_addresses(v=6),
    st.integers(16, 128),
)


NOTHING = contextlib.nullcontext()
NOW = dt.datetime(2026, 11, 27, 4, 5, 6, tzinfo=dt.UTC)


def set_of(text: str) -> AddressSet:
    return AddressSet.of(parse_ranges(text))


@hypothesis.given(networks=st.lists(NETWORKS, max_size=20), address=st.ip_addresses())
def test_a_set_holds_what_its_networks_hold(
    networks: list[IpNetwork], address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    """Look-up agrees with trying every network, at the edges as well."""
    found = AddressSet.of(map(Range.of, networks))
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
    found = AddressSet.of(map(Range.of, networks))
    merged = list(found.networks())

    assert len(merged) <= len(networks)
    assert list(set_of("\n".join(merged)).networks()) == merged if merged else not networks


@hypothesis.given(network=NETWORKS)
def test_a_network_is_read_as_pythons_own_reader_does(network: IpNetwork) -> None:
    """The quick reader and `ipaddress` agree on every network."""
    assert parse_ranges(str(network)) == [Range.of(network)]
    assert parse_ranges("\n".join(set_of(str(network)).networks())) == [Range.of(network)]


@hypothesis.given(text=st.text("0123456789abcdef.:/ ", max_size=24))
def test_what_pythons_own_reader_refuses_is_refused(text: str) -> None:
    """Nothing is taken for a network that `ipaddress` would not take for one."""
    try:
        expected = [Range.of(ipaddress.ip_network(text.strip(), strict=False))]
    except ValueError:
        expected = []
    found = []
    with contextlib.suppress(RangesInvalid):
        found = parse_ranges(text)

    assert found in ([], expected)


def test_lines_are_read() -> None:
    """One network a line, with comments, in any notation of line ends."""
    text = "# a comment\n\n192.0.2.0/24 # ours\r\n2001:db8::/32"

    assert list(set_of(text).networks()) == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "lists no address range"),
        ("# nothing\n", "lists no address range"),
        ("192.0.2.0/24\n<html>", "line 2: '<html>' is not an address range"),
        ("0.0.0.0/0", "wider than /8"),
        ("::/0", "wider than /16"),
        ("192.0.2.0/33", "line 1: '192.0.2.0/33' is not an address range"),
        ("192.0.2.0/", "is not an address range"),
        ("192.0.2.0/+24", "is not an address range"),
        ("192.0.2.0/²4", "is not an address range"),
        ("192.0.2.0/" + "9" * 5_000, "is not an address range"),
        ("192.0.2.0,DE", "is not an address range"),
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
    count = store_ranges(
        tmp_path, "yahoo", set_of("192.0.2.0/25\n192.0.2.128/25"), origin="from a\ntest", now=NOW
    )
    found = load_ranges(tmp_path)["yahoo"]

    assert count == 1
    assert (tmp_path / "yahoo.txt").read_text() == (
        "# As of 2026-11-27T04:05:06Z, from a test\n192.0.2.0/24\n"
    )
    assert (found.as_of, found.origin, found.is_built_in) == (NOW, "from a test", False)
    assert ipaddress.ip_address("192.0.2.9") in found.addresses
    assert ipaddress.ip_address("98.136.0.1") not in found.addresses
    assert load_judge(ranges=tmp_path).ruleset.version != before


def test_equal_ranges_of_another_day_are_the_same_version(tmp_path: Path) -> None:
    """The version of a judgement says by what it was made, not when that was fetched."""
    versions = set()
    for days in range(2):
        now = NOW + days * dt.timedelta(days=1)
        store_ranges(tmp_path, "yahoo", set_of("192.0.2.0/24"), origin="from a test", now=now)
        versions.add(load_judge(ranges=tmp_path).ruleset.version)

    assert len(versions) == 1


def test_built_in_ranges_say_from_when_they_are() -> None:
    """Every built-in file has its day; none is from before the project."""
    ranges = load_ranges(None)

    assert len(ranges) == 8
    for each in ranges.values():
        assert each.is_built_in
        assert each.as_of >= dt.datetime(2026, 11, 1, tzinfo=dt.UTC), each.name


def test_a_file_that_does_not_say_its_day_is_from_when_it_was_written(tmp_path: Path) -> None:
    """Operators keep files of their own."""
    (tmp_path / "office.txt").write_text("192.0.2.0/24\n")
    os.utime(tmp_path / "office.txt", (NOW.timestamp(), NOW.timestamp()))

    office = load_stored(tmp_path, "office")
    assert office is not None
    assert (office.as_of, office.origin) == (NOW, str(tmp_path / "office.txt"))


def test_what_has_not_changed_is_not_parsed_again(tmp_path: Path) -> None:
    """A process that loads anew shares with what it had, and takes up the new day."""
    store_ranges(tmp_path, "office", set_of("192.0.2.0/24"), origin="a", now=NOW)
    first = load_ranges(tmp_path)
    later = NOW + dt.timedelta(days=1)
    store_ranges(tmp_path, "office", set_of("192.0.2.0/24"), origin="a", now=later)
    second = load_ranges(tmp_path, known=first)

    assert all(second[name].addresses is first[name].addresses for name in first)
    assert second["office"].as_of == later


@pytest.mark.parametrize(
    ("new", "is_refused"),
    [
        ("192.0.2.0/25", False),
        ("192.0.2.0/26", True),
        ("2001:db8::/32", True),
        ("192.0.0.0/16", False),
    ],
)
def test_ranges_do_not_lose_more_than_half(new: str, *, is_refused: bool) -> None:
    """A list that shrinks so is a mistake of whoever publishes it."""
    with pytest.raises(RangesInvalid, match="lost more than half") if is_refused else NOTHING:
        require_no_less(set_of(new), set_of("192.0.2.0/24"))


@pytest.mark.parametrize("name", ["", "../google", "a/b", "A", "a--b", "x" * 65, ".google"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    """A name can not choose another folder."""
    with pytest.raises(RangesInvalid, match="is not a name"):
        store_ranges(tmp_path / "ranges", name, set_of("192.0.2.0/24"), origin="test", now=NOW)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """The operator learns which file is wrong."""
    (tmp_path / "office.txt").write_text("nonsense")
    with pytest.raises(RangesInvalid, match="address ranges office: line 1"):
        load_ranges(tmp_path)


def test_an_endless_list_is_refused(tmp_path: Path) -> None:
    """Reading stops at the limit, whoever sends."""
    with (tmp_path / "office.txt").open("wb") as file:
        file.truncate(MAX_RANGE_OCTETS + 1)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_what_root_stores_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    """An operator updates as root, and the service, another user, reads and refreshes it."""
    os.chown(tmp_path, 65534, 65534)
    folder = tmp_path / "ranges"

    store_ranges(folder, "yahoo", set_of("192.0.2.0/24"), origin="from a test", now=NOW)

    owners = {path.name: path.stat().st_uid for path in (folder, folder / "yahoo.txt")}
    assert owners == {"ranges": 65534, "yahoo.txt": 65534}
