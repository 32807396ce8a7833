"""TLS to the next hop."""

import enum
import ssl
from pathlib import Path


class NextHopTls(enum.StrEnum):
    """Whether mail goes on by STARTTLS (RFC 3207)."""

    NONE = "none"
    """It does not."""

    OPPORTUNISTIC = "opportunistic"
    """Where the next hop has it, whoever that is (RFC 7435): against whoever only listens."""

    REQUIRED = "required"
    """Always, and the certificate must be the next hop's."""


def client_context(tls: NextHopTls, ca: Path | None) -> ssl.SSLContext:
    """Return what a connection needs.

    Args:
        tls: whether the certificate is looked at.
        ca: who signs it, as PEM; None: the authorities that the system knows.

    Raises:
        OSError: *ca* cannot be used; `ssl.SSLError` is one.
    """
    if tls is NextHopTls.REQUIRED:
        context = ssl.create_default_context(cafile=ca)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def ca_problem(error: OSError) -> str:
    """Return why a file with authorities cannot be used."""
    return "not a certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror or ""
