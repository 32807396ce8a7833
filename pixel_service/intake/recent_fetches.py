"""What the fetches of the last seconds tell about one another.

Three things that no fetch shows alone: how many messages its address has fetched within
a second, whether another network has just fetched the same message, and whether a network
of a mail scanner has.

Of a fixed size, in memory alone, shared by the endpoint processes of a machine.  What
finds its place taken displaces what was there; processes write without waiting for one
another, and what two of them write at once may be lost.  Either costs a signal and
nothing else.

Addresses, networks and user agents are keyed hashes in it, and gone within 45 s; this
process also has the last addresses and user agents themselves, some thousands, beside
their hashes, so that these need not be made again.  Messages whose fetches may not be
linked are not here at all.
"""

import asyncio
import functools
import hashlib
import secrets
import struct
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from pixel_service.evidence import MAX_MESSAGES_OF_ADDRESS, OtherFetches
from pixel_service.intake.places import PlaceKey, Places, place_of
from pixel_service.privacy import mask_address
from service_runtime.shared_memory import SharedMemory
from service_runtime.times import now_us

# resend/resend-node#901: a scanner fetched 12 s after the person.
_SOON_SECONDS: Final = 15
_SOON_US: Final = _SOON_SECONDS * 1_000_000
_SECOND_US: Final = 1_000_000

# Scanners look at delivery, and some again when somebody clicks, mostly on the same day.
_SCANNED_SECONDS: Final = 6 * 3_600

# As long as BLAKE2b takes.
_SECRET_OCTETS: Final = 64

# 128 bits of the key for addresses, which the journal has, too: no two share one.
_SOURCE_KEY_OCTETS: Final = 16
_NETWORK_KEY_OCTETS: Final = 8
_AGENT_KEY_OCTETS: Final = 4

# Proxies fetch again and again. In memory only; an entry has about 0.2 kB.
_MAX_CACHED_SOURCES: Final = 4_096
_MAX_CACHED_AGENTS: Final = 4_096

# Of messages of one address: three octets of each, the last ones, and one that is never zero.
_MESSAGE_OCTETS: Final = 4
_MESSAGE_END: Final = b"\1"

_ADDRESS: Final = struct.Struct(f"<8sQ{MAX_MESSAGES_OF_ADDRESS * _MESSAGE_OCTETS}s")
_NETWORK: Final = struct.Struct("<8sQ8s4s")
_SCANNED: Final = struct.Struct("<8s")

# Addresses and messages of 15 s. At 1,000 fetches a second, each of another message, a third
# of them find their places taken.
_ADDRESSES: Final = 1 << 14
_MESSAGES: Final = 1 << 15
_SCANNED_MESSAGES: Final = 1 << 16


# What is found of nearly every fetch, by the number of messages.
_ONLY_COUNTED: Final = tuple(map(OtherFetches, range(MAX_MESSAGES_OF_ADDRESS + 1)))


class FetcherKeys(NamedTuple):
    """Who fetches, without saying who it is."""

    source: bytes
    """Tells addresses apart."""
    place: PlaceKey
    """The same, for what is remembered of an address."""
    network: bytes
    """Tells networks apart, as `MASKED` has them."""


class RecentFetches:
    """What the endpoint processes of a machine remember of fetches.

    *secret* makes keys of addresses.  It must live in memory alone: whoever had it could
    try all addresses.  A process that is started with this as an argument shares both.
    """

    def __init__(self, memory: SharedMemory, *, secret: bytes) -> None:
        self._memory = memory
        self._secret = secret
        # Of each instance, because a cache of the method would hold all instances.
        self.keys_of = functools.lru_cache(maxsize=_MAX_CACHED_SOURCES)(self._keys_of)
        self._agent_key = functools.lru_cache(maxsize=_MAX_CACHED_AGENTS)(
            functools.partial(self._key, octets=_AGENT_KEY_OCTETS)
        )
        self._addresses = Places(memory, _ADDRESS, count=_ADDRESSES, seconds=_SOON_SECONDS)
        self._networks = Places(
            memory, _NETWORK, count=_MESSAGES, seconds=_SOON_SECONDS, start=self._addresses.end
        )
        self._scanned = Places(
            memory,
            _SCANNED,
            count=_SCANNED_MESSAGES,
            seconds=_SCANNED_SECONDS,
            start=self._networks.end,
        )

    @classmethod
    def new(cls) -> Self:
        """Return one that remembers nothing yet, with a secret of its own; about 7 MB."""
        places = ((_ADDRESS, _ADDRESSES), (_NETWORK, _MESSAGES), (_SCANNED, _SCANNED_MESSAGES))
        size = sum(Places.octets(record, count) for record, count in places)
        return cls(SharedMemory(size), secret=secrets.token_bytes(_SECRET_OCTETS))

    def __reduce__(self) -> tuple[Callable[..., "RecentFetches"], tuple[SharedMemory, bytes]]:
        return _shared, (self._memory, self._secret)

    def note(
        self, message_key: bytes, keys: FetcherKeys, user_agent: str | None, open_us: int
    ) -> OtherFetches:
        """Remember a fetch of the message *message_key*; return what it is evidence of."""
        message = place_of(message_key)
        messages = self._count_messages(message_key, keys.place, open_us)
        is_second = self._is_second_network(message, keys.network, user_agent or "", open_us)
        is_scanned = self._scanned.find(message, open_us) is not None
        if is_second or is_scanned:
            return OtherFetches(messages, is_second, is_scanned)
        return _ONLY_COUNTED[messages]

    def note_scanner(self, message_key: bytes, open_us: int) -> None:
        """Remember that a network of a scanner fetches the message *message_key*."""
        self._scanned.write(place_of(message_key), open_us)

    async def forget(self) -> None:
        """Empty what is over whenever it is; for ever."""
        while True:
            self.forget_now(now_us())
            await asyncio.sleep(_SOON_SECONDS / 2)

    def forget_now(self, now_us: int) -> None:
        """Empty what is over at *now_us*."""
        for places in (self._addresses, self._networks, self._scanned):
            places.empty(now_us)

    def _count_messages(self, message_key: bytes, source: PlaceKey, open_us: int) -> int:
        """Return how many messages the address fetches in this second, this one included."""
        found = self._addresses.find(source, open_us)
        if found is None or not 0 <= open_us - found[1] < _SECOND_US:
            message = message_key[-3:] + _MESSAGE_END
            self._addresses.write(source, open_us, open_us, message)
            return 1
        _, began_us, messages = found
        if messages[-1]:  # no more are counted
            return MAX_MESSAGES_OF_ADDRESS
        message = message_key[-3:] + _MESSAGE_END
        messages = messages.rstrip(b"\0")
        if message not in messages:
            messages += message
            self._addresses.write(source, open_us, began_us, messages)
        return len(messages) // _MESSAGE_OCTETS

    def _is_second_network(
        self, message: PlaceKey, network_key: bytes, user_agent: str, open_us: int
    ) -> bool:
        """Say whether another network began to fetch the message, with another user agent.

        With the same one it is the same client, which has an address of IPv4 and one of IPv6,
        or the same proxy.
        """
        found = self._networks.find(message, open_us)
        if found is None or not 0 <= open_us - found[1] < _SOON_US:
            agent_key = self._agent_key(user_agent)
            self._networks.write(message, open_us, open_us, network_key, agent_key)
            return False
        return bool(found[2] != network_key and found[3] != self._agent_key(user_agent))

    def _keys_of(self, ip_address: str) -> FetcherKeys:
        source = self._key(ip_address, octets=_SOURCE_KEY_OCTETS)
        network = self._key(mask_address(ip_address), octets=_NETWORK_KEY_OCTETS)
        return FetcherKeys(source, place_of(source), network)

    def _key(self, text: str, *, octets: int) -> bytes:
        encoded = text.encode(errors="surrogatepass")
        return hashlib.blake2b(encoded, key=self._secret, digest_size=octets).digest()


def _shared(memory: SharedMemory, secret: bytes) -> RecentFetches:
    return RecentFetches(memory, secret=secret)
