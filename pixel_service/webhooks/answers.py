"""What an attempt has come to."""

import dataclasses
import enum
from typing import Final

_OK: Final = range(200, 300)
_CLIENT_ERRORS: Final = range(400, 500)
_GONE: Final = 410

# Request Timeout, Too Early, Too Many Requests: they say something of the moment, and
# nothing of the event.
_OF_THE_MOMENT: Final = frozenset({408, 425, 429})


class Outcome(enum.Enum):
    """What becomes of an event after an attempt."""

    DELIVERED = enum.auto()
    FAILED = enum.auto()
    """It is tried again."""
    REFUSED = enum.auto()
    """It is tried again, but not for ever: the receiver does not want this event."""
    GONE = enum.auto()
    """The receiver wants no more events."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an attempt has come to."""

    outcome: Outcome
    error: str = ""
    """In words; empty if it was delivered."""
    retry_after: str = ""
    """The header field of this name, as it was sent."""


def answer_of(status: int, *, retry_after: str = "") -> Answer:
    """Return what an HTTP *status* means."""
    if status in _OK:
        return Answer(outcome=Outcome.DELIVERED)
    outcome = Outcome.FAILED
    if status == _GONE:
        outcome = Outcome.GONE
    elif status in _CLIENT_ERRORS and status not in _OF_THE_MOMENT:
        outcome = Outcome.REFUSED
    return Answer(outcome=outcome, error=f"answered {status}", retry_after=retry_after)


def failure(error: str) -> Answer:
    """Return what an attempt has come to that got no answer."""
    return Answer(outcome=Outcome.FAILED, error=error)
