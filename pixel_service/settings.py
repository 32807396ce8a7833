"""Everything that the pixel service can be told from outside."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Final, Self

from pixel_service.default_addresses import DEFAULT_ADMIN, DEFAULT_GRPC, DEFAULT_HTTP
from pixel_service.endpoint.client_address import ForwardedHeader, IpNetwork
from pixel_service.errors import SettingsInvalid
from pixel_service.evidence import Judge, NetworkDatabases, load_judge
from pixel_service.open_log import DEFAULT_BURST_WINDOW
from pixel_service.recording.recorder import DEFAULT_BOUND
from pixel_service.recording.spool import DEFAULT_MAX_OCTETS
from service_runtime.drain import DEFAULT_GRACE
from service_runtime.key_ring import KEY_RING_FILE, KeyRing, load_key_ring
from service_runtime.listen import require_free, split_address

DEFAULT_DATA: Final = Path("data")

LOG_FILE: Final = "opens.db"
SPOOL_FOLDER: Final = "spool"
RANGES_FOLDER: Final = "ranges"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run."""

    http: str = DEFAULT_HTTP
    """Where pixels are served, as `host:port`."""
    grpc: str = DEFAULT_GRPC
    admin: str = DEFAULT_ADMIN
    data: Path = DEFAULT_DATA
    """The folder of the embedded log, of the spool, and of a key ring of our own."""

    log_url: str | None = None
    """None: SQLite in the data folder."""
    token_keys_file: Path | None = None
    token_keys: str | None = dataclasses.field(default=None, repr=False)
    """The key ring itself, for those who pass secrets in the environment."""

    retention: dt.timedelta = dt.timedelta(days=90)
    """Opens that are older are removed."""
    max_log_octets: int | None = None
    """The oldest opens beyond this size are removed; None: no limit."""
    burst_window: dt.timedelta = DEFAULT_BURST_WINDOW
    log_bound: dt.timedelta = DEFAULT_BOUND
    """How late the log may be before opens go to the spool."""
    max_spool_octets: int = DEFAULT_MAX_OCTETS

    evidence_rules: Path | None = None
    """A rule file instead of the built-in one."""
    evidence_ranges: Path | None = None
    """The folder of updated address ranges; None: `ranges` in the data folder."""
    autonomous_systems: Path | None = None
    """A database of network operators in MaxMind's format."""
    countries: Path | None = None

    trusted_proxies: tuple[IpNetwork, ...] = ()
    forwarded_header: ForwardedHeader = ForwardedHeader.X_FORWARDED_FOR
    max_streams: int = 2_000
    workers: int = 1
    worker_index: int = 0
    """Which of the workers this process is."""
    grace: dt.timedelta = DEFAULT_GRACE

    @property
    def effective_log_url(self) -> str:
        """The URL of the log."""
        return self.log_url or default_log_url(self.data)

    def load_judge(self) -> Judge:
        """Return the judge of fetches.

        Raises:
            EvidenceError: something that was supplied cannot be used.
        """
        ranges = self.evidence_ranges or self.data / RANGES_FOLDER
        databases = NetworkDatabases(
            autonomous_systems=self.autonomous_systems, countries=self.countries
        )
        return load_judge(rules=self.evidence_rules, ranges=ranges, networks=databases)

    def load_key_ring(self) -> KeyRing:
        """Return the key ring; without one given, that of the data folder, made if needed.

        Raises:
            KeyRingError: it cannot be read.
        """
        return load_key_ring(
            text=self.token_keys, file=self.token_keys_file, default=self.data / KEY_RING_FILE
        )

    def for_worker(self, index: int) -> Self:
        """Return the settings of one of several workers.

        All share the ports of pixels and streams. Operators' tools ask each at a port
        of its own: those that follow the one that was given.
        """
        host, port = split_address(self.admin)
        admin = f"[{host}]:{port + index}" if ":" in host else f"{host}:{port + index}"
        return dataclasses.replace(self, worker_index=index, admin=admin)

    def check_workers(self) -> None:
        """Check what several workers need: ports that are given, and free.

        Raises:
            SettingsInvalid: a port is 0, so that each worker would take another one.
            ListenError: an address is taken, or none of ours.
        """
        for address in (self.http, self.grpc, self.admin):
            _, port = split_address(address)
            if port == 0:
                raise SettingsInvalid("several workers share their ports, so port 0 will not do")
            # The workers share ports, so that they would not notice another service
            # that shares them, too.
            require_free(address)


def default_log_url(data: Path) -> str:
    """Return the URL of the embedded log in the folder *data*."""
    return f"sqlite:///{data.absolute() / LOG_FILE}"
