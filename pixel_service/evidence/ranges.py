"""Sets of IP addresses, and the text form in which they are kept."""

import bisect
import ipaddress
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Self

from pixel_service.evidence.errors import RangesInvalid

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Apple's list of relay egress, the longest that we know, has about 285,000 lines.
MAX_NETWORKS: Final = 1_000_000

# No operator of anything holds more than this; a shorter prefix is a mistake (or
# the 0.0.0.0/0 that would make everybody a scanner).
SHORTEST_PREFIX: Final = {4: 8, 6: 16}

# All that is let to customers anywhere is less than a sixteenth of IPv4.
MAX_IPV4_ADDRESSES: Final = 2**28

# A long list is read beside an event loop that answers mail clients.  Every so many lines the
# interpreter is given up, which takes a loop that waits for it from 6 ms to less than one.
_YIELD_EVERY: Final = 256

_IPV4: Final = 4
_BITS: Final = {4: 32, 6: 128}
_FAMILY: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


class Range(NamedTuple):
    """Addresses from the first to the last, as numbers."""

    version: int
    first: int
    last: int

    @classmethod
    def of(cls, network: IpNetwork) -> Self:
        """Return the addresses of *network*."""
        return cls(network.version, int(network.network_address), int(network.broadcast_address))


class AddressSet:
    """A set of IP addresses that answers `in` in logarithmic time."""

    def __init__(self, intervals: dict[int, list[tuple[int, int]]]) -> None:
        # For each IP version: first and last addresses of disjoint intervals, ascending.
        self._firsts = {version: [low for low, _ in pairs] for version, pairs in intervals.items()}
        self._lasts = {version: [high for _, high in pairs] for version, pairs in intervals.items()}

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> Self:
        """Return the set of all addresses of *ranges*."""
        intervals: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for version, first, last in ranges:
            intervals[version].append((first, last))
        return cls({version: list(_merged(pairs)) for version, pairs in intervals.items()})

    def __contains__(self, address: Address) -> bool:
        number = int(address)
        index = bisect.bisect_right(self._firsts[address.version], number) - 1
        return index >= 0 and number <= self._lasts[address.version][index]

    def covers(self, addresses: Range) -> bool | None:
        """Say whether all *addresses* are in it, or none; None if some are."""
        firsts, lasts = self._firsts[addresses.version], self._lasts[addresses.version]
        index = bisect.bisect_right(firsts, addresses.last) - 1
        if index < 0 or lasts[index] < addresses.first:
            return False
        is_whole = firsts[index] <= addresses.first and addresses.last <= lasts[index]
        return True if is_whole else None

    def __len__(self) -> int:
        """Return the number of disjoint intervals."""
        return sum(len(firsts) for firsts in self._firsts.values())

    def addresses(self, version: int) -> int:
        """Return how many addresses of that IP version are in it."""
        lasts, firsts = self._lasts[version], self._firsts[version]
        return sum(lasts) - sum(firsts) + len(firsts)

    def ranges(self) -> Iterator[Range]:
        """Yield the disjoint intervals, in order, IPv4 first."""
        for version in (4, 6):
            for low, high in zip(self._firsts[version], self._lasts[version], strict=True):
                yield Range(version, low, high)

    def networks(self) -> Iterator[str]:
        """Yield the fewest networks that make up the set, in order, IPv4 first."""
        for version, low, high in self.ranges():
            bits, family = _BITS[version], _FAMILY[version]
            for number, length in _prefixes(low, high, bits):
                text = socket.inet_ntop(family, number.to_bytes(bits // 8, "big"))
                yield f"{text}/{length}"


def parse_ranges(text: str) -> list[Range]:
    """Return what *text* lists: one network (or address) a line, with `#` comments.

    Raises:
        RangesInvalid: nothing is listed, something is not a network, too wide, or
            too much.
    """
    return ranges_of(
        (f"line {number}", entry)
        for number, line in enumerate(text.splitlines(), start=1)
        if (entry := line.partition("#")[0].strip())
    )


def ranges_of(entries: Iterable[tuple[str, str]]) -> list[Range]:
    """Return the networks of *entries*, each with where it is.

    Raises:
        RangesInvalid: as `parse_ranges`.
    """
    ranges = []
    for where, entry in entries:
        ranges.append(_parse_range(where, entry))
        if not len(ranges) % _YIELD_EVERY:
            time.sleep(0)
        if len(ranges) > MAX_NETWORKS:
            raise RangesInvalid(f"lists more than {MAX_NETWORKS} address ranges")
    if not ranges:
        raise RangesInvalid("lists no address range")
    return ranges


def only_one(addresses: Range | None) -> Address | None:
    """Return the address that *addresses* are, None if they are several or none."""
    if addresses is None or addresses.first != addresses.last:
        return None
    kind = ipaddress.IPv4Address if addresses.version == _IPV4 else ipaddress.IPv6Address
    return kind(addresses.first)


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


def _prefixes(low: int, high: int, bits: int) -> Iterator[tuple[int, int]]:
    """Yield first address and length of the fewest prefixes from *low* to *high*."""
    while low <= high:
        # As wide as its first address allows, and as what is left allows.
        aligned = (low & -low).bit_length() - 1 if low else bits
        width = min(aligned, (high - low + 1).bit_length() - 1)
        yield low, bits - width
        low += 1 << width


def _parse_range(where: str, entry: str) -> Range:
    # Not by `ipaddress`, which takes six times as long: Apple's list would be half a
    # second of an endpoint process's time, and is read anew whenever it changes.
    address, slash, prefix = entry.partition("/")
    version = 6 if ":" in address else 4
    bits = _BITS[version]
    try:
        number = int.from_bytes(socket.inet_pton(_FAMILY[version], address), "big")
    except (OSError, ValueError) as error:
        raise RangesInvalid(f"{where}: {entry[:60]!r} is not an address range") from error
    if slash and not (prefix.isdecimal() and prefix.isascii() and int(prefix[:4]) <= bits):
        raise RangesInvalid(f"{where}: {entry[:60]!r} is not an address range")
    length = int(prefix) if slash else bits
    if length < SHORTEST_PREFIX[version]:
        raise RangesInvalid(f"{where}: {entry} is wider than /{SHORTEST_PREFIX[version]}")
    host = (1 << (bits - length)) - 1
    return Range(version, number & ~host, number | host)
