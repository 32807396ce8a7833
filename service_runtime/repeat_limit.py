"""Keeps one fault from filling the log: the same phrase is logged a few times, then counted."""

import time
from collections.abc import Callable
from typing import Final

import structlog

# Enough to see what is going on; what goes on for every request would be a thousand
# lines a second.
MAX_REPEATS: Final = 10
INTERVAL_SECONDS: Final = 10.0

# Phrases are constants of our code and of a few libraries; beyond this all are let by.
_MAX_PHRASES: Final = 1_000


class RepeatLimit:
    """A structlog processor that drops an event whose phrase was logged often lately.

    The first event of the next interval says with `suppressed` how many were dropped.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[float, int]] = {}

    def __call__(
        self, _logger: object, _method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        """Pass *event* on, or raise `structlog.DropEvent`."""
        phrase = str(event.get("event"))
        now = self._clock()
        began, count = self._counts.get(phrase, (now, 0))
        if now - began >= INTERVAL_SECONDS:
            if count > MAX_REPEATS:
                event["suppressed"] = count - MAX_REPEATS
            began, count = now, 0
        if phrase in self._counts or len(self._counts) < _MAX_PHRASES:
            self._counts[phrase] = (began, count + 1)
        if count >= MAX_REPEATS:
            raise structlog.DropEvent
        return event
