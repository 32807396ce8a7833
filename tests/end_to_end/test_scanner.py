"""Whoever scans all ports of both services finds health and pixels, and nothing else."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emailopens_client import Tls
from emailopens_client.channels import open_channel
from examples.pair import free_ports
from service_runtime.callers import Role
from service_runtime.permissions import ROLES
from service_runtime.protection import Protection
from tests.fixtures.api_keys import a_key
from tests.fixtures.tls_services import (
    FREE,
    Certificates,
    a_pixel_service,
    an_injector_service,
)

REFUSED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED}

# What scanners send to a port to learn what is there: HTTP/1.1, HTTP/2, TLS that is none,
# Redis, and noise.
PROBES = (
    b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /o/x.gif HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x00\x05hello",
    b"INFO\r\n",
    bytes(range(256)),
)

PATHS = (
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/robots.txt",
    "/o/",
    "/o/x",
    "/o/x.gif/y",
    "/o/../metrics",
    "/%2e%2e/metrics",
    "//metrics",
    "/emailopens.pixel.v1.PixelService/ListOpens",
    "/.git/config",
    "/debug/pprof/cmdline",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything is."""

    certificates: Certificates
    grpc: tuple[str, ...]
    http: str
    admin: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.grpc, self.http, *self.admin)


@contextlib.asynccontextmanager
async def exposed(folder: Path) -> AsyncIterator[Ports]:
    """Run both services as they are run where everybody gets to their ports."""
    certificates = Certificates(folder / "tls")
    keys = folder / "keys"
    a_key(keys, Role.ADMIN)
    protection = Protection(
        grpc_tls=certificates.plain, http_tls=certificates.plain, admin_tls=certificates.mutual
    )
    injector_admin = f"127.0.0.1:{free_ports(1)}"
    async with (
        an_injector_service(folder, protection, api_keys=keys, admin=injector_admin) as injector,
        a_pixel_service(folder, protection, api_keys=keys) as pixel,
    ):
        yield Ports(
            certificates=certificates,
            grpc=(injector, pixel.grpc),
            http=pixel.http,
            admin=(injector_admin, pixel.admin),
        )


@pytest.mark.guarantee(
    "G9",
    "a service answers nobody outside its machine without a key or a certificate",
    "health",
)
async def test_no_call_is_answered_but_health(tmp_path: Path) -> None:
    """On both ports of gRPC every RPC of both services, and reflection, wants a caller."""
    async with exposed(tmp_path) as ports:
        for address in ports.grpc:
            async with open_channel(address, credentials=Tls(ca=ports.certificates.ca)) as channel:
                for method in (*ROLES, "x.Y/Z", "grpc.channelz.v1.Channelz/GetServers"):
                    # Whatever kind of call it is: it is refused before that makes a difference.
                    call: Any = channel.unary_unary(f"/{method}")
                    with pytest.raises(grpc.aio.AioRpcError) as refused:
                        await call(b"", timeout=30)
                    assert refused.value.code() in REFUSED, method
                health: Any = health_pb2_grpc.HealthStub(channel)
                answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=30)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.guarantee("G9", "but for pixels")
async def test_http_serves_pixels_and_nothing_else(tmp_path: Path) -> None:
    """Every other path and method has an empty answer that says nothing of the service."""
    async with exposed(tmp_path) as ports, aiohttp.ClientSession() as scanner:
        url = f"https://{ports.http}"
        context = ports.certificates.context()
        for method, octets in (("GET", 43), ("HEAD", 0)):
            async with scanner.request(method, f"{url}/o/x.gif", ssl=context) as response:
                assert (response.status, len(await response.read())) == (200, octets)
                assert "Server" not in response.headers
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            async with scanner.request(method, f"{url}/o/x.gif", ssl=context) as response:
                assert (response.status, await response.read()) == (405, b"")
        for path in PATHS:
            async with scanner.get(f"{url}{path}", ssl=context) as response:
                assert (response.status, await response.read()) == (404, b""), path


@pytest.mark.guarantee("G9", "without a key or a certificate")
async def test_operators_tools_are_closed(tmp_path: Path) -> None:
    """Without a certificate no path is answered, not even whether there is one."""
    async with exposed(tmp_path) as ports, aiohttp.ClientSession() as scanner:
        context = ports.certificates.context()
        for address, path in itertools.product(
            ports.admin, ("/healthz", "/readyz", "/metrics", "/")
        ):
            with pytest.raises(aiohttp.ClientError):
                await scanner.get(f"https://{address}{path}", ssl=context)
        # With one there is an answer: the ports are there.
        context = ports.certificates.context(with_certificate=True)
        for address in ports.admin:
            async with scanner.get(f"https://{address}/healthz", ssl=context) as response:
                assert response.status == 200


async def said_to(address: str, probe: bytes) -> bytes:
    """Return all octets that come back until the connection ends, or for a moment."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(probe)
    try:
        # Of a connection that is ended already there is nothing to shut down.
        with contextlib.suppress(OSError):
            writer.write_eof()
        async with asyncio.timeout(30):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_nothing_is_said_in_the_clear(tmp_path: Path) -> None:
    """To whatever is not TLS every port answers with TLS's own alert at most."""
    async with exposed(tmp_path) as ports:
        for address in ports.all:
            for probe in PROBES:
                said = await said_to(address, probe)

                # An alert: its type, its version, two octets long (RFC 8446 section 6).
                assert said == b"" or (said[:1], said[3:5], len(said)) == (b"\x15", b"\0\2", 7)


async def test_certificate_alone_is_no_key(tmp_path: Path) -> None:
    """Where certificates are asked for, one without a role gets no further."""
    certificates = Certificates(tmp_path / "tls")
    keys = tmp_path / "keys"
    a_key(keys, Role.ADMIN)
    certificate, key = certificates.client
    tls = Tls(ca=certificates.ca, certificate=certificate, key=key)
    protection = Protection(grpc_tls=certificates.mutual)
    async with (
        an_injector_service(tmp_path, protection, api_keys=keys, admin=FREE) as address,
        open_channel(address, credentials=tls) as channel,
    ):
        call: Any = channel.unary_unary(
            "/emailopens.injector.v1.ConfigurationService/ListConfigurations"
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"", timeout=30)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
