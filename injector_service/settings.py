"""Everything the injector service can be told from outside."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from injector_service.base_url import is_base_url
from injector_service.errors import SettingsInvalid
from injector_service.pixel_service import PixelService
from injector_service.rewrite_request import DEFAULT_MAX_MESSAGE_OCTETS
from service_runtime.api_keys import ApiKeys
from service_runtime.data_folder import prepare_data_folder
from service_runtime.drain import DEFAULT_GRACE
from service_runtime.key_ring import KEY_RING_FILE, KeyRing, load_key_ring
from service_runtime.protection import Protection, ServedPort

DEFAULT_GRPC: Final = "127.0.0.1:50051"
DEFAULT_DATA: Final = Path("data")
DEFAULT_PIXEL_BASE_URL: Final = "http://127.0.0.1:8080"

# One small row is read at each look; operators wait for nothing longer than this.
DEFAULT_REFRESH_INTERVAL: Final = dt.timedelta(seconds=2)

# With messages of the greatest size, 50 MiB each, these may need more than 20 GB
# (measured: eight at once 1.4 GB); with those of most senders a few megabytes.
DEFAULT_MAX_CALLS: Final = 128

DATABASE_FILE: Final = "injector.db"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run.

    Raises:
        SettingsInvalid: the pixel base URL is none.
    """

    grpc: str = DEFAULT_GRPC
    """Where gRPC is served, as `host:port`."""

    admin: str | None = None
    """Where operators' tools are answered; None for nowhere."""

    data: Path = DEFAULT_DATA
    """The folder of the embedded database, and of a key ring of our own."""

    database_url: str | None = dataclasses.field(default=None, repr=False)
    """None: SQLite in the data folder.  It may hold a password."""

    token_keys_file: Path | None = None
    token_keys: str | None = dataclasses.field(default=None, repr=False)
    """The key ring itself, for those who pass secrets in the environment."""

    api_keys: Path | None = None
    """The file of API keys; None: whoever gets there may call."""
    no_reflection: bool = False
    """Whether clients are not told what can be called."""
    protection: Protection = dataclasses.field(default_factory=Protection)
    """TLS, and who may call."""

    pixel_service: PixelService | None = None
    """Who says which recipients have objected; None: nobody is asked."""

    pixel_base_url: str = DEFAULT_PIXEL_BASE_URL
    """For configurations that have none of their own."""

    max_message_octets: int = DEFAULT_MAX_MESSAGE_OCTETS
    max_calls: int = DEFAULT_MAX_CALLS
    """Calls at once, whose messages are all in memory."""

    refresh_interval: dt.timedelta = DEFAULT_REFRESH_INTERVAL
    """How soon changes of configurations by other processes are seen."""

    reuse_port: bool = False
    """Whether several processes may listen at one address."""

    grace: dt.timedelta = DEFAULT_GRACE

    def __post_init__(self) -> None:
        if not is_base_url(self.pixel_base_url):
            raise SettingsInvalid(
                "the pixel base URL must be an http or https URL of at most 200 characters,"
                " without query and fragment"
            )

    @property
    def effective_database_url(self) -> str:
        """The URL of the configurations' database."""
        return self.database_url or f"sqlite:///{self.data.absolute() / DATABASE_FILE}"

    def load_api_keys(self) -> ApiKeys | None:
        """Return the API keys; None if none are needed.

        Raises:
            ApiKeysError: their file cannot be used.
        """
        return None if self.api_keys is None else ApiKeys(self.api_keys)

    @property
    def ports(self) -> Sequence[ServedPort]:
        """The ports that must not be open to others by mistake."""
        return self.protection.ports(
            grpc=self.grpc, admin=self.admin, has_api_keys=self.api_keys is not None
        )

    def load_key_ring(self) -> KeyRing:
        """Return the key ring; without one given, that of the data folder, made if needed.

        Raises:
            KeyRingError: it cannot be read.
        """
        return load_key_ring(
            text=self.token_keys, file=self.token_keys_file, default=self.data / KEY_RING_FILE
        )

    def prepare_data_folder(self) -> None:
        """Make the data folder if it is needed and missing.

        Raises:
            DataFolderError: it cannot be made or written to.
        """
        has_key_ring = self.token_keys is not None or self.token_keys_file is not None
        if self.database_url is not None and has_key_ring:
            return
        prepare_data_folder(self.data)
