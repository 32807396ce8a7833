"""Says of an outage that it has begun, once a minute that it goes on, and that it is over."""

import time
from collections.abc import Callable
from typing import Final

import structlog

# What goes on is said again for whoever looks at the end of the log only.
_REMIND_SECONDS: Final = 60.0

logger = structlog.get_logger()


class Outage:
    """What is down now and then, and how operators hear of it."""

    def __init__(
        self,
        began: str,
        over: str,
        *,
        settled_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Log *began* when something fails, and *over* when it works again.

        Args:
            began: a constant phrase.
            over: another.
            settled_seconds: for how long nothing may have failed before it is over; for
                what is done in several places at once, of which some fail and some do not.
            clock: the monotonic clock.
        """
        self._began_event = began
        self._over_event = over
        self._settled_seconds = settled_seconds
        self._clock = clock
        self._began: float | None = None
        self._said = self._last = 0.0
        self._failures = 0

    def failed(self, **fields: object) -> None:
        """Note a failure; *fields* say why, without personal data."""
        self._last = self._clock()
        self._failures += 1
        if self._began is None:
            self._began = self._last
        elif self._last - self._said < _REMIND_SECONDS:
            return
        else:
            fields["failures"] = self._failures
        self._said = self._last
        logger.error(self._began_event, **fields)

    def worked(self) -> None:
        """Note that it works."""
        if self._began is None or self._clock() - self._last < self._settled_seconds:
            return
        logger.warning(
            self._over_event,
            seconds=round(self._last - self._began, 1),
            failures=self._failures,
        )
        self._began, self._failures = None, 0
