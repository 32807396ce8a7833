"""Who operates the network of an address, from databases in MaxMind's format."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDatabases:
    """Where the operator keeps databases; None for one that is not there."""

    autonomous_systems: Path | None = None
    """Such as GeoLite2-ASN.mmdb."""

    countries: Path | None = None
    """Such as GeoLite2-Country.mmdb."""
