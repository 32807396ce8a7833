"""What a process does that rewrites messages for the service: see `rewriting_pool`.

Parent and process speak over a pair of sockets: first a job, then its message; back come
what became of it and, if the message changes, what is put in.  Large octets are sent as
they are, outside of any pickle.
"""

import signal
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeAlias

from injector_service.pixels import MessageFacts, PixelMaker, TokenSealer
from injector_service.rewriting import (
    Instructions,
    Outcome,
    Placement,
    Rewritten,
    Splice,
    rewrite_message,
)
from service_runtime.allocator import keep_large_blocks
from service_runtime.frames import frames_of
from service_runtime.key_ring import KeyRing
from service_runtime.process import STOP_SIGNALS

# Of pickles, in both directions.
Line: TypeAlias = "Connection[Any, Any]"


class Job(NamedTuple):
    """How a message is to be rewritten, in values that a process can be sent."""

    facts: MessageFacts
    base_url: str
    placement: Placement
    fields_to_remove: tuple[str, ...]

    def instructions(self, sealer: TokenSealer) -> Instructions:
        """Return what the rewriting itself is told.

        Raises:
            InvalidFields: the tags do not fit into the pixel's URL.
        """
        return Instructions(
            make_pixel=PixelMaker(self.facts, base_url=self.base_url, sealer=sealer),
            is_own_token=sealer.owns,
            recipients=self.facts.recipients,
            placement=self.placement,
            fields_to_remove=self.fields_to_remove,
        )


class RemoteFailure(Exception):
    """An unexpected error in a process that rewrites, as its class and its frames."""

    def __init__(self, kind: str, frames: list[str]) -> None:
        super().__init__(kind, frames)
        self.kind = kind
        self.frames = frames


def send(line: Line, rewritten: Rewritten) -> None:
    """Send the parent what became of a message."""
    splice, failure = rewritten.splice, rewritten.failure
    if failure is not None:
        # What else is in an error is not known, nor whether it can be sent.
        failure = RemoteFailure(type(failure).__name__, frames_of(failure))
    line.send((rewritten._replace(splice=None, failure=failure), splice and splice[:2]))
    if splice is not None:
        line.send_bytes(splice.insert)


def receive(line: Line) -> Rewritten:
    """Receive from the process what `send` sent.

    Raises:
        EOFError, OSError: the process has died.
    """
    rewritten: Rewritten
    place: tuple[int, int] | None
    rewritten, place = line.recv()
    if place is None:
        return rewritten
    offset, delete_count = place
    return rewritten._replace(splice=Splice(offset, delete_count, line.recv_bytes()))


def work(line: Line, key_ring: KeyRing) -> None:
    """Rewrite what comes until the parent hangs up."""
    # What stops the service reaches the whole group; the parent says when to end.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    keep_large_blocks()
    sealer = TokenSealer(key_ring)
    try:
        while True:
            _work_once(line, sealer)
    except (EOFError, OSError):
        return


def _work_once(line: Line, sealer: TokenSealer) -> None:
    job: Job = line.recv()
    raw = line.recv_bytes()
    try:
        rewritten = rewrite_message(raw, job.instructions(sealer))
    except Exception as error:  # noqa: BLE001 - mail must flow, and the process go on
        rewritten = Rewritten(outcome=Outcome.MALFORMED, failure=error)
    send(line, rewritten)
