"""How a journal stands: for the readiness check and the metrics."""

import dataclasses
import enum


class JournalState(enum.Enum):
    """What becomes of what is appended, from good to bad."""

    DURABLE = "durable"

    MEMORY = "memory"
    """The disk does not take it; it is held in memory and will not survive a crash."""

    LOSING = "losing"
    """There is no room left; it is lost."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JournalHealth:
    """What the readiness check and the metrics show."""

    state: JournalState
    appended: int
    """Made durable since the start."""

    held: int
    """In memory only, now."""

    lost: int
    """Lost since the start."""

    octets: int
    """Size of this journal's segments."""

    free_octets: int
    """What the disk still takes, as of a second ago."""

    has_room: bool
    """Whether that is enough."""
