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

# A key that is used to log in again and again pushes out nobody else's sessions.
_MOST_OF_KEY: Final = 20

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

    def __init__(
        self,
        *,
        most: int = _MOST,
        most_of_key: int = _MOST_OF_KEY,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._most = most
        self._most_of_key = most_of_key
        self._clock = clock
        self._sessions: collections.OrderedDict[bytes, Session] = collections.OrderedDict()

    def begin(self, api_key: str) -> str:
        """Begin a session, and return what the browser shows from now on."""
        token = secrets.token_urlsafe(_TOKEN_OCTETS)
        self.forget_ended()
        of_key = [each for each, session in self._sessions.items() if session.api_key == api_key]
        if len(of_key) >= self._most_of_key:
            del self._sessions[of_key[0]]
        elif len(self._sessions) >= self._most:
            self._sessions.popitem(last=False)
        self._sessions[_digest_of(token)] = Session(
            api_key=api_key, end_time=self._clock() + LENGTH
        )
        return token

    def get(self, token: str) -> Session | None:
        """Return the session that *token* is of; None if it has ended, or never was."""
        self.forget_ended()
        return self._sessions.get(_digest_of(token))

    def end(self, token: str) -> None:
        """End the session that *token* is of."""
        self._sessions.pop(_digest_of(token), None)

    def forget_ended(self) -> None:
        """Forget the keys of sessions that have ended."""
        now = self._clock()
        # All last as long, so that the first ends first.
        while self._sessions and next(iter(self._sessions.values())).end_time <= now:
            self._sessions.popitem(last=False)


def _digest_of(token: str) -> bytes:
    # So that how long a look-up takes says nothing of a token.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
