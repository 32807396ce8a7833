"""What a page says when something is refused or does not answer."""

from collections.abc import Mapping
from typing import Final

import grpc
import htpy as h

from emailopens_client.failures import reason_of

# The HTTP status of a gRPC status, and what it means to whoever looks.
_MEANINGS: Final[Mapping[grpc.StatusCode, tuple[int, str]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "That cannot be asked like this"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "That is no longer in the log"),
    grpc.StatusCode.FAILED_PRECONDITION: (400, "That cannot be done now"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "Your key is not accepted"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "Your key does not allow that"),
    grpc.StatusCode.ALREADY_EXISTS: (409, "There is one already"),
    grpc.StatusCode.NOT_FOUND: (404, "There is no such thing"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "That is too much, or too much at once"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "This service does not have that"),
    grpc.StatusCode.UNAVAILABLE: (503, "The service does not answer; try again in a moment"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "The service takes too long; try again in a moment"),
}
_ANOTHER: Final = (502, "The service has failed")


# What whoever has filled in a form can mend.
_MENDABLE: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


def said_beside_form(error: grpc.aio.AioRpcError) -> h.Element:
    """Return what is said beside the form that has asked for a call that failed.

    Raises:
        grpc.aio.AioRpcError: nothing in the form can help.
    """
    if error.code() not in _MENDABLE:
        raise error
    return failed_beside_form(error)


def failed_beside_form(error: grpc.aio.AioRpcError) -> h.Element:
    """Return what is said beside the form that has asked for a call that failed."""
    said = _said_by_service(error)
    return h.p(".outcome.bad", role="alert")[h.strong[meaning_of(error)], said and f": {said}"]


def meaning_of(error: grpc.aio.AioRpcError) -> str:
    """Return what a call that failed means to whoever looks."""
    return _MEANINGS.get(error.code(), _ANOTHER)[1]


def _said_by_service(error: grpc.aio.AioRpcError) -> str:
    """Return what the service says of a failure; empty if it says nothing.

    What gRPC says by itself is for operators: it names addresses that people who look at
    the page need not know.
    """
    return error.details() or "" if reason_of(error) else ""


def failure_of(error: grpc.aio.AioRpcError) -> tuple[int, str, h.Node]:
    """Return the HTTP status, the title and what is shown of a call that failed."""
    status, meaning = _MEANINGS.get(error.code(), _ANOTHER)
    said = _said_by_service(error)
    return status, meaning, [h.h1[meaning], said and h.p["The service says: ", h.q[said]]]
