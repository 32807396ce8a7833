"""Which injector services say how many messages they tracked, and how they are called."""

import dataclasses
from pathlib import Path
from typing import Final

# Where an injector service serves gRPC unless it is told otherwise.
DEFAULT_INJECTOR_PORT: Final = 50051


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Injectors:
    """As they are given; without gRPC, which the processes that answer mail clients lack."""

    targets: tuple[str, ...] = ()
    """As `HOST` or `HOST:PORT`; one of those that share a database is enough."""

    tls: bool = False
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    api_key_file: Path | None = None
