"""Calls the service for somebody who waits in front of a page."""

import functools
from typing import Any, Final, cast

import grpc

# A call takes milliseconds. Whoever has waited for so long is told that something is wrong.
_SECONDS: Final = 15.0


def patient(channel: grpc.aio.Channel, *, seconds: float = _SECONDS) -> grpc.aio.Channel:
    """Return *channel* as one whose calls are given up after *seconds*.

    Not those that say themselves how long they may take, and no streams: whoever reads one
    knows when enough has come.
    """
    # It has all that stubs ask of a channel.
    return cast("grpc.aio.Channel", _PatientChannel(channel, seconds))


class _PatientChannel:
    def __init__(self, channel: grpc.aio.Channel, seconds: float) -> None:
        self._channel = channel
        self._seconds = seconds

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - gRPC's own
        """Return what calls a method with one response."""
        call = self._channel.unary_unary(*arguments, **options)
        return functools.partial(call, timeout=self._seconds)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - gRPC's own
        """Return what calls a method with a stream of responses."""
        return self._channel.unary_stream(*arguments, **options)
