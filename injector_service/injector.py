"""Rewrites a message for a caller: by which configurations, tracked or not, with which pixel."""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from injector_service.configurations import Choice, Configurations, choose
from injector_service.new_ids import new_message_id
from injector_service.pixels import MessageFacts, PixelMaker, TokenSealer
from injector_service.privacy import PrivacyLevel
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriting import (
    Budget,
    Instructions,
    Outcome,
    Rewritten,
    merged,
    remove_fields,
    rewrite_message,
)
from injector_service.rewriting.mime import Header, read_message_header
from service_runtime.callers import Caller
from service_runtime.frames import frames_of

# The event loop waits for a rewriting as long as it is sure to be short: 116 KB of HTML take
# 0.3 ms (`python -m benchmarks.rewrite`), and what is not HTML next to nothing.  A thread
# costs 0.1 ms more.  Address lists are read outside of the budget.
MAX_INLINE_OCTETS: Final = 256 * 1024
MAX_INLINE_HEADER_OCTETS: Final = 4 * 1024

# Of 952 real messages the most expensive takes 1,147 steps.  What takes more than this begins
# again in a thread, and others have waited for 2 ms.
MAX_INLINE_STEPS: Final = 2_000

logger = structlog.get_logger()


def utc_now() -> dt.datetime:
    """Return the present time, which becomes a message's acceptance time."""
    return dt.datetime.now(dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request."""

    rewritten: Rewritten
    message_id: str
    configuration_ids: tuple[str, ...]
    privacy_level: PrivacyLevel


class Injector:
    """Puts pixels into messages as their configurations say."""

    def __init__(
        self,
        *,
        configurations: Configurations,
        sealer: TokenSealer,
        pixel_base_url: str,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._configurations = configurations
        self._sealer = sealer
        self._pixel_base_url = pixel_base_url
        self._clock = clock

    async def rewrite(self, request: RewriteRequest, *, caller: Caller) -> Answer:
        """Rewrite the message of *request*, which has been checked, for *caller*.

        Never waits for the database.

        Raises:
            ConfigurationNotAllowed: the request or the header names one of others.
            ConfigurationNotFound: the request or the header names one that does not exist.
            InvalidFields: nothing names a configuration, or the tags do not fit.
        """
        raw = request.raw_message
        header = read_message_header(raw)
        choice = choose(self._configurations.snapshot, request.configuration_ids, header, caller)
        message_id = request.message_id or new_message_id()
        level = max(request.privacy_level, *(each.privacy_level for each in choice.configurations))
        tracking = tuple(each for each in choice.configurations if each.tracks)
        if request.is_tracking_off or level is PrivacyLevel.OFF or not tracking:
            rewritten = _untracked(raw, header, choice.fields_to_remove)
        else:
            facts = MessageFacts(
                message_id=message_id,
                configurations=tracking,
                acceptance_time=self._clock(),
                recipients=request.recipients,
                tags=request.tags,
                privacy_level=level,
            )
            rewritten = await self._track(request, header, choice, facts)
        return Answer(
            rewritten=rewritten,
            message_id=message_id,
            configuration_ids=tuple(each.id for each in choice.configurations),
            privacy_level=level,
        )

    async def _track(
        self, request: RewriteRequest, header: Header | None, choice: Choice, facts: MessageFacts
    ) -> Rewritten:
        first = choice.configurations[0]
        make_pixel = PixelMaker(
            facts, base_url=first.pixel_base_url or self._pixel_base_url, sealer=self._sealer
        )
        instructions = Instructions(
            make_pixel=make_pixel,
            is_own_token=self._sealer.owns,
            recipients=request.recipients,
            placement=first.pixel_placement,
            fields_to_remove=choice.fields_to_remove,
        )
        raw = request.raw_message
        rewritten = _rewritten_inline(raw, instructions, header)
        if rewritten is None:
            rewritten = await asyncio.to_thread(rewrite_message, raw, instructions, header=header)
        if rewritten.failure is not None:
            logger.error(
                "rewriting failed",
                failure=type(rewritten.failure).__name__,
                frames=frames_of(rewritten.failure),
                octets=len(raw),
            )
        return rewritten


def _rewritten_inline(
    raw: bytes, instructions: Instructions, header: Header | None
) -> Rewritten | None:
    """Rewrite *raw* if that is sure to be quick; None if it is not, or turns out not to be."""
    if len(raw) > MAX_INLINE_OCTETS:
        return None
    if header is None or len(header) > MAX_INLINE_HEADER_OCTETS:
        return None
    budget = Budget.of_steps(MAX_INLINE_STEPS)
    rewritten = rewrite_message(raw, instructions, header=header, budget=budget)
    return None if rewritten.outcome is Outcome.TOO_COMPLEX else rewritten


def _untracked(raw: bytes, header: Header | None, fields_to_remove: Sequence[str]) -> Rewritten:
    removals = remove_fields(raw, header, fields_to_remove) if header is not None else []
    return Rewritten(
        outcome=Outcome.TRACKING_DISABLED, splice=merged(raw, removals) if removals else None
    )
