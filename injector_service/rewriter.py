"""Rewrites what is sure to be quick in the event loop, and everything else in other processes."""

from collections.abc import Sequence
from typing import Final

import structlog

from injector_service.pixels import PixelMaker, TokenSealer
from injector_service.rewriting import (
    Budget,
    MakePixel,
    MessageCopies,
    Outcome,
    Rewritten,
    rewrite_message,
)
from injector_service.rewriting.mime import Header, address_octets
from injector_service.rewriting_pool import RewritingPool
from injector_service.rewriting_process import Allowance, Job, RemoteFailure
from service_runtime.frames import frames_of
from service_runtime.turns import Turns

# The event loop waits for a rewriting as long as it is sure to be short: an HTML part of
# 116 KB takes 0.3 ms (`python -m benchmarks.rewrite`).  What takes more steps, or has more
# HTML, begins again in another process.  Of 952 real messages the most expensive takes
# 1,147 steps.
MAX_INLINE_TEXT_OCTETS: Final = 256 * 1024
MAX_INLINE_STEPS: Final = 1_500

# Headers are read outside of the budget.  A line may be a field, which takes some
# microseconds; an octet of an address list takes one, at worst.
MAX_INLINE_HEADER_OCTETS: Final = 32 * 1024
MAX_INLINE_HEADER_LINES: Final = 500
MAX_INLINE_ADDRESS_OCTETS: Final = 1_000

# A header of so many octets has neither too many addresses nor, as fields, too many lines.
MIN_COUNTED_OCTETS: Final = min(MAX_INLINE_ADDRESS_OCTETS, 2 * MAX_INLINE_HEADER_LINES - 2)

logger = structlog.get_logger()


class Rewriter:
    """Does the jobs of rewriting."""

    def __init__(self, sealer: TokenSealer, pool: RewritingPool) -> None:
        self._sealer = sealer
        self._pool = pool

    def maker(self, job: Job) -> PixelMaker | None:
        """Return what makes the pixels of *job*; None if nothing tracks."""
        return job.maker(self._sealer) if job.facts.configurations else None

    async def one(self, raw: bytes, header: Header | None, job: Job) -> Rewritten:
        """Rewrite *raw*, which has *header*, as *job* says, which is about one copy.

        Raises:
            InvalidFields: the tags do not fit.
            RewritingInterrupted: no process can rewrite it now.
        """
        # Here in any case, because a caller's mistake must be told.
        make_pixel = job.maker(self._sealer).of(job.copies[0])
        if header is None:
            return Rewritten(outcome=Outcome.TOO_COMPLEX)
        rewritten = None
        if _is_quick(header):
            instructions = job.instructions(self._sealer, make_pixel)
            rewritten = rewrite_message(raw, instructions, header=header, budget=_quick_budget())
        if rewritten is None or rewritten.outcome is Outcome.TOO_COMPLEX:
            (rewritten,) = await self._pool.rewrite(raw, job._replace(is_in_one=True))
        if rewritten.failure is not None:
            _log_failure(rewritten.failure, octets=len(raw))
        return rewritten

    async def copies(
        self, raw: bytes, header: Header | None, job: Job, makers: Sequence[MakePixel]
    ) -> list[Rewritten]:
        """Make the copies that *job* says, whose pixels *makers* make.

        Fewer if they are too much for one call.

        Raises:
            RewritingInterrupted: no process can rewrite it now.
        """
        if header is None:
            return [Rewritten(outcome=Outcome.TOO_COMPLEX)] * len(makers)
        allowance = Allowance()
        made: list[Rewritten] = []
        if _is_quick(header):
            made = await self._quick_copies(raw, header, job, makers, allowance)
        if len(made) < len(makers) and not allowance.is_spent:
            rest = job._replace(copies=job.copies[len(made) :])
            made += await self._pool.rewrite(raw, rest)
        failure = next((each.failure for each in made if each.failure is not None), None)
        if failure is not None:
            _log_failure(failure, octets=len(raw))
        return made

    async def _quick_copies(
        self,
        raw: bytes,
        header: Header,
        job: Job,
        makers: Sequence[MakePixel],
        allowance: Allowance,
    ) -> list[Rewritten]:
        """Make copies until one is not sure to be quick, or they are too much for one call."""
        made: list[Rewritten] = []
        turns = Turns()
        instructions = job.instructions(self._sealer, makers[0])
        copies = MessageCopies(raw, instructions, header=header, budget=_quick_budget())
        for make_pixel in makers:
            rewritten = copies.copy(make_pixel)
            if rewritten.outcome is Outcome.TOO_COMPLEX:
                break
            made.append(rewritten)
            allowance.spend(rewritten)
            if allowance.is_spent:
                break
            await turns.share()
        return made


def _is_quick(header: Header) -> bool:
    """Say whether it is sure that reading *header* again is quick."""
    # Its lines and its addresses are in it.
    return len(header) <= MIN_COUNTED_OCTETS or (
        len(header) <= MAX_INLINE_HEADER_OCTETS
        and header.count_lines() <= MAX_INLINE_HEADER_LINES
        and address_octets(header) <= MAX_INLINE_ADDRESS_OCTETS
    )


def _quick_budget() -> Budget:
    return Budget.of_steps(MAX_INLINE_STEPS, text_octets=MAX_INLINE_TEXT_OCTETS)


def _log_failure(failure: Exception, *, octets: int) -> None:
    if isinstance(failure, RemoteFailure):
        kind, frames = failure.kind, failure.frames
    else:
        kind, frames = type(failure).__name__, frames_of(failure)
    logger.error("rewriting failed", failure=kind, frames=frames, octets=octets)
