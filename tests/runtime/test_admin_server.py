"""What operators' tools are told over HTTP."""

import asyncio
import contextlib
import datetime as dt
import errno
import itertools
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import prometheus_client
import pytest

from service_runtime import admin_server as admin_server_module
from service_runtime.admin_server import Condition, admin_server
from service_runtime.certificates import Certificate
from service_runtime.http_port import ConnectionLimits
from service_runtime.listen import ListenError, reason_of, split_address
from service_runtime.tls_files import TlsFiles
from tests.fixtures.certificates import Authority


@contextlib.asynccontextmanager
async def served(*conditions: Condition) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("opens_recorded", "Recorded.", registry=registry).inc(3)
    async with (
        admin_server(
            listen="127.0.0.1:0", conditions=lambda: conditions, registry=registry
        ) as address,
        aiohttp.ClientSession() as session,
    ):
        yield session, f"http://{address}"


@pytest.mark.parametrize(("log_answers", "status"), [(True, 200), (False, 503)])
async def test_readiness_names_each_condition(*, log_answers: bool, status: int) -> None:
    """An operator sees which condition keeps a process from being ready."""
    async with (
        served(
            Condition(name="log", holds=log_answers, detail="spooling"),
            Condition(name="keys", holds=True),
        ) as (session, url),
        session.get(f"{url}/readyz") as answer,
    ):
        text = await answer.text()

    assert answer.status == status
    assert (
        text
        == f"log: {'yes' if log_answers else 'no'} spooling\nkeys: yes\nbackground tasks run: yes\n"
    )


async def test_condition_that_is_not_required_is_told_and_leaves_a_process_ready() -> None:
    """An operator reads of it, and a balancer does not go by it."""
    async with (
        served(Condition(name="opens can be streamed", holds=False, is_required=False)) as (
            session,
            url,
        ),
        session.get(f"{url}/readyz") as answer,
    ):
        text = await answer.text()

    assert answer.status == 200
    assert text.startswith("opens can be streamed: no\n")


async def test_health_and_metrics_are_there() -> None:
    """Probes and Prometheus find what they look for."""
    async with served() as (session, url):
        async with session.get(f"{url}/healthz") as health:
            pass
        async with session.get(f"{url}/metrics") as metrics:
            text = await metrics.text()

    assert health.status == 200
    assert "opens_recorded_total 3.0" in text


@pytest.mark.parametrize("said", [b"", b"GET /readyz HTTP/1.1\r\nHost: x\r\nX: y"])
async def test_silent_connections_are_closed(said: bytes) -> None:
    """Who says nothing, or half a request, holds no descriptor for ever."""
    registry = prometheus_client.CollectorRegistry()
    async with admin_server(
        listen="127.0.0.1:0",
        conditions=tuple,
        registry=registry,
        idle=dt.timedelta(milliseconds=100),
    ) as address:
        reader, writer = await asyncio.open_connection(*split_address(address))
        writer.write(said)

        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"])
async def test_handshake_that_is_not_ended_is_cut_off(said: bytes, tmp_path: Path) -> None:
    """Who never agrees on keys holds no place for longer than who never asks."""
    certificate, key = Authority().issue().write(tmp_path)
    async with admin_server(
        listen="127.0.0.1:0",
        conditions=tuple,
        registry=prometheus_client.CollectorRegistry(),
        certificate=Certificate(TlsFiles(certificate=certificate, key=key), port="admin"),
        idle=dt.timedelta(milliseconds=100),
    ) as address:
        reader, writer = await asyncio.open_connection(*split_address(address))
        writer.write(said)

        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("has_tls", [False, True])
async def test_one_address_leaves_room_for_others(
    *, has_tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether keys were agreed on or not: another's probe is answered, and places come back."""
    limits = ConnectionLimits(in_all=200, of_network=5)
    monkeypatch.setattr(admin_server_module, "_LIMITS", limits)
    authority, ca = Authority.written(tmp_path)
    certificate, key = authority.issue().write(tmp_path)
    files = TlsFiles(certificate=certificate, key=key)
    context = ssl.create_default_context(cafile=str(ca)) if has_tls else None
    async with admin_server(
        listen="127.0.0.1:0",
        conditions=tuple,
        registry=prometheus_client.CollectorRegistry(),
        certificate=Certificate(files, port="admin") if has_tls else None,
    ) as address:
        host, port = split_address(address)

        async def is_answered(source: str) -> bool:
            try:
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=context, local_addr=(source, 0)
                )
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
            except OSError:
                return False
            writer.close()
            return answer.endswith(b"alive\n")

        silent = [await asyncio.open_connection(host, port) for _ in range(5)]
        assert not await is_answered("127.0.0.1")
        assert await is_answered("127.0.0.2")
        for _, writer in silent:
            writer.close()
        for _ in itertools.count():
            if await is_answered("127.0.0.1"):
                break
            await asyncio.sleep(0.01)


async def test_taken_port_is_one_clear_error() -> None:
    """The error names the address and why it cannot be served."""
    registry = prometheus_client.CollectorRegistry()
    async with served() as (_, url):
        address = url.removeprefix("http://")
        with pytest.raises(
            ListenError, match=rf"cannot listen at {address}: Address already in use$"
        ):
            async with admin_server(listen=address, conditions=tuple, registry=registry):
                pass


@pytest.mark.parametrize("address", ["", ":80", "host", "host:", "host:x", "host:65536"])
def test_address_without_host_or_port_is_refused(address: str) -> None:
    """A typing error in a setting is found at start."""
    with pytest.raises(ListenError, match="is not HOST:PORT"):
        split_address(address)


def test_ipv6_addresses_have_brackets() -> None:
    """As in URLs (RFC 3986 section 3.2.2)."""
    assert split_address("[::1]:8080") == ("::1", 8080)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EADDRINUSE, "while binding to 127.0.0.1: in use"), "Address already in use"),
        (socket.gaierror(socket.EAI_NONAME, "Name not known"), "Name not known"),
        (OSError("strange"), "strange"),
    ],
)
def test_reason_is_the_systems(error: OSError, reason: str) -> None:
    """Not the event loop's sentence about it; a resolver has its own."""
    assert reason_of(error) == reason
