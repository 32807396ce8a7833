"""A client speaks TLS with files, and says which of them is wrong."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from emailopens_client.channels import Tls, TlsFilesUnusable, open_channel
from tests.fixtures.certificates import Authority, Pair

METHOD = "/t.T/M"


async def answer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    del request
    names: bytes = b"|".join(context.peer_identities() or ())
    return names


@contextlib.asynccontextmanager
async def served(pair: Pair, client_ca: bytes | None = None) -> AsyncIterator[str]:
    """Answer at the address with the names that the client's certificate has."""
    server = grpc.aio.server()
    handlers: dict[str, Any] = {"M": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
    credentials = grpc.ssl_server_credentials(
        [(pair.key, pair.certificate)], client_ca, require_client_auth=client_ca is not None
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def called(address: str, tls: Tls) -> bytes:
    """Return what is answered to a call over a channel of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with open_channel(address, credentials=tls, options=options) as channel:
        call: Any = channel.unary_unary(METHOD)
        return bytes(await call(b"", timeout=30))


async def test_service_is_believed_that_the_authority_signed(tmp_path: Path) -> None:
    """And no other, whatever name it has."""
    authority, ca = Authority.written(tmp_path)
    async with served(authority.issue()) as address, served(Authority().issue()) as foreign:
        assert await called(address, Tls(ca=ca)) == b""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await called(foreign, Tls(ca=ca))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_client_shows_its_certificate(tmp_path: Path) -> None:
    """From two files, or from one that has the key, too."""
    authority, ca = Authority.written(tmp_path)
    certificate, key = authority.issue(names=("crm.internal",)).write(tmp_path, "crm")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    async with served(authority.issue(), authority.certificate) as address:
        assert (
            await called(address, Tls(ca=ca, certificate=certificate, key=key)) == b"crm.internal"
        )
        assert await called(address, Tls(ca=ca, certificate=both)) == b"crm.internal"


async def test_files_are_read_for_each_connection(tmp_path: Path) -> None:
    """What was renewed is used by the next connection."""
    authority, ca = Authority.written(tmp_path)
    certificate, key = authority.issue(names=("old.internal",)).write(tmp_path, "crm")
    tls = Tls(ca=ca, certificate=certificate, key=key)
    async with served(authority.issue(), authority.certificate) as address:
        before = await called(address, tls)
        authority.issue(names=("new.internal",)).write(tmp_path, "crm")
        after = await called(address, tls)

    assert (before, after) == (b"old.internal", b"new.internal")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("no file", "No such file or directory"),
        ("no PEM", "not a certificate in PEM"),
    ],
)
def test_authority_that_cannot_be_used_is_named(tmp_path: Path, wrong: str, said: str) -> None:
    """Before anything is called: gRPC would only say that nothing answers."""
    ca = tmp_path / "ca.pem"
    if wrong == "no PEM":
        ca.write_text("nothing\N{EURO SIGN}")

    with pytest.raises(TlsFilesUnusable, match=f"{ca}: {said}"):
        Tls(ca=ca).credentials()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("another's key", "key values mismatch"),
        ("no key", "No such file or directory"),
        ("no PEM", "no PEM, or with a password"),
        ("a password", "no PEM, or with a password|bad decrypt"),
    ],
)
def test_pair_that_cannot_be_used_is_named(tmp_path: Path, wrong: str, said: str) -> None:
    """With both files; a password is not asked for at the terminal."""
    pair = Authority().issue()
    certificate, key = pair.write(tmp_path)
    match wrong:
        case "another's key":
            key.write_bytes(Authority().issue().key)
        case "no key":
            key.unlink()
        case "no PEM":
            key.write_bytes(b"nothing")
        case _:
            key.write_bytes(encrypted(pair.key))

    with pytest.raises(TlsFilesUnusable, match=f"{certificate} and {key}: ({said})"):
        Tls(certificate=certificate, key=key).credentials()


def encrypted(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization as pem  # noqa: PLC0415 - of one test

    return pem.load_pem_private_key(key, None).private_bytes(
        pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"a password")
    )


def test_key_alone_is_refused() -> None:
    """It is nothing without its certificate, which was forgotten."""
    with pytest.raises(ValueError, match="a key needs the certificate"):
        Tls(key=Path("key.pem"))


async def test_expired_service_is_not_believed(tmp_path: Path) -> None:
    """Its time is over, whoever signed it."""
    authority, ca = Authority.written(tmp_path)
    async with served(authority.issue(lasts=-dt.timedelta(hours=1))) as address:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await called(address, Tls(ca=ca))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
