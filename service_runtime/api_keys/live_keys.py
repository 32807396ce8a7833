"""The keys that a service takes: read again when their file changes, their use noted."""

import asyncio
import contextlib
import datetime as dt
import functools
import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from service_runtime.api_keys.errors import ApiKeyExpired, ApiKeyInvalid, ApiKeyMissing
from service_runtime.api_keys.key import ApiKey, digest_of, id_in
from service_runtime.api_keys.key_file import ApiKeysError, read_keys
from service_runtime.api_keys.last_use import note_last_use
from service_runtime.background import kept_running
from service_runtime.callers import Caller
from service_runtime.file_state import file_state

Metadata = Sequence[tuple[str, str | bytes]]

# How soon a change of the file is seen, and a key's end by those who stream: a look at the
# file's state, and a pass over the keys of running streams.
LOOK_SECONDS: Final = 1.0

# How often the use of keys is noted.
NOTE_SECONDS: Final = 60.0

# The scheme's name, which is not case-sensitive (RFC 9110 section 11.1).
_SCHEME: Final = "bearer"

# What the digest of an unknown key is compared with: that costs as much as with a known one.
_NO_DIGEST: Final = bytes(32)

logger = structlog.get_logger()


def utc_now() -> dt.datetime:
    """Return the present time."""
    return dt.datetime.now(dt.UTC)


class ApiKeys:
    """The keys of a file, as they are now.

    Raises:
        ApiKeysError: at the beginning, when the file cannot be used.  Later its last good
            state stays.
    """

    def __init__(self, path: Path, *, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self._path = path
        self._clock = clock
        self._state = file_state(path)
        self._keys: Mapping[str, ApiKey] = read_keys(path)
        self._callers = _callers_of(self._keys)
        self._is_current = True
        self._used: dict[str, dt.datetime] = {}
        self._running: dict[Caller, set[asyncio.Timeout]] = {}

    @property
    def is_current(self) -> bool:
        """Whether these are the keys of the file as it is now, as far as is known."""
        return self._is_current

    def caller_in(self, metadata: Metadata) -> Caller:
        """Return the caller whose key is in the metadata of a call.

        Raises:
            Unauthenticated: there is none, or it is none of ours.
        """
        given = [value for name, value in metadata if name == "authorization"]
        if not given:
            raise ApiKeyMissing
        scheme, _, text = str(given[0]).partition(" ")
        if len(given) > 1 or scheme.lower() != _SCHEME:
            raise ApiKeyInvalid
        return self._caller_with(text.strip(" "))

    def _caller_with(self, text: str) -> Caller:
        key_id = id_in(text)
        if key_id is None:
            raise ApiKeyInvalid
        key = self._keys.get(key_id)
        digest = _NO_DIGEST if key is None else key.digest
        if not hmac.compare_digest(digest_of(text), digest) or key is None:
            raise ApiKeyInvalid
        now = self._clock()
        _refuse_expired(key, now)
        self._used[key_id] = now
        return self._callers[key_id]

    @contextlib.asynccontextmanager
    async def while_valid(self, caller: Caller) -> AsyncIterator[None]:
        """Interrupt the block when the caller's key is revoked, changed or expires.

        Raises:
            Unauthenticated: it was interrupted.
        """
        deadline = asyncio.timeout(None)
        try:
            async with deadline:
                self._running.setdefault(caller, set()).add(deadline)
                try:
                    yield
                finally:
                    self._forget(caller, deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            self._refuse(caller)
            raise ApiKeyInvalid from None

    def _forget(self, caller: Caller, deadline: asyncio.Timeout) -> None:
        self._running[caller].discard(deadline)
        if not self._running[caller]:
            del self._running[caller]

    def _refuse(self, caller: Caller) -> None:
        """Raise what a caller is refused with whose key is not what it was."""
        key = self._keys.get(caller.name)
        if key is None or self._callers[key.id] != caller:
            raise ApiKeyInvalid
        _refuse_expired(key, self._clock())

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow the file beside the block."""
        self._say()
        async with (
            kept_running("API keys", self._follow),
            kept_running("last use of API keys", self._note_from_time_to_time),
        ):
            try:
                yield
            finally:
                await self._note()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()
            self._end_streams()

    async def _look(self) -> None:
        state = await asyncio.to_thread(file_state, self._path)
        if state == self._state:
            return
        self._state = state
        try:
            keys = await asyncio.to_thread(read_keys, self._path)
        except ApiKeysError as error:
            # No traceback: it is an operator's task.
            logger.error(  # noqa: TRY400 - see above
                "API keys cannot be read, those from before stay", reason=str(error)
            )
            self._is_current = False
            return
        self._is_current = True
        self._callers = _callers_of(keys)
        self._keys = keys
        self._say()

    def _say(self) -> None:
        if self._keys:
            logger.info("API keys are read", keys=len(self._keys))
        else:
            logger.warning("there is no API key: every call is refused")

    def _end_streams(self) -> None:
        now = asyncio.get_running_loop().time()
        for caller, deadlines in list(self._running.items()):
            try:
                self._refuse(caller)
            except (ApiKeyInvalid, ApiKeyExpired):
                logger.info("streams end, their API key has", key_id=caller.name)
                for deadline in deadlines:
                    if not deadline.expired():
                        deadline.reschedule(now)

    async def _note_from_time_to_time(self) -> None:
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            await self._note()

    async def _note(self) -> None:
        used, self._used = self._used, {}
        # A stream is a use for as long as it runs.
        now = self._clock()
        used.update({caller.name: now for caller in self._running})
        if not used:
            return
        note = functools.partial(note_last_use, self._path, used, known=frozenset(self._keys))
        try:
            await asyncio.to_thread(note)
        except OSError as error:
            logger.warning("last use of API keys cannot be noted", reason=error.strerror)


def _refuse_expired(key: ApiKey, now: dt.datetime) -> None:
    if key.expire_time is not None and key.is_expired(now):
        raise ApiKeyExpired(key_id=key.id, expire_time=key.expire_time)


def _callers_of(keys: Mapping[str, ApiKey]) -> Mapping[str, Caller]:
    return {key_id: key.caller for key_id, key in keys.items()}
