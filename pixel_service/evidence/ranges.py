"""Sets of IP addresses, and the text forms in which people publish them."""

import bisect
import ipaddress
import json
from collections.abc import Iterable, Iterator
from typing import Final, Self

from pixel_service.evidence.errors import RangesInvalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Apple's list of relay egress, the longest that we know, has about 285,000 lines.
MAX_NETWORKS: Final = 1_000_000

# No operator of anything holds more than this; a shorter prefix is a mistake (or
# the 0.0.0.0/0 that would make everybody a scanner).
SHORTEST_PREFIX: Final = {4: 8, 6: 16}


class AddressSet:
    """A set of IP addresses that answers `in` in logarithmic time."""

    def __init__(self, intervals: dict[int, list[tuple[int, int]]]) -> None:
        # For each IP version: first and last addresses of disjoint intervals, ascending.
        self._firsts = {version: [low for low, _ in pairs] for version, pairs in intervals.items()}
        self._lasts = {version: [high for _, high in pairs] for version, pairs in intervals.items()}

    @classmethod
    def of(cls, networks: Iterable[IpNetwork]) -> Self:
        """Return the set of all addresses of *networks*."""
        intervals: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in networks:
            pair = (int(network.network_address), int(network.broadcast_address))
            intervals[network.version].append(pair)
        return cls({version: list(_merged(pairs)) for version, pairs in intervals.items()})

    def __contains__(self, address: Address) -> bool:
        number = int(address)
        index = bisect.bisect_right(self._firsts[address.version], number) - 1
        return index >= 0 and number <= self._lasts[address.version][index]

    def __len__(self) -> int:
        """Return the number of disjoint intervals."""
        return sum(len(firsts) for firsts in self._firsts.values())

    def networks(self) -> Iterator[IpNetwork]:
        """Yield the fewest networks that make up the set, in order, IPv4 first."""
        for version, kind in ((4, ipaddress.IPv4Address), (6, ipaddress.IPv6Address)):
            for low, high in zip(self._firsts[version], self._lasts[version], strict=True):
                yield from ipaddress.summarize_address_range(kind(low), kind(high))


def parse_ranges(text: str) -> list[IpNetwork]:
    """Return the networks that *text* lists.

    Three forms are known: one network (or address) a line, with `#` comments;
    comma-separated lines that begin with one (Apple's egress-ip-ranges.csv, RFC
    8805 geofeeds); and JSON with a list `prefixes` of objects with `ipv4Prefix` or
    `ipv6Prefix` (Google's goog.json and crawler lists).

    Raises:
        RangesInvalid: nothing is listed, something is not a network, too wide, or
            too much.
    """
    entries = list(_entries_of_json(text) if text.lstrip().startswith("{") else _entries_of(text))
    if not entries:
        raise RangesInvalid("lists no address range")
    if len(entries) > MAX_NETWORKS:
        raise RangesInvalid(f"lists more than {MAX_NETWORKS} address ranges")
    return [_parse_network(where, entry) for where, entry in entries]


def parse_address(text: str | None) -> Address | None:
    """Return the address in *text*, None if there is none.

    A zone (RFC 4007) is left out: it means something on one host only.  An
    IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _merged(pairs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield disjoint intervals that cover what *pairs* cover, ascending."""
    current: tuple[int, int] | None = None
    for low, high in sorted(pairs):
        if current is None:
            current = (low, high)
        elif low <= current[1] + 1:
            current = (current[0], max(current[1], high))
        else:
            yield current
            current = (low, high)
    if current is not None:
        yield current


def _entries_of(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].partition(",")[0].strip()
        if entry:
            yield f"line {number}", entry


def _entries_of_json(text: str) -> Iterator[tuple[str, str]]:
    try:
        document = json.loads(text)
        prefixes = document["prefixes"]
        for number, prefix in enumerate(prefixes, start=1):
            yield f"prefix {number}", str(prefix.get("ipv4Prefix") or prefix["ipv6Prefix"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RangesInvalid(
            "is JSON, but not a list `prefixes` of objects with `ipv4Prefix` or `ipv6Prefix`"
        ) from error


def _parse_network(where: str, entry: str) -> IpNetwork:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError as error:
        raise RangesInvalid(f"{where}: {entry[:60]!r} is not an address range") from error
    if network.prefixlen < SHORTEST_PREFIX[network.version]:
        shortest = SHORTEST_PREFIX[network.version]
        raise RangesInvalid(f"{where}: {entry} is wider than /{shortest}")
    return network
