"""The streams that a process serves: how many, and how they are woken."""

import asyncio
import collections
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from pixel_service.errors import StreamQuota
from service_runtime.background import running
from service_runtime.drain import Drain

DEFAULT_MAX_STREAMS: Final = 2_000

# A quarter, so that a client that opens streams without end leaves room for others.
DEFAULT_MAX_OF_CALLER: Final = 500


class LiveStreams:
    """Counts streams and wakes them.

    A stream has one event that everything sets: news of the log, an
    acknowledgement, the drain. It then looks at what has changed.
    """

    def __init__(
        self,
        *,
        max_streams: int = DEFAULT_MAX_STREAMS,
        max_of_caller: int = DEFAULT_MAX_OF_CALLER,
    ) -> None:
        self._max_streams = max_streams
        self._max_of_caller = max_of_caller
        self._calls: collections.Counter[str | None] = collections.Counter()
        self._wakes: set[asyncio.Event] = set()

    def __len__(self) -> int:
        return len(self._wakes)

    @contextlib.contextmanager
    def admit(
        self, on_end: Callable[[Callable[[], None]], None], *, caller: str | None = None
    ) -> Iterator[asyncio.Event]:
        """Count a stream for the block; yields its event.

        Its place is taken until its call is over, which may be long after the block: a
        client that does not read does not read its status either, and what was sent to
        it stays in memory.

        Args:
            on_end: takes what is to be called then.
            caller: who is limited on their own; None: nobody is told apart.

        Raises:
            StreamQuota: there are as many as there may be, in all or of the caller.
        """
        if self._calls.total() >= self._max_streams:
            raise StreamQuota(max_streams=self._max_streams)
        if caller is not None and self._calls[caller] >= self._max_of_caller:
            raise StreamQuota(max_streams=self._max_of_caller, is_of_caller=True)
        self._calls[caller] += 1
        on_end(functools.partial(self._leave, caller))
        wake = asyncio.Event()
        self._wakes.add(wake)
        try:
            yield wake
        finally:
            self._wakes.discard(wake)

    def _leave(self, caller: str | None) -> None:
        self._calls[caller] -= 1
        if not self._calls[caller]:
            del self._calls[caller]

    def wake_all(self) -> None:
        """Let every stream look at what has changed."""
        for wake in self._wakes:
            wake.set()

    @contextlib.asynccontextmanager
    async def woken_by(self, drain: Drain) -> AsyncIterator[None]:
        """Wake every stream when *drain* begins inside the block."""

        async def wake_when_draining() -> None:
            await drain.wait()
            self.wake_all()

        async with running(wake_when_draining()):
            yield
