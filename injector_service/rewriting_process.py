"""What a process does that rewrites messages for the service: see `rewriting_pool`.

Parent and process speak over a pair of sockets: first a job, then its message; back come
what became of its copies, and whatever large is put in.  Large octets are sent as they
are, outside of any pickle.
"""

import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple, TypeAlias

from injector_service.pixels import CopyFacts, MessageFacts, PixelMaker, TokenSealer
from injector_service.rewriting import (
    Instructions,
    MakePixel,
    MessageCopies,
    Outcome,
    Placement,
    Rewritten,
    Splice,
)
from service_runtime.allocator import keep_large_blocks
from service_runtime.frames import frames_of
from service_runtime.key_ring import KeyRing
from service_runtime.process import STOP_SIGNALS

# Of pickles, in both directions.
Line: TypeAlias = "Connection[Any, Any]"

# What the copies of one message may put in together; a thousand of ordinary mail put in a
# tenth of that.  Base64 is written anew from the pixel on: there the text counts for each.
MAX_COPIES_OCTETS: Final = 16 * 1024 * 1024

# What they may take of a processor: callers do not wait for long.
MAX_COPIES_SECONDS: Final = 2.0


class Job(NamedTuple):
    """How a message is to be rewritten, in values that a process can be sent."""

    facts: MessageFacts
    base_url: str
    placement: Placement
    fields_to_remove: tuple[str, ...]
    copies: tuple[CopyFacts, ...]
    """At least one."""

    is_in_one: bool = False
    """Whether all that changes is to be in one splice."""

    def maker(self, sealer: TokenSealer) -> PixelMaker:
        """Return what makes the pixels."""
        return PixelMaker(self.facts, base_url=self.base_url, sealer=sealer)

    def instructions(self, sealer: TokenSealer, make_pixel: MakePixel) -> Instructions:
        """Return what the rewriting itself is told."""
        return Instructions(
            make_pixel=make_pixel,
            is_own_token=sealer.owns,
            recipients=self.copies[0].recipients,
            placement=self.placement,
            fields_to_remove=self.fields_to_remove,
        )


def made_copies(raw: bytes, job: Job, sealer: TokenSealer) -> Iterator[Rewritten]:
    """Yield what becomes of the copies of *raw*: of as many as one call may make."""
    maker = job.maker(sealer)
    copies = MessageCopies(raw, job.instructions(sealer, maker.of(job.copies[0])))
    allowance = Allowance()
    began = time.thread_time()
    for copy in job.copies:
        rewritten = copies.copy(maker.of(copy))
        yield rewritten.in_one(raw) if job.is_in_one else rewritten
        allowance.spend(rewritten)
        if allowance.is_spent or time.thread_time() - began > MAX_COPIES_SECONDS:
            return


class Allowance:
    """The octets that the copies of one message may put in together."""

    def __init__(self) -> None:
        self._left = MAX_COPIES_OCTETS

    def spend(self, rewritten: Rewritten) -> None:
        """Take out what a copy puts in."""
        for splice in (rewritten.splice, rewritten.removal):
            self._left -= 0 if splice is None else len(splice.insert)

    @property
    def is_spent(self) -> bool:
        """Whether no further copy may be made."""
        return self._left <= 0


class RemoteFailure(Exception):
    """An unexpected error in a process that rewrites, as its class and its frames."""

    def __init__(self, kind: str, frames: list[str]) -> None:
        super().__init__(kind, frames)
        self.kind = kind
        self.frames = frames


def send(line: Line, made: Sequence[Rewritten]) -> None:
    """Send the parent what became of the copies."""
    line.send([_sendable(each) for each in made])
    for each in made:
        if each.splice is not None and each.splice.is_large:
            line.send_bytes(each.splice.insert)


def receive(line: Line) -> list[Rewritten]:
    """Receive from the process what `send` sent.

    Raises:
        EOFError, OSError: the process has died.
    """
    sent: list[tuple[Rewritten, tuple[int, int] | None]] = line.recv()
    return [
        each if place is None else each._replace(splice=Splice(*place, line.recv_bytes()))
        for each, place in sent
    ]


def _sendable(rewritten: Rewritten) -> tuple[Rewritten, tuple[int, int] | None]:
    """Return *rewritten* without a large splice, and where that is."""
    splice, failure = rewritten.splice, rewritten.failure
    if failure is not None:
        # What else is in an error is not known, nor whether it can be sent.
        rewritten = rewritten._replace(
            failure=RemoteFailure(type(failure).__name__, frames_of(failure))
        )
    if splice is None or not splice.is_large:
        return rewritten, None
    return rewritten._replace(splice=None), splice[:2]


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
        made = list(made_copies(raw, job, sealer))
    except Exception as error:  # noqa: BLE001 - mail must flow, and the process go on
        made = [Rewritten(outcome=Outcome.MALFORMED, failure=error)] * len(job.copies)
    send(line, made)
