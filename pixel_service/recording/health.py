"""How recording goes."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordingHealth:
    """What the readiness check and the metrics show."""

    recorded: int
    """Opens brought into the log since the start."""

    missing: int
    """Opens that were promised and cannot be read, since the start."""

    refused: int
    """Opens that the log's database does not take, since the start."""

    objected: int
    """Opens left out since the start, of those who have objected."""

    late_seconds: float
    """Age of the oldest open that is not in the log: how late subscribers are."""

    is_failing: bool
    """Whether the log, or a journal, does not let us go on."""
