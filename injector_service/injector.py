"""Rewriting for a caller: which configurations, whether to track, and the pixel."""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from injector_service.configurations.choosing import Choice, choose
from injector_service.configurations.snapshot import Configurations
from injector_service.new_ids import new_message_id
from injector_service.pixels.maker import MessageFacts, PixelMaker
from injector_service.pixels.token_sealer import TokenSealer
from injector_service.privacy import PrivacyLevel
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriting.edit import Edit, merged
from injector_service.rewriting.mime.header import Header, message_start, read_header
from injector_service.rewriting.outcome import Outcome
from injector_service.rewriting.rewrite import Rewriting, rewrite_message

# Rewriting takes up to 6 ms for each MB of HTML (measured: FIELD-NOTES part 1).
# Below this the event loop waits for it, 1.5 ms at most; a thread costs 0.1 ms more.
MAX_INLINE_OCTETS: Final = 256 * 1024

log = structlog.get_logger()


def utc_now() -> dt.datetime:
    """Return the time, as the acceptance time of a message."""
    return dt.datetime.now(dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """What became of a request."""

    rewriting: Rewriting
    message_id: str
    configuration_ids: tuple[str, ...]
    privacy_level: PrivacyLevel


class Injector:
    """Puts pixels into messages, by the configurations that there are."""

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

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """Rewrite the message of *request*, which has been checked.

        Never waits for the database.

        Raises:
            ConfigurationNotFound: request or header name one that is not there.
            InvalidFields: nothing names a configuration, or the tags do not fit.
        """
        raw = request.raw_message
        header = (
            None if request.configuration_ids else read_header(raw, message_start(raw), len(raw))
        )
        choice = choose(self._configurations.snapshot, request.configuration_ids, header)
        message_id = request.message_id or new_message_id()
        level = max(request.privacy_level, *(each.privacy_level for each in choice.configurations))
        tracking = tuple(each for each in choice.configurations if each.tracks)
        if request.is_tracking_off or level is PrivacyLevel.OFF or not tracking:
            rewriting = _untracked(raw, header, choice.remove_fields)
        else:
            facts = MessageFacts(
                message_id=message_id,
                configurations=tracking,
                acceptance_time=self._clock(),
                recipients=request.recipients,
                tags=request.tags,
                privacy_level=level,
            )
            rewriting = await self._track(request, choice, facts)
        return Rewritten(
            rewriting=rewriting,
            message_id=message_id,
            configuration_ids=tuple(each.id for each in choice.configurations),
            privacy_level=level,
        )

    async def _track(
        self, request: RewriteRequest, choice: Choice, facts: MessageFacts
    ) -> Rewriting:
        first = choice.configurations[0]
        make_pixel = PixelMaker(
            facts, base_url=first.pixel_base_url or self._pixel_base_url, sealer=self._sealer
        )

        def rewrite() -> Rewriting:
            return rewrite_message(
                request.raw_message,
                recipients=request.recipients,
                placement=first.pixel_placement,
                make_pixel=make_pixel,
                is_own_token=self._sealer.owns,
                remove_fields=choice.remove_fields,
            )

        is_small = len(request.raw_message) <= MAX_INLINE_OCTETS
        rewriting = rewrite() if is_small else await asyncio.to_thread(rewrite)
        if rewriting.failure is not None:
            log.error(
                "rewriting failed", failure=rewriting.failure, octets=len(request.raw_message)
            )
        if rewriting.outcome is not Outcome.TRACKED:
            return rewriting
        return dataclasses.replace(rewriting, warnings=rewriting.warnings + make_pixel.warnings)


def _untracked(raw: bytes, header: Header | None, remove_fields: Sequence[str]) -> Rewriting:
    spans = [span for name in remove_fields if header for span in header.spans(name)]
    edits = [Edit(start=start, end=end, insert=b"") for start, end in sorted(spans)]
    return Rewriting(
        outcome=Outcome.TRACKING_DISABLED, splice=merged(raw, edits) if edits else None
    )
