"""Which failures a client gets over by calling again."""

from typing import Final, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

# The process is gone, drains, or is full: another call may find it, or another one.
# CANCELLED is what a server says that was just stopping; a cancellation of the caller's
# own is not a status here, but asyncio's error.
_RETRIED: Final = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)

# The body took longer than the service waits; what it has missed is in the log.
_STALLED: Final = "CONSUMER_STALLED"

# Somebody means to resume it, and it has kept the place.
_PAUSED: Final = "SUBSCRIPTION_PAUSED"


def is_passing(error: grpc.aio.AioRpcError) -> bool:
    """Return whether calling again from the last cursor may help and loses nothing.

    Everything else needs a decision: opens were lost to retention, another client
    has the subscription, or the request is wrong.
    """
    return error.code() in _RETRIED or reason_of(error) in (_STALLED, _PAUSED)


def is_pause(error: grpc.aio.AioRpcError | None) -> bool:
    """Return whether a call has failed because its subscription is paused."""
    return error is not None and reason_of(error) == _PAUSED


def is_passing_acknowledgement(error: grpc.aio.AioRpcError) -> bool:
    """Return whether an acknowledgement that failed may be made up for by a later one."""
    return error.code() in (*_RETRIED, grpc.StatusCode.DEADLINE_EXCEEDED)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason in the error's `ErrorInfo`; empty if there is none."""
    # Typed for the synchronous API; an aio error has all that it reads.
    status = rpc_status.from_call(cast("grpc.Call", error))
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            return str(info.reason)
    return ""
