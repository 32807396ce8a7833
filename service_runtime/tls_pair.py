"""A certificate and its key, read from their files and seen to belong together."""

import dataclasses
import datetime as dt
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from service_runtime.private_files import PrivateFileError, read_file
from service_runtime.tls_files import TlsError, TlsFiles

# A chain is some kilobytes, an authority's bundle some hundred; more is neither.
_MAX_OCTETS: Final = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServedPair:
    """What a port shows, and whose clients it believes."""

    certificate: bytes
    """With its chain, as PEM."""

    key: bytes = dataclasses.field(repr=False)

    client_ca: bytes | None

    not_after: dt.datetime
    """When the certificate expires."""

    context: ssl.SSLContext
    """The same for connections of Python's own TLS."""


def load_pair(files: TlsFiles) -> ServedPair:
    """Return what is in *files*.

    Raises:
        TlsError: one is missing or is not what it must be, or the key is another's.
    """
    certificate, key = _read(files.certificate), _read(files.key)
    client_ca = None if files.client_ca is None else _read(files.client_ca)
    try:
        leaf = x509.load_pem_x509_certificates(certificate)[0]
    except ValueError:
        raise TlsError(f"{files.certificate}: not a certificate in PEM") from None
    try:
        private_key = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        raise TlsError(f"{files.key}: not a private key in PEM, or one with a password") from None
    if private_key.public_key() != leaf.public_key():
        raise TlsError(f"{files.key}: not the key of {files.certificate}")
    return ServedPair(
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        not_after=leaf.not_valid_after_utc,
        context=_context(files, client_ca),
    )


def _read(path: Path) -> bytes:
    try:
        return read_file(path, max_octets=_MAX_OCTETS)
    except PrivateFileError as error:
        raise TlsError(str(error)) from error


def _context(files: TlsFiles, client_ca: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password="")
    except OSError as error:
        # Such as a key that is too short; or the files have been replaced since.
        raise TlsError(f"{files.certificate}: {_reason_of(error)}") from None
    if client_ca is not None:
        try:
            context.load_verify_locations(cadata=client_ca.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError):
            raise TlsError(f"{files.client_ca}: not a certificate in PEM") from None
        context.verify_mode = ssl.CERT_REQUIRED
        # No connection goes on by a ticket: whoever signed it may not be believed any more.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    return context


def _reason_of(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or "it cannot be used"
