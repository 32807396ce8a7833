"""Certificates are renewed from their files, and never lost."""

import asyncio
import datetime as dt
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from service_runtime import certificates
from service_runtime.certificates import Certificate, Certificates
from service_runtime.tls_files import TlsError, TlsFiles
from tests.fixtures.certificates import Authority, put

AUTHORITY = Authority()


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    certificate, key = AUTHORITY.issue("first").write(tmp_path)
    return TlsFiles(certificate=certificate, key=key)


def renew(files: TlsFiles, name: str) -> None:
    AUTHORITY.issue(name).write(files.certificate.parent)


def name_of(certificate: Certificate) -> str:
    """Return which certificate is served, by its common name."""
    decoded = ssl.PEM_cert_to_DER_cert(certificate.current.certificate.decode())
    return next(name for name in ("first", "second", "third") if name.encode() in decoded)


def test_renewed_files_are_served(files: TlsFiles) -> None:
    """From the next look on, and metrics say until when."""
    certificate = Certificate(files, port="grpc")
    before = certificate.current
    certificate.look()
    assert certificate.current is before

    renew(files, "second")
    certificate.look()

    assert name_of(certificate) == "second"


def test_links_are_followed_to_what_they_lead_to(tmp_path: Path) -> None:
    """Certbot renews by new files and new links to them, one after the other."""
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()
    files = TlsFiles(certificate=live / "fullchain.pem", key=live / "privkey.pem")

    def lay(number: int, name: str) -> Iterator[None]:
        pair = AUTHORITY.issue(name)
        for link, octets in ((files.certificate, pair.certificate), (files.key, pair.key)):
            file = archive / f"{link.stem}{number}.pem"
            file.write_bytes(octets)
            # As certbot does: a renewed file may well have the time of the former one.
            os.utime(file, (1_700_000_000, 1_700_000_000))
            link.unlink(missing_ok=True)
            link.symlink_to(f"../archive/{file.name}")
            yield

    list(lay(1, "first"))
    certificate = Certificate(files, port="grpc")
    with capture_logs() as logs:
        for _ in lay(2, "second"):
            certificate.look()

    assert name_of(certificate) == "second"
    # In the middle the new certificate had the old key.
    assert [each["event"] for each in logs] == ["certificate renewed"]


def test_file_that_is_given_to_its_reader_is_read_again(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that root has renewed for itself alone is served once the service may read it."""
    mode = files.key.stat().st_mode
    certificate = Certificate(files, port="grpc")
    renew(files, "second")
    files.key.chmod(0o000)

    def denied(_: TlsFiles) -> NoReturn:
        raise TlsError("Permission denied")

    # The user of tests may be root, to whom nothing is denied.
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(certificates, "load_pair", denied)
        for _ in range(3):
            certificate.look()
    files.key.chmod(mode)
    certificate.look()

    assert [each["event"] for each in logs] == ["certificate not renewed, keeping the old one"]
    assert name_of(certificate) == "second"


def no_file(files: TlsFiles) -> None:
    files.certificate.unlink()


def no_pem(files: TlsFiles) -> None:
    put(files.certificate, b"-----BEGIN CERTIFICATE-----\nnothing\n")


def another_key(files: TlsFiles) -> None:
    put(files.key, AUTHORITY.issue("second").key)


def no_key(files: TlsFiles) -> None:
    put(files.key, b"")


def a_pipe(files: TlsFiles) -> None:
    files.key.unlink()
    os.mkfifo(files.key)


def a_folder(files: TlsFiles) -> None:
    files.key.unlink()
    files.key.mkdir()


def too_much(files: TlsFiles) -> None:
    put(files.certificate, files.certificate.read_bytes() + bytes(2 * 1024 * 1024))


WRONG = [no_file, no_pem, another_key, no_key, a_pipe, a_folder, too_much]


@pytest.mark.parametrize("spoil", WRONG)
def test_what_cannot_be_used_keeps_the_old_certificate(
    files: TlsFiles, spoil: Callable[[TlsFiles], None]
) -> None:
    """Operators are told once, and it is counted; a good pair after that is served."""
    certificates = Certificates({"grpc": files, "http": None})
    certificate = certificates.get("grpc")
    assert certificate is not None
    spoil(files)
    with capture_logs() as logs:
        for _ in range(4):
            certificate.look()

    assert name_of(certificate) == "first"
    assert [each["event"] for each in logs] == ["certificate not renewed, keeping the old one"]
    assert str(files.certificate.parent) in logs[0]["reason"]
    assert certificate.refusals == 1

    if files.key.is_dir():
        files.key.rmdir()
    elif not stat.S_ISREG(files.key.stat().st_mode):
        files.key.unlink()
    renew(files, "third")
    certificate.look()

    assert name_of(certificate) == "third"


@pytest.mark.parametrize("spoil", WRONG)
def test_service_does_not_start_with_what_cannot_be_used(
    files: TlsFiles, spoil: Callable[[TlsFiles], None]
) -> None:
    """The error names the file; nothing waits for somebody who writes into a FIFO."""
    spoil(files)

    with pytest.raises(TlsError, match=str(files.certificate.parent)):
        Certificate(files, port="grpc")


def test_old_files_that_come_back_are_no_change(files: TlsFiles) -> None:
    """A deployment that is taken back leaves what is served."""
    certificate = Certificate(files, port="grpc")
    old = files.certificate.with_suffix(".old")
    files.certificate.rename(old)
    certificate.look()
    old.rename(files.certificate)
    with capture_logs() as logs:
        certificate.look()

    assert logs == []


def test_expired_certificate_is_served_with_a_warning(tmp_path: Path) -> None:
    """Some clients look away, and none would be better off with nothing."""
    certificate, key = AUTHORITY.issue("first", lasts=-dt.timedelta(days=1)).write(tmp_path)
    with capture_logs() as logs:
        Certificate(TlsFiles(certificate=certificate, key=key), port="http")

    assert [(each["event"], each["port"]) for each in logs] == [("certificate has expired", "http")]


def test_key_that_others_may_read_is_served_with_a_warning(files: TlsFiles) -> None:
    """It is the operator's, who may have a reason; the log names the file."""
    files.key.chmod(0o644)
    with capture_logs() as logs:
        Certificate(files, port="http")

    assert [(each["event"], each["key"]) for each in logs] == [
        ("others may read the certificate's key", str(files.key))
    ]


def test_metrics_say_until_when_a_certificate_lasts(files: TlsFiles) -> None:
    """In seconds since 1970, by port, and only for ports that speak TLS."""
    certificates = Certificates({"grpc": files, "http": None})
    not_after, refusals = certificates.collect()

    assert [(each.labels, each.value) for each in not_after.samples] == [
        ({"port": "grpc"}, certificates.get("grpc").current.not_after.timestamp())  # type: ignore[union-attr] # it is there
    ]
    assert not_after.name == "certificate_not_after_seconds"
    assert [each.value for each in refusals.samples] == [0]


@pytest.fixture
def client(tmp_path: Path) -> tuple[Path, Path]:
    return AUTHORITY.issue("a client").write(tmp_path, "client")


def seen_over(
    port: int,
    *,
    client: tuple[Path, Path] | None = None,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> str | None:
    """Return the common name that a new connection is shown; None if it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.maximum_version = version
    context.load_verify_locations(cadata=AUTHORITY.certificate.decode())
    if client:
        context.load_cert_chain(client[0], client[1])
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
            # Without a name, as clients by address do.
            context.wrap_socket(connection) as wrapped,
        ):
            wrapped.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            shown = wrapped.getpeercert()
            assert shown is not None
            # With TLS 1.3 a client learns that it is refused when it reads.
            return str(shown["subject"][0][0][1]) if wrapped.recv(1) else None
    except (ssl.SSLError, ConnectionError):
        return None


async def answer(_: web.BaseRequest) -> web.Response:
    return web.Response()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_http_connections_get_the_certificate_of_the_moment(
    files: TlsFiles, tmp_path: Path, client: tuple[Path, Path], version: ssl.TLSVersion
) -> None:
    """And the authority: who is not believed any more is refused at once."""
    authority = AUTHORITY.write(tmp_path)
    asking = TlsFiles(certificate=files.certificate, key=files.key, client_ca=authority)
    certificate = Certificate(asking, port="admin")
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.http_context()).start()
    port = runner.addresses[0][1]

    async def seen(client: tuple[Path, Path] | None) -> str | None:
        return await asyncio.to_thread(seen_over, port, client=client, version=version)

    try:
        assert await seen(client) == "first"
        assert await seen(None) is None

        renew(files, "second")
        certificate.look()
        assert await seen(client) == "second"

        put(authority, Authority().certificate)
        certificate.look()
        assert await seen(client) is None
    finally:
        await runner.cleanup()
