"""From a fetch to opens in the log."""

import asyncio
import collections
import dataclasses
import functools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from pixel_service.errors import TokenInvalid
from pixel_service.event_id import new_open_id
from pixel_service.evidence import Fetch, Judge
from pixel_service.fetch import PixelFetch
from pixel_service.mail_part import mail_part
from pixel_service.open_part import open_part
from pixel_service.opens import OpenRecord
from pixel_service.privacy import KeptOpen, PrivacyLevel, SeenOpen, keep
from pixel_service.sealed_message import SealedMessage, SealedMessages

Record = Callable[[Sequence[OpenRecord]], Awaitable[None]]

# How many recording times a forged token's wait is drawn from.
_REMEMBERED_WAITS: Final = 64


@dataclasses.dataclass(slots=True)
class IntakeCounts:
    """What became of fetches since the start."""

    recorded: int = 0
    invalid: int = 0
    """Not a token of ours."""
    off: int = 0
    """Of a message that keeps nothing."""


class Intake:
    """Opens the token of a fetch, judges the fetch, and records what may be kept."""

    def __init__(self, *, messages: SealedMessages, judge: Judge, record: Record) -> None:
        self._messages = messages
        self._judge = judge
        self._record = record
        self.counts = IntakeCounts()
        self._waits: collections.deque[float] = collections.deque(maxlen=_REMEMBERED_WAITS)

    async def take(self, fetch: PixelFetch) -> bool:
        """Record the open that *fetch* is; return whether it is one.

        Returns when the open is durable. What is no token of ours is not recorded,
        and takes as long, because the wait would tell the two apart.
        """
        try:
            sealed = self._messages.open(fetch.token)
        except TokenInvalid:
            self.counts.invalid += 1
            await self._wait_as_if_recording()
            return False
        records = self._records(sealed, fetch)
        if not records:
            self.counts.off += 1
            await self._wait_as_if_recording()
            return False
        started = time.monotonic()
        await self._record(records)
        self._waits.append(time.monotonic() - started)
        self.counts.recorded += 1
        return True

    async def _wait_as_if_recording(self) -> None:
        if self._waits:
            await asyncio.sleep(random.choice(self._waits))  # noqa: S311 - no secret depends on it

    def _records(self, sealed: SealedMessage, fetch: PixelFetch) -> list[OpenRecord]:
        kept = keep(self._seen(sealed, fetch))
        if kept is None:
            return []
        return list(_records_of(kept, sealed, source=fetch.ip_address))

    def _seen(self, sealed: SealedMessage, fetch: PixelFetch) -> SeenOpen:
        # Of an anonymous message only the day is known.
        is_anonymous = sealed.privacy_level >= PrivacyLevel.ANONYMOUS
        evidence = self._judge.judge(
            Fetch(
                ip_address=fetch.ip_address,
                user_agent=fetch.user_agent,
                headers=fetch.purposes,
                open_time=fetch.open_time,
                acceptance_time=None if is_anonymous else sealed.message.acceptance_time,
            )
        )
        return SeenOpen(
            privacy_level=sealed.privacy_level,
            open_time=fetch.open_time,
            message=sealed.message,
            correspondence=sealed.correspondence,
            ip_address=fetch.ip_address,
            user_agent=fetch.user_agent,
            evidence=evidence,
        )


def _records_of(
    kept: KeptOpen, sealed: SealedMessage, *, source: str | None
) -> Iterator[OpenRecord]:
    open_id = new_open_id(kept.open_time)
    record = functools.partial(
        OpenRecord,
        open_time=kept.open_time,
        message_key=sealed.message_key,
        source_key=source.encode() if source else None,
        agent=kept.evidence.agent.value,
        confidence=kept.evidence.confidence.value,
    )
    for index, configuration_id in enumerate(sealed.notified):
        event_id = f"{open_id}:{index}"
        notification = _notification(kept, sealed, configuration_id, event_id)
        yield record(
            event_id=event_id,
            configuration_id=configuration_id,
            notified=True,
            notification=notification,
        )
    for index, configuration_id in enumerate(sealed.counted, start=len(sealed.notified)):
        # What is only counted leaves nothing behind that could be erased later.
        yield record(
            event_id=f"{open_id}:{index}",
            configuration_id=configuration_id,
            notified=False,
            notification=b"",
        )


def _notification(
    kept: KeptOpen, sealed: SealedMessage, configuration_id: str, event_id: str
) -> bytes:
    mail_octets = sealed.mail_octets.get(configuration_id)
    if mail_octets is None:
        mail_octets = sealed.mail_octets[configuration_id] = mail_part(kept, configuration_id)
    return mail_octets + open_part(kept, event_id)
