"""Requests go to public addresses alone."""

import asyncio
import socket
import threading

import pytest

from pixel_service.webhooks import addresses
from pixel_service.webhooks.addresses import (
    AddressNotPublic,
    PublicResolver,
    is_public,
    public_socket,
)


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"],
)
def test_public_address_is_allowed(address: str) -> None:
    """What everybody reaches alike may be called, also through a gateway."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - an address to refuse, not one to listen at
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "localhost",
    ],
)
def test_other_address_is_refused(address: str) -> None:
    """Private, local, reserved and shared addresses are refused, in whatever they are wrapped."""
    assert not is_public(address)


@pytest.mark.parametrize("name", ["localhost", "127.1", "0x7f000001", "2130706433", "017700000001"])
async def test_name_of_this_machine_is_refused(name: str) -> None:
    """What the system reads as this machine's address is refused, however it is written."""
    resolver = PublicResolver(allow_private=False)

    with pytest.raises(AddressNotPublic, match="leads to an address that is not public"):
        await resolver.resolve(name, 443)
    await resolver.close()


async def test_name_with_one_address_that_is_not_public_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name must lead nowhere else: which of its addresses is used is not known."""

    def found(host: str, port: int, family: int) -> list[object]:
        del host, family
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.215.14", "10.0.0.1")
        ]

    monkeypatch.setattr(addresses, "lookup", found)
    resolver = PublicResolver(allow_private=False)

    with pytest.raises(AddressNotPublic):
        await resolver.resolve("both.example", 443)
    await resolver.close()


async def test_name_that_is_asked_for_again_is_looked_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever has given up and asks again takes no place from the names of others."""
    released = threading.Event()
    asked: list[str] = []

    def find(host: str, port: int, family: int) -> list[object]:
        asked.append(host)
        if host == "hangs.example":
            released.wait()
        return [(family, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]

    monkeypatch.setattr(addresses, "lookup", find)
    monkeypatch.setattr(addresses, "_MAX_LOOKUPS", 2)
    lookups = addresses.Lookups()
    waiting = [
        asyncio.create_task(lookups.find("hangs.example", 443, socket.AF_INET)) for _ in range(3)
    ]
    assert await lookups.find("other.example", 443, socket.AF_INET)
    waiting[0].cancel()
    released.set()
    one, other = await asyncio.gather(*waiting[1:])

    assert one is other
    assert sorted(asked) == ["hangs.example", "other.example"]


async def test_lookup_without_a_thread_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine that has no threads for a while has all its lookups afterwards."""

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(addresses, "_MAX_LOOKUPS", 1)
    lookups = addresses.Lookups()
    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", fail)
        for _ in range(2):
            with pytest.raises(OSError, match="temporarily unavailable"):
                await lookups.find("127.0.0.1", 443, socket.AF_INET)

    assert await lookups.find("127.0.0.1", 443, socket.AF_INET)


def test_socket_to_an_address_that_is_not_public_is_not_made() -> None:
    """Whatever came before, the last gate is the address of the socket itself."""
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))

    with pytest.raises(AddressNotPublic):
        public_socket(info)


async def test_lookup_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it may go, others are found meanwhile, and the process may end."""
    hung, released = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def find(host: str, port: int, family: int) -> list[object]:
        del family
        if host == "hangs.example":
            threads.append(threading.current_thread())
            hung.set()
            released.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]

    monkeypatch.setattr(addresses, "lookup", find)
    resolver = PublicResolver(allow_private=False)
    waiting = asyncio.create_task(resolver.resolve("hangs.example", 443))
    await asyncio.to_thread(hung.wait)

    (found,) = await resolver.resolve("other.example", 443)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert found["host"] == "93.184.215.14"
    assert [each.daemon for each in threads] == [True]
    released.set()
    await resolver.close()
