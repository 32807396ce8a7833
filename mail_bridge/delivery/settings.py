"""What operators can tell of tracking."""

import dataclasses
from typing import Final

from emailopens_client.api_keys import ApiKeyFile
from emailopens_client.channels import Tls
from mail_bridge.when_untracked import WhenUntracked

DEFAULT_INJECTOR: Final = "127.0.0.1:50051"

# A message of 10 KB takes a millisecond, one of 26 MB a fifth of a second; the rest is for an
# injector that starts again meanwhile.
DEFAULT_DEADLINE_SECONDS: Final = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrackingSettings:
    """Who makes the pixels, and for how long mail waits for them."""

    injector: str = DEFAULT_INJECTOR
    tls: Tls | None = None
    """None: the injector is spoken to in the clear."""
    api_key: ApiKeyFile = dataclasses.field(default_factory=ApiKeyFile)

    configuration_ids: tuple[str, ...] = ()
    """What applies to messages for which neither a header field nor the sender names one."""

    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    when_untracked: WhenUntracked = WhenUntracked.PASS
