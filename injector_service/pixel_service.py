"""Which pixel service says who has objected, and how it is called."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PixelService:
    """As it is given; without gRPC, which the command line need not load."""

    target: str
    """As `HOST` or `HOST:PORT`."""

    tls: bool = False
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    api_key_file: Path | None = None
