"""Where requests may go: to public addresses, whatever name or number leads there.

Whoever may create a webhook must not reach with it what only this machine can reach
(CWE-918).  A name is resolved once, and the connection is made to an address that was
looked at; the address of every socket is looked at again before it connects.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Sequence
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

from pixel_service.open_log import MAX_WEBHOOKS

# Lookups of names that do not answer block a thread each, for longer than anybody waits for
# them; those of others go on beside them.
_MAX_LOOKUPS: Final = MAX_WEBHOOKS

_UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

NOT_PUBLIC: Final = "leads to an address that is not public"

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""As `getaddrinfo` has it."""

_Question = tuple[str, int, int]
"""A name, a port and a family of addresses."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressNotPublic(OSError):
    """A URL leads to an address that requests must not be sent to.

    Not to which: whoever may create a webhook would learn what names stand for here.
    """

    def __init__(self) -> None:
        super().__init__(NOT_PUBLIC)


def is_address(text: str) -> bool:
    """Return whether *text* is an address, and not a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_public(text: str) -> bool:
    """Return whether *text* is an address that everybody reaches alike."""
    try:
        address = _innermost(ipaddress.ip_address(text))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST_V6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _innermost(address: _Address) -> _Address:
    """Return the IPv4 address that *address* stands for, if it does (RFC 4291, 3056, 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def public_socket(
    info: tuple[int, int, int, str, tuple[Any, ...]],
) -> socket.socket:
    """Return a socket for *info*, as `getaddrinfo` has it.

    Raises:
        AddressNotPublic: it would connect to where it must not.
    """
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise AddressNotPublic
    return socket.socket(family=family, type=kind, proto=protocol)


class PublicResolver(AbstractResolver):
    """Finds the public addresses of a name.

    A name that has others, too, is refused: none of them is where it should lead.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self.allow_private = allow_private
        self._lookups = Lookups()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of *host*.

        Raises:
            AddressNotPublic: one of them is not public, and they must be.
            OSError: it has none.
        """
        found = await self._lookups.find(host, port, family)
        results: list[ResolveResult] = []
        for entry_family, _, protocol, _, address in found:
            text = str(address[0])
            if not self.allow_private and not is_public(text):
                raise AddressNotPublic
            results.append(
                ResolveResult(
                    hostname=host,
                    host=text,
                    port=port,
                    family=entry_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Do nothing: what looks up holds nothing."""


class Lookups:
    """Looks up names, each in a thread that the end of the process does not wait for.

    A name that is not answered has one thread, however often it is asked for meanwhile.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_MAX_LOOKUPS)
        self._under_way: dict[_Question, asyncio.Future[Sequence[AddressInfo]]] = {}

    async def find(self, host: str, port: int, family: int) -> Sequence[AddressInfo]:
        """Return the addresses of *host*; whoever waits may be cancelled.

        Raises:
            OSError: it has none, or there is no thread to look with.
        """
        question = host, port, family
        found = self._under_way.get(question)
        if found is None:
            await self._free.acquire()
            # Somebody else may have asked meanwhile.
            found = self._under_way.get(question)
            if found is None:
                found = self._begin(question)
            else:
                self._free.release()
        return await asyncio.shield(found)

    def _begin(self, question: _Question) -> asyncio.Future[Sequence[AddressInfo]]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[AddressInfo]] = loop.create_future()
        self._under_way[question] = found

        def end(result: Sequence[AddressInfo] | OSError | UnicodeError) -> None:
            self._free.release()
            del self._under_way[question]
            if isinstance(result, Exception):
                found.set_exception(result)
                # Perhaps nobody waits any more.
                found.exception()
            else:
                found.set_result(result)

        def work() -> None:
            result: Sequence[AddressInfo] | OSError | UnicodeError
            try:
                result = lookup(*question)
            except (OSError, UnicodeError) as error:
                result = error
            # Nobody is left to tell when the process ends.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(end, result)

        try:
            threading.Thread(target=work, name="webhook-lookup", daemon=True).start()
        except RuntimeError:
            end(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
        return found


def lookup(host: str, port: int, family: int) -> Sequence[AddressInfo]:
    """Return what the system knows of *host*."""
    return list(
        socket.getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    )
