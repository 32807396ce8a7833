"""Whoever has served a streaming call is told how it ended."""

import asyncio

import grpc
import pytest

from service_runtime.call_end import CallEnd, telling_end, when_call_ends
from service_runtime.errors import Draining


def code_of(error: Exception) -> grpc.StatusCode | None:
    """Know `Draining` alone."""
    return grpc.StatusCode.UNAVAILABLE if isinstance(error, Draining) else None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, CallEnd(grpc.StatusCode.OK)),
        (Draining(), CallEnd(grpc.StatusCode.UNAVAILABLE, "DRAINING")),
        (ValueError("a fault"), CallEnd(grpc.StatusCode.INTERNAL)),
        (asyncio.CancelledError(), CallEnd(grpc.StatusCode.CANCELLED)),
    ],
)
def test_the_end_is_told_with_its_status(error: BaseException | None, expected: CallEnd) -> None:
    """A client that leaves is told from an error, and a fault of ours from both."""
    told: list[CallEnd] = []

    def serve() -> None:
        with telling_end(code_of):
            when_call_ends(told.append)
            if error is not None:
                raise error

    if error is None:
        serve()
    else:
        with pytest.raises(type(error)):
            serve()
    assert told == [expected]


def test_outside_a_call_nobody_can_ask() -> None:
    """Rather than never be told."""
    with telling_end(code_of):
        pass
    with pytest.raises(RuntimeError):
        when_call_ends(lambda _: None)
