"""Both programs by TLS on every port, as they are started, and clients of other makes."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from examples.pair import HOST, Pair, free_ports, pixel_options, running_service
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key, bearer
from tests.fixtures.tls_services import Certificates

# Six programs are started, one after the other, on a machine that may have other work.
pytestmark = pytest.mark.timeout(180)

ROOT: Final = Path(__file__).parents[2]
FETCH: Final = b"GET /o/x.gif HTTP/1.1\r\nHost: x\r\n\r\n"
LAST_FETCH: Final = b"GET /o/x.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def running(ports: Pair, folder: Path, certificates: Certificates, keys: Path) -> Iterator[str]:
    """Run both by their command lines inside the block; lends the injector's admin address."""
    plain, mutual = certificates.plain, certificates.mutual
    both = [
        f"--api-keys={keys}",
        f"--tls-certificate={plain.certificate}",
        f"--tls-key={plain.key}",
        f"--admin-tls-certificate={mutual.certificate}",
        f"--admin-tls-key={mutual.key}",
        f"--admin-tls-client-ca={mutual.client_ca}",
    ]
    pixels = [f"--http-tls-certificate={plain.certificate}", f"--http-tls-key={plain.key}"]
    admin = f"{HOST}:{free_ports(1)}"
    credentials = grpc.ssl_channel_credentials(certificates.authority.certificate)
    with (
        running_service(
            "injector-service",
            [f"--grpc={ports.injector}", f"--admin={admin}", f"--data={folder}", *both],
            ready_at=ports.injector,
            credentials=credentials,
        ),
        running_service(
            "pixel-service",
            [*pixel_options(ports, folder), *both, *pixels],
            ready_at=ports.pixel,
            credentials=credentials,
        ),
    ):
        yield admin


async def output_of(*command: str | Path, octets: bytes = b"") -> bytes:
    """Return all that *command*, told *octets*, says."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await process.communicate(octets)
    return output


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here")
async def test_clients_of_other_makes_are_served_by_tls(ports: Pair, tmp_path: Path) -> None:
    """OpenSSL's and Node's get pixels and operators' answers; gRPC asks for a key, too."""
    certificates = Certificates(tmp_path / "tls")
    keys = tmp_path / "keys"
    _, key = a_key(keys, Role.ADMIN)
    certificate, certificate_key = certificates.client
    openssl = ("openssl", "s_client", "-quiet", "-ign_eof", "-verify_return_error", "-CAfile")
    own = ("-cert", certificate, "-key", certificate_key)
    with running(ports, tmp_path / "data", certificates, keys) as admin:
        connect = (*openssl, certificates.ca, "-connect")
        pixels = await output_of(*connect, ports.pixel_http, octets=FETCH * 2 + LAST_FETCH)
        ready = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
        answers = [
            await output_of(*connect, address, *own, octets=ready)
            for address in (admin, ports.admin)
        ]
        by_node = await output_of(
            "node",
            ROOT / "tests/end_to_end/node/pixel_by_tls.js",
            f"https://localhost:{ports.pixel_http.rpartition(':')[2]}/o/x.gif",
            certificates.ca,
        )
        credentials = grpc.ssl_channel_credentials(certificates.authority.certificate)
        async with grpc.aio.secure_channel(ports.injector, credentials) as channel:
            call: Any = channel.unary_unary(
                "/emailopens.injector.v1.ConfigurationService/ListConfigurations"
            )
            await call(b"", metadata=bearer(key))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(b"")

    assert pixels.count(b"HTTP/1.1 200 OK\r\n") == pixels.count(b"GIF89a") == 3
    # One answer for each connection where certificates are asked for.
    assert [each.count(b"HTTP/1.1 200 OK\r\n") for each in answers] == [1, 1]
    first, second = json.loads(by_node)
    assert first == {"status": 200, "octets": 43, "reused": False}
    assert second == {"status": 200, "octets": 43, "reused": True}
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
