"""How recording stands: for the readiness check and the metrics."""

import dataclasses
import enum


class RecorderState(enum.Enum):
    """Where opens go, from good to bad."""

    LOG = "log"
    SPOOL = "spool"
    """The log does not answer; opens are durable on the local disk."""

    MEMORY = "memory"
    """Nor does the spool take them; they are held in memory and will not survive a crash."""

    LOSING = "losing"
    """There is no room left; opens are lost."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecorderHealth:
    """What the readiness check and the metrics show."""

    state: RecorderState
    spooled_octets: int
    """What waits on the disk to be drained."""

    held_opens: int
    """What waits in memory to be drained."""

    recorded_opens: int
    """Made durable by the log since the start, without detour."""

    spooled_opens: int
    """Made durable by the spool since the start."""

    lost_opens: int
    """Lost since the start."""
