"""Lists are fetched from real servers over TLS, and from nowhere else."""

import datetime as dt
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pixel_service.evidence import RangesInvalid
from pixel_service.evidence.range_download import read_source

LIST = b"192.0.2.0/24\n"


class Lists(http.server.BaseHTTPRequestHandler):
    """Serves a list, ways to it, and ways out."""

    places = {  # noqa: RUF012 - never changed
        "/list": (200, {}, LIST),
        "/here": (302, {"Location": "/list"}, b""),
        "/plain": (302, {"Location": "http://127.0.0.1:1/list"}, b""),
        "/file": (302, {"Location": "file:///etc/hostname"}, b""),
    }

    def do_GET(self) -> None:
        status, headers, body = self.places.get(self.path, (404, {}, b"not here"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's output is the test's."""


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lists")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    certificate_file, key_file = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists) as served:
        served.socket = context.wrap_socket(served.socket, server_side=True)
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/list", "/here"])
def test_a_list_is_fetched(server: str, path: str) -> None:
    """A list, or a redirect to one, gives its octets."""
    assert read_source(server + path) == LIST


@pytest.mark.parametrize("path", ["/plain", "/file"])
def test_a_redirect_out_of_https_is_refused(server: str, path: str) -> None:
    """Nobody on the way may exchange the list for another."""
    with pytest.raises(RangesInvalid, match=r"only https URLs|answered 302"):
        read_source(server + path)


def test_an_error_page_is_no_list(server: str) -> None:
    """The status is told, and the page not taken."""
    with pytest.raises(RangesInvalid, match="answered 404"):
        read_source(server + "/missing")


def test_an_untrusted_server_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that nobody vouches for ends it."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(RangesInvalid, match="certificate"):
        read_source(server + "/list")
