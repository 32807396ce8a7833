"""How long to wait before calling again."""

import random
import time
from typing import Final

SHORTEST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 30.0

# After a minute without trouble the next failure is a new one.
HEALTHY_SECONDS: Final = 60.0


class Backoff:
    """Waits that double from 0.2 s to 30 s, each drawn from its upper half.

    Drawn, so that clients that lost one server do not come back together.  The services
    have the like in `service_runtime.backoff`; a client needs nothing of theirs.
    """

    def __init__(self) -> None:
        self._ceiling = SHORTEST_SECONDS
        self._connected_at: float | None = None

    def connected(self) -> None:
        """Note that a call has begun to answer."""
        self._connected_at = time.monotonic()

    def next_seconds(self) -> float:
        """Return how long to wait after the call that failed now."""
        if (
            self._connected_at is not None
            and time.monotonic() - self._connected_at >= HEALTHY_SECONDS
        ):
            self._ceiling = SHORTEST_SECONDS
        self._connected_at = None
        ceiling = self._ceiling
        self._ceiling = min(ceiling * 2, LONGEST_SECONDS)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - no secret depends on it
