"""What is counted of messages that were tracked."""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Final, NamedTuple

HOUR_US: Final = 3_600_000_000
HOURS_OF_DAY: Final = 24


class Dimension(enum.IntEnum):
    """What tells messages apart; the numbers are those of the contract."""

    ALL = 0
    TAG = 1
    MAILBOX_PROVIDER = 2
    PRIVACY_LEVEL = 3


class TrackedKind(NamedTuple):
    """What one count is of."""

    hour: int
    """The hour of the rewriting, in hours since 1970 UTC."""

    configuration_id: str
    dimension: Dimension
    value: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Counts that have changed since a revision."""

    source_id: str
    counts: Sequence[tuple[TrackedKind, int]]
    """Each kind with how many messages there are by now."""

    revision: int
    has_more: bool
