"""How a streaming call has ended, told to what has served it.

A handler does not know it: of its own error it does not know the status, and one that is
interrupted does not know whether the client has left or the caller's key was revoked.
"""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from service_runtime.errors import ServiceError


@dataclasses.dataclass(frozen=True, slots=True)
class CallEnd:
    """The status of a call that is over."""

    code: grpc.StatusCode
    """`CANCELLED` if its client has left."""

    reason: str = ""
    """As in the status's `ErrorInfo`; empty if it has none."""


Listener = Callable[[CallEnd], None]

_listeners: Final[contextvars.ContextVar[list[Listener] | None]] = contextvars.ContextVar(
    "call_end_listeners", default=None
)


def when_call_ends(listener: Listener) -> None:
    """Have *listener* told how the streaming call that runs ends."""
    listeners = _listeners.get()
    if listeners is None:
        raise RuntimeError("no streaming call runs")
    listeners.append(listener)


@contextlib.contextmanager
def telling_end(code_of: Callable[[Exception], grpc.StatusCode | None]) -> Iterator[None]:
    """Run a streaming call in the block, and tell those who have asked there how it ended.

    Args:
        code_of: the code that an error ends a call with; None: it is a fault of ours.
    """
    listeners: list[Listener] = []
    reset = _listeners.set(listeners)
    end = CallEnd(grpc.StatusCode.CANCELLED)
    try:
        yield
        end = CallEnd(grpc.StatusCode.OK)
    except Exception as error:
        reason = error.reason if isinstance(error, ServiceError) else ""
        end = CallEnd(code_of(error) or grpc.StatusCode.INTERNAL, reason)
        raise
    finally:
        _listeners.reset(reset)
        for listener in listeners:
            listener(end)
