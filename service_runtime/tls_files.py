"""The files that a port needs to speak TLS."""

import dataclasses
from pathlib import Path


class TlsError(Exception):
    """TLS cannot be spoken.  The text says which file is wrong, and why; it holds no key."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the certificate of a port is, and its key, as PEM."""

    certificate: Path
    """With its chain, as certbot's `fullchain.pem`."""

    key: Path

    client_ca: Path | None = None
    """Who signs clients' certificates; None: clients are not asked for any."""
