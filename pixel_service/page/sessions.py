"""Who has logged in: in memory alone, so many at most, and not for ever."""

import collections
import dataclasses
import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from typing import Final

LENGTH: Final = dt.timedelta(hours=12)
"""A working day."""

# More than people look at once; whoever came first logs in again.
_MOST: Final = 1_000

_TOKEN_OCTETS: Final = 32


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who has logged in."""

    api_key: str = dataclasses.field(repr=False)
    end_time: dt.datetime


def utc_now() -> dt.datetime:
    """Return the present time."""
    return dt.datetime.now(dt.UTC)


class Sessions:
    """The sessions, by the digests of what browsers show."""

    def __init__(self, *, most: int = _MOST, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self._most = most
        self._clock = clock
        self._sessions: collections.OrderedDict[bytes, Session] = collections.OrderedDict()

    def begin(self, api_key: str) -> str:
        """Begin a session, and return what the browser shows from now on."""
        token = secrets.token_urlsafe(_TOKEN_OCTETS)
        while len(self._sessions) >= self._most:
            self._sessions.popitem(last=False)
        self._sessions[_digest_of(token)] = Session(
            api_key=api_key, end_time=self._clock() + LENGTH
        )
        return token

    def get(self, token: str) -> Session | None:
        """Return the session that *token* is of; None if it has ended, or never was."""
        session = self._sessions.get(_digest_of(token))
        if session is not None and session.end_time <= self._clock():
            self.end(token)
            return None
        return session

    def end(self, token: str) -> None:
        """End the session that *token* is of."""
        self._sessions.pop(_digest_of(token), None)


def _digest_of(token: str) -> bytes:
    # So that how long a look-up takes says nothing of a token.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
