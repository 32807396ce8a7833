"""Keeps one fault from filling the log: the same event is logged a few times, then counted."""

import time
from collections.abc import Callable
from typing import Final

import structlog

# Enough to see what is going on; what goes on for every request would be a thousand
# lines a second.
MAX_REPEATS: Final = 10
INTERVAL_SECONDS: Final = 10.0

# Events of the same phrase are not the same if these tell them apart: each subscription
# that loses opens is named, however many there are.
_NAMES: Final = ("subscription_id", "file", "journal", "port", "process", "task")

# Different events that are remembered; beyond this all are let through.
_MAX_EVENTS: Final = 1_000


class RepeatLimit:
    """A structlog processor that drops an event that was logged often recently.

    The first event of the next interval says with `suppressed` how many were dropped.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[tuple[object, ...], tuple[float, int]] = {}

    def __call__(
        self, _logger: object, _method: str, event: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        """Pass *event* on, or raise `structlog.DropEvent`."""
        if "request_id" in event:
            # A caller was told that the log has it; calls at once are bounded.
            return event
        kind = (event.get("event"), *(event.get(name) for name in _NAMES))
        now = self._clock()
        began, count = self._counts.get(kind, (now, 0))
        if now - began >= INTERVAL_SECONDS:
            if count > MAX_REPEATS:
                event["suppressed"] = count - MAX_REPEATS
            began, count = now, 0
        if kind in self._counts or self._has_room(now):
            self._counts[kind] = (began, count + 1)
        if count >= MAX_REPEATS:
            raise structlog.DropEvent
        return event

    def _has_room(self, now: float) -> bool:
        """Say whether one more event can be remembered; forget what needs no more counting."""
        if len(self._counts) >= _MAX_EVENTS:
            self._counts = {
                kind: (began, count)
                for kind, (began, count) in self._counts.items()
                if now - began < INTERVAL_SECONDS or count > MAX_REPEATS
            }
        return len(self._counts) < _MAX_EVENTS
