"""The planned end of a gRPC server, as its callers see it.

A call that reaches a server of gRPC's after it has begun to stop ends with `CANCELLED`,
which a client takes for its own doing; so the calls of a drain are refused before that:

1. Streams end by themselves.  All calls are taken meanwhile: a client acknowledges what
   its stream still brings.
2. The gate closes.  Calls wait before it, so that a client that calls again at once has
   nothing more to send.
3. The server begins to stop: its connections are told to go away.
4. What waits is refused, with `UNAVAILABLE` (DRAINING).
"""

import asyncio
import contextlib
from collections.abc import Iterator

from service_runtime.errors import Draining


class CallGate:
    """Lets calls in until it is closed, and counts those that stream."""

    def __init__(self) -> None:
        self.is_closed = False
        self._is_refusing = asyncio.Event()
        self._streams = 0
        self._has_no_streams = asyncio.Event()
        self._has_no_streams.set()

    def close(self) -> None:
        """Let no further call in."""
        self.is_closed = True

    def refuse(self) -> None:
        """Refuse the calls that wait, and those that come."""
        self._is_refusing.set()

    async def wait_for_refusal(self) -> None:
        """Be a call that came to the closed gate.

        Raises:
            Draining: always, in the end.
        """
        await self._is_refusing.wait()
        raise Draining

    @contextlib.contextmanager
    def counted_stream(self) -> Iterator[None]:
        """Count a stream for the block."""
        self._streams += 1
        self._has_no_streams.clear()
        try:
            yield
        finally:
            self._streams -= 1
            if not self._streams:
                self._has_no_streams.set()

    async def until_no_streams(self, *, seconds: float) -> None:
        """Wait until no stream runs, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_no_streams.wait()
