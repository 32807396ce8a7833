"""Why a copy goes on without a pixel: names for metrics."""

import enum
from typing import Final

import grpc

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens_client.failures import reason_of


class Untracked(enum.StrEnum):
    """What is decided on this side; besides these there are the injector's outcomes."""

    AWAY = "injector_away"
    DEADLINE = "injector_deadline"
    ERROR = "injector_error"

    REFUSES = "injector_refuses"
    """The bridge may not call: its key or certificate is wrong."""

    CONFIGURATION = "configuration_not_found"
    """The message, or the bridge's setting, names one that does not exist or is another's."""

    INVALID = "message_invalid"
    TOO_LARGE = "message_too_large"

    NEXT_HOP = "too_large_for_next_hop"
    """The next hop would take the message, but not with a pixel in it."""

    ADDRESS = "address_unknown"
    """The recipient's address has a form that the injector does not know."""

    SEVERAL = "several_recipients"
    """A client of SMTP gets one answer, so all recipients get the same message."""


# These may be over when the client comes again; nothing changes a message's own nature.
FAILURES: Final = frozenset(
    {Untracked.AWAY, Untracked.DEADLINE, Untracked.ERROR, Untracked.REFUSES}
)

_OUTCOME: Final = pb.RewriteMessageResponse.Outcome

_OF_STATUS: Final = {
    grpc.StatusCode.UNAVAILABLE: Untracked.AWAY,
    grpc.StatusCode.CANCELLED: Untracked.AWAY,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Untracked.AWAY,
    grpc.StatusCode.DEADLINE_EXCEEDED: Untracked.DEADLINE,
    grpc.StatusCode.NOT_FOUND: Untracked.CONFIGURATION,
    grpc.StatusCode.INVALID_ARGUMENT: Untracked.INVALID,
    grpc.StatusCode.UNAUTHENTICATED: Untracked.REFUSES,
    grpc.StatusCode.PERMISSION_DENIED: Untracked.REFUSES,
}

_OF_REASON: Final = {
    "MESSAGE_TOO_LARGE": Untracked.TOO_LARGE,
    "CONFIGURATION_NOT_ALLOWED": Untracked.CONFIGURATION,
}

# gRPC's own words for a message over its limit, which is above the injector's.
_OVER_LIMIT: Final = "larger than max"


def reason_of_error(error: grpc.aio.AioRpcError) -> Untracked:
    """Return why a call has tracked nothing."""
    if _OVER_LIMIT in (error.details() or ""):
        return Untracked.TOO_LARGE
    return _OF_REASON.get(reason_of(error)) or _OF_STATUS.get(error.code(), Untracked.ERROR)


def reason_of_outcome(outcome: int) -> str | None:
    """Return why a copy has no pixel, in the injector's words; None if it has one."""
    if outcome == _OUTCOME.OUTCOME_TRACKED:
        return None
    known = _OUTCOME.values()
    name = _OUTCOME.Name(outcome) if outcome in known else "OUTCOME_OTHER"  # type: ignore[arg-type] # any number
    return name.removeprefix("OUTCOME_").lower()
