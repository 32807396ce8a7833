"""Rewrites a message for a caller: by which configurations, tracked or not, with which pixel."""

import asyncio
import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from email.utils import mktime_tz, parsedate_tz
from typing import Final, NamedTuple

import structlog

from injector_service.configurations import Choice, Configurations, choose
from injector_service.new_ids import CopyIds, new_message_id
from injector_service.pixels import MessageFacts, TokenSealer, provider_of
from injector_service.privacy import PrivacyLevel
from injector_service.recipients_request import Recipient, RecipientsRequest
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
from injector_service.rewriting.mime import Header, address_octets, read_message_header
from injector_service.rewriting_pool import RewritingPool
from injector_service.rewriting_process import Job, RemoteFailure
from service_runtime.callers import Caller
from service_runtime.errors import FieldViolation, InvalidFields
from service_runtime.frames import frames_of
from service_runtime.times import microseconds_of

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

# A date as RFC 5322 section 3.3 has it has half as many.
_MAX_DATE_CHARACTERS: Final = 64

_NO_CONFIGURATION: Final = FieldViolation(
    field="configuration_ids",
    description="is empty, and neither a header field nor the sender names a configuration",
)

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


class Copy(NamedTuple):
    """What became of one recipient's copy."""

    rewritten: Rewritten
    message_id: str = ""
    privacy_level: PrivacyLevel | None = None
    error: InvalidFields | None = None


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
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._configurations = configurations
        self._sealer = sealer
        self._copy_ids = copy_ids
        self._pixel_base_url = pixel_base_url
        self._pool = pool
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
        level = max(request.privacy_level, *(each.privacy_level for each in choice.configurations))
        tracking = tuple(each for each in choice.configurations if each.tracks)
        if request.is_tracking_off or level is PrivacyLevel.OFF or not tracking:
            rewritten = _untracked(raw, header, choice.fields_to_remove)
        else:
            facts = MessageFacts(
                message_id=message_id,
                configurations=tracking,
                acceptance_time=time,
                recipients=request.recipients,
                tags=request.tags,
                privacy_level=level,
                mail_provider=provider_of(request.recipient_mx),
            )
            rewritten = await self._track(raw, header, choice, facts)
        return Answer(
            rewritten=rewritten,
            message_id=message_id,
            configuration_ids=tuple(each.id for each in choice.configurations),
            privacy_level=level,
        )

    async def rewrite_for_recipients(self, request: RecipientsRequest, *, caller: Caller) -> Copies:
        """Rewrite the message of *request*, which has been checked, for each recipient.

        Never waits for the database.

        Raises:
            ConfigurationNotAllowed: the request or the header names one of others.
            ConfigurationNotFound: the request or the header names one that does not exist.
            RewritingInterrupted: no process can rewrite it now.
        """
        header = read_message_header(request.raw_message)
        choice = choose(
            self._configurations.snapshot,
            request.configuration_ids,
            header,
            caller,
            defaults=request.default_configuration_ids,
        )
        copy_id = self._copy_ids.of_message(
            _identity(request, header), sent_us=_sent_us(request, header)
        )
        time = self._clock()
        copies = []
        for recipient in request.recipients:
            copies.append(await self._copy(request, header, choice, recipient, copy_id, time))
            await asyncio.sleep(0)
        configurations = () if choice is None else choice.configurations
        return Copies(copies=copies, configuration_ids=tuple(each.id for each in configurations))

    async def _copy(
        self,
        request: RecipientsRequest,
        header: Header | None,
        choice: Choice | None,
        recipient: Recipient,
        copy_id: Callable[[str], str],
        time: dt.datetime,
    ) -> Copy:
        raw = request.raw_message
        fields_to_remove = () if choice is None else choice.fields_to_remove
        if recipient.mistake is not None:
            return Copy(_untracked(raw, header, fields_to_remove), error=recipient.mistake)
        message_id = recipient.message_id or copy_id(recipient.address)
        if choice is None:
            rewritten = Rewritten(outcome=Outcome.NO_CONFIGURATION)
            return Copy(rewritten, message_id, recipient.privacy_level)
        level = max(
            recipient.privacy_level, *(each.privacy_level for each in choice.configurations)
        )
        tracking = tuple(each for each in choice.configurations if each.tracks)
        if recipient.is_tracking_off or level is PrivacyLevel.OFF or not tracking:
            return Copy(_untracked(raw, header, fields_to_remove), message_id, level)
        facts = MessageFacts(
            message_id=message_id,
            configurations=tracking,
            acceptance_time=time,
            recipients=(recipient.address,),
            tags=recipient.tags,
            privacy_level=level,
            mail_provider=provider_of(recipient.recipient_mx),
        )
        try:
            rewritten = await self._track(raw, header, choice, facts)
        except InvalidFields as error:
            return Copy(_untracked(raw, header, fields_to_remove), error=error)
        return Copy(rewritten, message_id, level)

    async def _track(
        self, raw: bytes, header: Header | None, choice: Choice, facts: MessageFacts
    ) -> Rewritten:
        first = choice.configurations[0]
        job = Job(
            facts=facts,
            base_url=first.pixel_base_url or self._pixel_base_url,
            placement=first.pixel_placement,
            fields_to_remove=choice.fields_to_remove,
        )
        # Here in any case, because a caller's mistake must be told.
        instructions = job.instructions(self._sealer)
        if header is None:
            return Rewritten(outcome=Outcome.TOO_COMPLEX)
        rewritten = _rewritten_inline(raw, instructions, header)
        if rewritten is None:
            rewritten = await self._pool.rewrite(raw, job)
        if rewritten.failure is not None:
            _log_failure(rewritten.failure, octets=len(raw))
        return rewritten


def _identity(request: RecipientsRequest, header: Header | None) -> bytes:
    """Return what tells the message from others: the same when it is sent once more."""
    field = None if header is None else header.get("Message-ID")
    named = request.message_id or field
    return named.encode() if named else hashlib.sha256(request.raw_message).digest()


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


def _rewritten_inline(raw: bytes, instructions: Instructions, header: Header) -> Rewritten | None:
    """Rewrite *raw* if that is sure to be quick; None if it is not, or turns out not to be."""
    if (
        len(header) > MAX_INLINE_HEADER_OCTETS
        or header.count_lines() > MAX_INLINE_HEADER_LINES
        or address_octets(header) > MAX_INLINE_ADDRESS_OCTETS
    ):
        return None
    budget = Budget.of_steps(MAX_INLINE_STEPS, text_octets=MAX_INLINE_TEXT_OCTETS)
    rewritten = rewrite_message(raw, instructions, header=header, budget=budget)
    return None if rewritten.outcome is Outcome.TOO_COMPLEX else rewritten


def _log_failure(failure: Exception, *, octets: int) -> None:
    if isinstance(failure, RemoteFailure):
        kind, frames = failure.kind, failure.frames
    else:
        kind, frames = type(failure).__name__, frames_of(failure)
    logger.error("rewriting failed", failure=kind, frames=frames, octets=octets)


def _untracked(raw: bytes, header: Header | None, fields_to_remove: Sequence[str]) -> Rewritten:
    removals = remove_fields(raw, header, fields_to_remove) if header is not None else []
    return Rewritten(
        outcome=Outcome.TRACKING_DISABLED, splice=merged(raw, removals) if removals else None
    )
