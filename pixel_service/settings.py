"""Everything that the pixel service can be told from outside."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pixel_service.default_addresses import DEFAULT_ADMIN, DEFAULT_GRPC, DEFAULT_HTTP
from pixel_service.endpoint import (
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_OF_NETWORK,
    ConnectionLimits,
)
from pixel_service.endpoint.client_address import ForwardedHeader, IpNetwork
from pixel_service.evidence import JudgeLoader, NetworkDatabases
from pixel_service.injectors import Injectors
from pixel_service.intake import DEFAULT_MAX_OPENS, DEFAULT_WINDOW_SECONDS
from pixel_service.journal import DEFAULT_MAX_OCTETS
from pixel_service.open_log import DEFAULT_BURST_WINDOW
from service_runtime.api_keys import ApiKeys
from service_runtime.descriptors import descriptors_for_connections
from service_runtime.drain import DEFAULT_GRACE
from service_runtime.key_ring import KEY_RING_FILE, KeyRing, load_key_ring
from service_runtime.listen import bound_address, split_address
from service_runtime.protection import Protection, ServedPort

DEFAULT_DATA: Final = Path("data")

LOG_FILE: Final = "opens.db"
JOURNAL_FOLDER: Final = "journal"
OLD_SPOOL_FOLDER: Final = "spool"
RANGES_FOLDER: Final = "ranges"
PAGE_SOCKET: Final = "page.sock"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run."""

    http: str = DEFAULT_HTTP
    """Where pixels are served, as `host:port`."""
    grpc: str = DEFAULT_GRPC
    admin: str = DEFAULT_ADMIN
    page: str | None = None
    """Where people look at their opens, as `host:port`; None: nowhere."""
    page_hosts: tuple[str, ...] = ()
    """What a proxy in front calls the page."""
    data: Path = DEFAULT_DATA
    """The folder of the embedded log, of the journals, and of a key ring of our own."""

    log_url: str | None = None
    """None: SQLite in the data folder."""
    token_keys_file: Path | None = None
    token_keys: str | None = dataclasses.field(default=None, repr=False)
    """The key ring itself, for those who pass secrets in the environment."""
    protection: Protection = dataclasses.field(default_factory=Protection)
    """TLS, and who may call."""

    api_keys: Path | None = None
    """The file of API keys; None: whoever gets there may call."""
    no_reflection: bool = False
    """Whether clients are not told what can be called."""

    retention: dt.timedelta = dt.timedelta(days=90)
    """Opens that are older are removed."""
    statistics_retention: dt.timedelta = dt.timedelta(days=800)
    """Counts of days that are older are removed."""
    min_group_size: int = 10
    """What has fewer messages than this, or opens, is not told apart in statistics."""
    max_log_octets: int | None = None
    """The oldest opens beyond this size are removed; None: no limit."""
    burst_window: dt.timedelta = DEFAULT_BURST_WINDOW
    max_opens_of_message: int = DEFAULT_MAX_OPENS
    """Beyond so many in the window, fetches of a message are counted and not recorded."""
    open_window: dt.timedelta = dt.timedelta(seconds=DEFAULT_WINDOW_SECONDS)
    max_journal_octets: int = DEFAULT_MAX_OCTETS
    """Size of an endpoint process's journal, which keeps opens until the log has them."""

    injectors: Injectors = dataclasses.field(default_factory=Injectors)
    """Who says how many messages were tracked."""

    evidence_rules: Path | None = None
    """A rule file instead of the built-in one."""
    evidence_ranges: Path | None = None
    """The folder of updated address ranges; None: `ranges` in the data folder."""
    refresh_ranges: bool = False
    """Whether the log process fetches published ranges every day."""
    autonomous_systems: Path | None = None
    """A database of network operators in MaxMind's format."""
    countries: Path | None = None

    trusted_proxies: tuple[IpNetwork, ...] = ()
    forwarded_header: ForwardedHeader = ForwardedHeader.X_FORWARDED_FOR
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    """Of mail clients, to one endpoint process."""
    max_connections_of_network: int = DEFAULT_MAX_OF_NETWORK
    """Of those, from one IPv4 address or IPv6 /64."""
    max_streams: int = 2_000
    max_streams_of_caller: int = 500
    """Of those, to one API key or name in a certificate."""
    webhook_allow_private: bool = False
    """Whether webhooks may lead to addresses that are not public."""
    workers: int = 1
    """Processes that answer mail clients; 0: one process does everything."""
    reuse_port: bool = False
    """Whether another instance may listen where pixels are served, too."""
    grace: dt.timedelta = DEFAULT_GRACE

    @property
    def effective_log_url(self) -> str:
        """The URL of the log."""
        return self.log_url or default_log_url(self.data)

    @property
    def has_own_evidence(self) -> bool:
        """Whether anything was supplied to judge by, which may be wrong."""
        supplied = (
            self.evidence_rules,
            self.evidence_ranges,
            self.autonomous_systems,
            self.countries,
        )
        return any(supplied) or (self.data / RANGES_FOLDER).is_dir()

    @property
    def ranges_folder(self) -> Path:
        """Where updated address ranges are."""
        return self.evidence_ranges or self.data / RANGES_FOLDER

    def judge_loader(self) -> JudgeLoader:
        """Return what loads the judge of fetches.

        Raises:
            EvidenceError: something that was supplied cannot be used.
        """
        databases = NetworkDatabases(
            autonomous_systems=self.autonomous_systems, countries=self.countries
        )
        return JudgeLoader(rules=self.evidence_rules, ranges=self.ranges_folder, networks=databases)

    def load_api_keys(self) -> ApiKeys | None:
        """Return the API keys; None if none are needed.

        Raises:
            ApiKeysError: their file cannot be used.
        """
        return None if self.api_keys is None else ApiKeys(self.api_keys)

    def load_key_ring(self) -> KeyRing:
        """Return the key ring; without one given, that of the data folder, made if needed.

        Raises:
            KeyRingError: it cannot be read.
        """
        return load_key_ring(
            text=self.token_keys, file=self.token_keys_file, default=self.data / KEY_RING_FILE
        )

    @property
    def connection_limits(self) -> ConnectionLimits:
        """How many mail clients may be connected, as far as there are descriptors for them."""
        in_all = min(self.max_connections, descriptors_for_connections())
        return ConnectionLimits(
            in_all=in_all, for_each_network=min(self.max_connections_of_network, in_all)
        )

    @property
    def ports(self) -> Sequence[ServedPort]:
        """The ports that must not be open to others by mistake."""
        has_api_keys = self.api_keys is not None
        ports = self.protection.ports(grpc=self.grpc, admin=self.admin, has_api_keys=has_api_keys)
        if self.page is None:
            return ports
        return [*ports, self.protection.page_port(self.page, has_api_keys=has_api_keys)]

    @property
    def page_socket(self) -> str | None:
        """Where the page calls the log process, as any client by the contract; None: nowhere."""
        # As the folder was named: what is absolute may be longer than a socket's path can be.
        return None if self.page is None else f"unix:{self.data / PAGE_SOCKET}"

    @property
    def journal_folder(self) -> Path:
        """Where the journals are."""
        return self.data / JOURNAL_FOLDER

    @property
    def old_spool_folder(self) -> Path:
        """Where versions before the journal kept what their log did not take."""
        return self.data / OLD_SPOOL_FOLDER

    def admin_of(self, index: int) -> str:
        """Return where the process *index* answers operators' tools.

        Those of endpoint processes come first, the log process's port follows theirs.
        """
        _, port = split_address(self.admin)
        return bound_address(self.admin, port + index if port else 0)


def default_log_url(data: Path) -> str:
    """Return the URL of the embedded log in the folder *data*."""
    return f"sqlite:///{data.absolute() / LOG_FILE}"
