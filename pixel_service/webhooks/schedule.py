"""When an event is tried again."""

import datetime as dt
import email.utils
import random
from collections.abc import Callable
from typing import Final

_SHORTEST_SECONDS: Final = 5.0
_LONGEST_SECONDS: Final = 600.0

# 5 s doubled so often is more than the longest: a bound for the power alone.
_MAX_DOUBLINGS: Final = 7

# Waits are drawn from their upper part, so that webhooks of one receiver that was away do
# not come back together.
_LEAST_SHARE: Final = 0.75

# What a receiver may ask for, and nothing waits longer.  At least a second, so that nobody
# is called in a loop.
_SHORTEST_ASKED: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 3600.0


def wait_seconds(
    attempts: int,
    *,
    retry_after: str,
    now: dt.datetime,
    draw: Callable[[float, float], float] = random.uniform,
) -> float:
    """Return how long to wait after *attempts* that have failed in a row, one at least.

    Args:
        attempts: how many.
        retry_after: what the receiver has asked for; empty if it did not.
        now: when it has.
        draw: returns a number between two.
    """
    asked = _asked_seconds(retry_after, now)
    if asked is not None:
        return min(max(asked, _SHORTEST_ASKED), LONGEST_WAIT_SECONDS)
    doublings = min(attempts - 1, _MAX_DOUBLINGS)
    ceiling = min(_SHORTEST_SECONDS * 2.0**doublings, _LONGEST_SECONDS)
    return draw(_LEAST_SHARE * ceiling, ceiling)


def _asked_seconds(text: str, now: dt.datetime) -> float | None:
    """Return what `Retry-After` says (RFC 9110, section 10.2.3); None if it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        # More digits than that are more than an hour, whatever they are.
        return float(text[:10])
    try:
        time = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the second: numbers without end
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.UTC)
    return (time - now).total_seconds()
