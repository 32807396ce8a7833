"""Rewrites a message for a caller: by which configurations, tracked or not, with which pixel."""

import asyncio
import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from email.utils import mktime_tz, parsedate_tz
from typing import Final

from injector_service.configurations import Choice, Configuration, Configurations, choose
from injector_service.copy_plan import Copy, CopyPlan, untracked
from injector_service.new_ids import CopyIds, new_message_id
from injector_service.objections import NOBODY, Objected
from injector_service.pixels import (
    CopyFacts,
    MessageFacts,
    TokenSealer,
    provider_of,
    recipient_of,
)
from injector_service.privacy import PrivacyLevel
from injector_service.recipients_request import RecipientsRequest
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriter import Rewriter
from injector_service.rewriting import Outcome, Rewritten
from injector_service.rewriting.mime import Header, read_message_header
from injector_service.rewriting_pool import RewritingPool
from injector_service.rewriting_process import Job
from injector_service.tracking import TrackedCounter
from service_runtime.callers import Caller
from service_runtime.errors import FieldViolation, InvalidFields
from service_runtime.times import microseconds_of

_NO_CONFIGURATION: Final = FieldViolation(
    field="configuration_ids",
    description="is empty, and neither a header field nor the sender names a configuration",
)

# A digest of more is made beside the event loop: of so much it takes half a millisecond.
_LARGE_OCTETS: Final = 1 << 20


# A date as RFC 5322 section 3.3 has it has half as many.
_MAX_DATE_CHARACTERS: Final = 64


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What became of a request for several recipients, in their order."""

    copies: Sequence[Copy]
    configuration_ids: tuple[str, ...]


class Injector:
    """Puts pixels into messages as their configurations say."""

    def __init__(
        self,
        *,
        configurations: Configurations,
        sealer: TokenSealer,
        copy_ids: CopyIds,
        pixel_base_url: str,
        pool: RewritingPool,
        tracked: TrackedCounter,
        objected: Objected = NOBODY,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._configurations = configurations
        self._copy_ids = copy_ids
        self._pixel_base_url = pixel_base_url
        self._rewriter = Rewriter(sealer, pool)
        self._tracked = tracked
        self._objected = objected
        self._clock = clock

    async def rewrite(self, request: RewriteRequest, *, caller: Caller) -> Answer:
        """Rewrite the message of *request*, which has been checked, for *caller*.

        Never waits for the database.

        Raises:
            ConfigurationNotAllowed: the request or the header names one of others.
            ConfigurationNotFound: the request or the header names one that does not exist.
            InvalidFields: nothing names a configuration, or the tags do not fit.
            RewritingInterrupted: no process can rewrite it now.
        """
        raw = request.raw_message
        header = read_message_header(raw)
        choice = choose(self._configurations.snapshot, request.configuration_ids, header, caller)
        if choice is None:
            raise InvalidFields(_NO_CONFIGURATION)
        time = self._clock()
        message_id = request.message_id or new_message_id(microseconds_of(time))
        level = max(request.privacy_level, choice.privacy_level)
        tracking = choice.tracking
        if request.is_tracking_off or level is PrivacyLevel.OFF or not tracking:
            rewritten = untracked(raw, header, choice).in_one(raw)
        else:
            provider = provider_of(request.recipient_mx)
            copy = CopyFacts(message_id, request.recipients, request.tags, level, provider)
            job = self._job(choice, tracking, time)._replace(copies=(copy,))
            rewritten = await self._rewriter.one(raw, header, job)
            if header is not None:
                (heeded,) = self._heeded(
                    [copy], [rewritten], header, lambda: untracked(raw, header, choice)
                )
                rewritten = heeded.in_one(raw)
                self._count(job.facts, [copy], [rewritten], header)
        return Answer(
            rewritten=rewritten,
            message_id=message_id,
            configuration_ids=tuple(each.id for each in choice.configurations),
            privacy_level=level,
        )

    async def rewrite_for_recipients(self, request: RecipientsRequest, *, caller: Caller) -> Copies:
        """Make a copy of the message of *request*, which has been checked, for each recipient.

        Never waits for the database.

        Raises:
            ConfigurationNotAllowed: the request or the header names one of others.
            ConfigurationNotFound: the request or the header names one that does not exist.
            RewritingInterrupted: no process can rewrite it now.
        """
        raw = request.raw_message
        header = read_message_header(raw)
        choice = choose(
            self._configurations.snapshot,
            request.configuration_ids,
            header,
            caller,
            defaults=request.default_configuration_ids,
        )
        copy_id = self._copy_ids.of_message(
            await _identity(request, header), sent_us=_sent_us(request, header)
        )
        plan = CopyPlan(raw, header, choice, copy_id)
        job = None if choice is None else self._job(choice, choice.tracking, self._clock())
        await plan.settle(request.recipients, None if job is None else self._rewriter.maker(job))
        if job is not None and plan.tracked:
            job = job._replace(copies=tuple(plan.tracked))
            made = await self._rewriter.copies(raw, header, job, plan.makers)
            if header is not None:
                made = self._heeded(plan.tracked, made, header, lambda: plan.untracked)
            plan.finish(made)
            if header is not None:
                self._count(job.facts, plan.tracked, made, header)
        return Copies(
            copies=plan.copies,
            configuration_ids=()
            if choice is None
            else tuple(each.id for each in choice.configurations),
        )

    def _heeded(
        self,
        copies: Sequence[CopyFacts],
        made: list[Rewritten],
        header: Header,
        instead: Callable[[], Rewritten],
    ) -> list[Rewritten]:
        """Return what was *made*, *instead* of those copies whose recipients have objected."""
        return self._objected.heeded(
            made, lambda index: recipient_of(copies[index], header), instead
        )

    def _count(
        self,
        facts: MessageFacts,
        copies: Sequence[CopyFacts],
        made: Sequence[Rewritten],
        header: Header,
    ) -> None:
        """Count those of *copies*, of which some may not be *made*, that are tracked."""
        time_us = microseconds_of(facts.acceptance_time)
        ids = tuple(each.id for each in facts.configurations)
        for copy, rewritten in zip(copies, made, strict=False):
            if rewritten.outcome is Outcome.TRACKED:
                level = copy.privacy_level
                recipient = ""
                if level < PrivacyLevel.PSEUDONYMOUS:
                    recipient = recipient_of(copy, header)
                self._tracked.add(time_us, ids, level, recipient, copy.tags)

    def _job(self, choice: Choice, tracking: tuple[Configuration, ...], time: dt.datetime) -> Job:
        first = choice.configurations[0]
        return Job(
            facts=MessageFacts(configurations=tracking, acceptance_time=time),
            base_url=first.pixel_base_url or self._pixel_base_url,
            placement=first.pixel_placement,
            fields_to_remove=choice.fields_to_remove,
            copies=(),
        )


async def _identity(request: RecipientsRequest, header: Header | None) -> bytes:
    """Return what tells the message from others: the same when it is sent once more."""
    field = None if header is None else header.get("Message-ID")
    named = request.message_id or field
    if named:
        return named.encode()
    raw = request.raw_message
    if len(raw) > _LARGE_OCTETS:
        return await asyncio.to_thread(_digest, raw)
    return _digest(raw)


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _sent_us(request: RecipientsRequest, header: Header | None) -> int | None:
    """Return when the message was sent, if its identity is its own; None if it does not say."""
    field = None if request.message_id or header is None else header.get("Date")
    if field is None:
        return None
    try:
        parsed = parsedate_tz(field[:_MAX_DATE_CHARACTERS])
        return None if parsed is None else int(mktime_tz(parsed)) * 1_000_000
    except (ValueError, OverflowError):  # a day that no calendar has
        return None
