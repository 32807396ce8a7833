"""Both services by TLS, with real clients, while certificates are renewed."""

import asyncio
import dataclasses
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emailopens_client import LogEnd, OpenStream, Tls
from emailopens_client.channels import open_channel
from service_runtime.protection import Protection
from tests.fixtures.certificates import put
from tests.fixtures.tls_services import RING, Certificates, a_pixel_service, an_injector_service
from tests.pixel.service_values import a_token, seal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls")


async def fetched(address: str, message_id: str, context: ssl.SSLContext) -> bool:
    """Fetch a pixel over a connection of its own; return whether it was served."""
    url = f"https://{address}/o/{seal(a_token(message_id), RING)}.gif"
    try:
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(url, ssl=context) as response,
        ):
            return (response.status, len(await response.read())) == (200, 43)
    except aiohttp.ClientConnectorCertificateError:
        return False


async def is_healthy(address: str, tls: Tls | None) -> bool:
    """Return whether gRPC at *address* answers over a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with open_channel(address, credentials=tls, options=options) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    while True:
        if await holds():
            return
        # There is nothing to wait for but the next attempt.
        await asyncio.sleep(0.1)


async def test_certificates_are_renewed_under_running_clients(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A stream goes on, and new connections of gRPC and HTTP are shown the new certificate."""
    old = Tls(ca=certificates.authority.write(tmp_path, "old-ca"))
    async with (
        a_pixel_service(tmp_path, certificates.protection()) as addresses,
        OpenStream(addresses.grpc, position=LogEnd.EARLIEST, credentials=old) as opens,
    ):
        assert await fetched(addresses.http, "before", certificates.context())
        assert (await anext(opens)).mail.message_id == "before"

        # Of another authority, so that a client tells the two apart.
        Certificates(certificates.folder)
        new = Tls(ca=certificates.ca)
        await until(lambda: is_healthy(addresses.grpc, new))
        await until(lambda: fetched(addresses.http, "after", certificates.context()))

        assert not await is_healthy(addresses.grpc, old)
        assert (await anext(opens)).mail.message_id == "after"


async def test_plain_text_and_foreign_authorities_get_no_answer(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Where TLS is served nothing else is, and a client that believes somebody else leaves."""
    foreign = Certificates(tmp_path / "foreign")
    async with (
        an_injector_service(tmp_path, certificates.protection()) as injector,
        a_pixel_service(tmp_path, certificates.protection()) as pixel,
    ):
        for address in (injector, pixel.grpc):
            assert await is_healthy(address, Tls(ca=certificates.ca))
            assert not await is_healthy(address, Tls(ca=foreign.ca))
            assert not await is_healthy(address, None)
        assert await fetched(pixel.http, "m", certificates.context())
        assert not await fetched(pixel.http, "m", foreign.context())
        async with aiohttp.ClientSession() as browser:
            for address in (pixel.http, pixel.admin):
                with pytest.raises(aiohttp.ClientError):
                    await browser.get(f"http://{address}/healthz")


async def test_operators_tools_are_for_who_shows_a_certificate(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Of the authority that the operator named; they say until when each port's lasts."""
    foreign = Certificates(tmp_path / "foreign")
    with_foreign = certificates.context()
    with_foreign.load_cert_chain(*foreign.client)
    async with (
        a_pixel_service(tmp_path, certificates.protection()) as addresses,
        aiohttp.ClientSession() as operator,
    ):
        url = f"https://{addresses.admin}/metrics"
        async with operator.get(url, ssl=certificates.context(with_certificate=True)) as response:
            metrics = await response.text()
        for context in (certificates.context(), with_foreign):
            with pytest.raises(aiohttp.ClientError):
                await operator.get(url, ssl=context)

    for port in ("grpc", "http", "admin"):
        assert f'certificate_not_after_seconds{{port="{port}"}} 1.' in metrics


async def test_operators_tool_that_is_no_longer_believed_is_refused(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Also one that was connected: its next question is asked by a new connection."""
    foreign = Certificates(tmp_path / "foreign")
    believed = certificates.authority.write(tmp_path, "believed")
    files = dataclasses.replace(certificates.plain, client_ca=believed)
    async with (
        a_pixel_service(tmp_path, Protection(admin_tls=files)) as addresses,
        aiohttp.ClientSession() as operator,
    ):
        context = certificates.context(with_certificate=True)

        async def is_answered() -> bool:
            try:
                async with operator.get(
                    f"https://{addresses.admin}/healthz", ssl=context
                ) as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        async def is_refused() -> bool:
            return not await is_answered()

        assert await is_answered()
        assert await is_answered()
        put(believed, foreign.authority.certificate)
        await until(is_refused)


async def test_client_without_a_certificate_is_refused(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Where gRPC asks for one, of whom the operator says; that may change while it runs."""
    foreign = Certificates(tmp_path / "foreign")
    believed = certificates.authority.write(tmp_path, "believed")
    files = dataclasses.replace(certificates.plain, client_ca=believed)
    own, other = (
        Tls(ca=certificates.ca, certificate=certificate, key=key)
        for certificate, key in (certificates.client, foreign.client)
    )
    async with an_injector_service(tmp_path, Protection(grpc_tls=files)) as address:
        assert await is_healthy(address, own)
        assert not await is_healthy(address, other)
        assert not await is_healthy(address, Tls(ca=certificates.ca))

        put(believed, foreign.authority.certificate)
        await until(lambda: is_healthy(address, other))
        assert not await is_healthy(address, own)


async def ran(program: str, *arguments: str, **variables: str) -> tuple[int | None, str]:
    """Run a command; return its status, and all that it has said."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name(program),
        *arguments,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_commands_speak_tls(certificates: Certificates, tmp_path: Path) -> None:
    """By options or by variables; one that does not is told that nobody answers, in one line."""
    certificate, key = certificates.client
    files = {"ca": certificates.ca, "client-certificate": certificate, "client-key": key}
    options = [f"--{name}={path}" for name, path in files.items()]
    variables = {
        f"EMAILOPENS_{name.upper().replace('-', '_')}": str(path) for name, path in files.items()
    }
    protection = Protection(grpc_tls=certificates.mutual)
    async with (
        an_injector_service(tmp_path, protection) as injector,
        a_pixel_service(tmp_path, protection) as pixel,
    ):
        calls = [
            ("injector-service", "configurations", "list", f"--target={injector}"),
            ("pixel-service", "subscriptions", "list", f"--target={pixel.grpc}"),
            ("pixel-service", "stream", "--stop-at-head", f"--target={pixel.grpc}"),
        ]
        said = await asyncio.gather(
            *(ran(*call, *options) for call in calls),
            ran(*calls[0], **variables),
            ran(*calls[0]),
        )

    *right, (status, text) = said
    assert [status for status, _ in right] == [0, 0, 0, 0], said
    # A list has its heading by then, and gRPC no lines of its own.
    _, last = text.splitlines()
    assert (status, last.startswith("injector-service: UNAVAILABLE: ")) == (1, True), text


async def test_file_that_a_command_cannot_use_is_named(tmp_path: Path) -> None:
    """Before anything is called."""
    missing = tmp_path / "ca.pem"
    says = f"{missing}: No such file or directory\n"
    said = await asyncio.gather(
        ran("injector-service", "configurations", "get", "x", f"--ca={missing}"),
        ran("pixel-service", "stream", "--wait", f"--ca={missing}"),
        ran("pixel-service", "log", "stats", f"--client-key={missing}"),
    )

    assert list(said) == [
        (1, f"injector-service: {says}"),
        (1, f"pixel-service: {says}"),
        (2, "pixel-service: --client-key needs --client-certificate\n"),
    ]


@pytest.mark.guarantee("G9", "Unless it is told otherwise")
@pytest.mark.parametrize("program", ["injector-service", "pixel-service"])
async def test_service_does_not_start_open_to_other_machines(program: str, tmp_path: Path) -> None:
    """It ends at once, with one line that has the ways out, and has made nothing."""
    data = tmp_path / "data"
    said = await asyncio.gather(
        *(
            ran(program, "serve", f"--data={data}", f"--{port}=0.0.0.0:0")
            for port in ("grpc", "admin")
        )
    )

    for status, text in said:
        assert (status, text.count("\n")) == (1, 1), text
        for way in ("-tls-certificate", "--insecure-plaintext", "--insecure-no-keys", "127.0.0.1"):
            assert way in text
    assert not data.exists()


@pytest.mark.parametrize("program", ["injector-service", "pixel-service"])
async def test_operator_may_say_that_a_service_is_open(program: str, tmp_path: Path) -> None:
    """Then the address is tried: that of documentation (RFC 5737), which no machine has."""
    status, text = await ran(
        program,
        "serve",
        f"--data={tmp_path}",
        "--grpc=192.0.2.1:1",
        *(["--http=127.0.0.1:0"] if program == "pixel-service" else []),
        "--insecure-plaintext",
        "--insecure-no-keys",
    )

    assert (status, text) == (
        1,
        f"{program}: cannot listen at 192.0.2.1:1: Cannot assign requested address\n",
    )


async def said_by_openssl(address: str, certificates: Certificates, *options: str) -> str:
    """Return all that its client says of *address*."""
    certificate, key = certificates.client
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        address,
        "-CAfile",
        certificates.ca,
        "-verify_return_error",
        "-cert",
        certificate,
        "-key",
        key,
        *options,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode("utf-8", "replace")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here")
async def test_openssl_finds_tls_of_today_on_every_port(
    certificates: Certificates, tmp_path: Path
) -> None:
    """TLS 1.2 and 1.3 with a chain that it verifies, and nothing older."""
    protection = Protection(
        grpc_tls=certificates.mutual, http_tls=certificates.plain, admin_tls=certificates.mutual
    )
    async with (
        an_injector_service(tmp_path, protection) as injector,
        a_pixel_service(tmp_path, protection) as pixel,
    ):
        for address in (injector, pixel.grpc, pixel.http, pixel.admin):
            for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
                text = await said_by_openssl(address, certificates, version)
                assert "Verify return code: 0 (ok)" in text, text
                assert f"{name}, Cipher is " in text, text
            # Its own security level would refuse before the service does.
            old = ("-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0")
            text = await said_by_openssl(address, certificates, *old)
            assert "Cipher is (NONE)" in text, text


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not here")
async def test_node_calls_grpc_by_tls(certificates: Certificates, tmp_path: Path) -> None:
    """With its own HTTP/2 and TLS, and a certificate of its own."""
    certificate, key = certificates.client
    program = ROOT / "tests/end_to_end/node/health_by_tls.js"
    async with an_injector_service(tmp_path, Protection(grpc_tls=certificates.mutual)) as address:
        process = await asyncio.create_subprocess_exec(
            "node",
            program,
            address,
            certificates.ca,
            certificate,
            key,
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()

    assert json.loads(output) == {"grpc-status": "0", "message": "0801"}  # SERVING
