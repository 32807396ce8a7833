"""From a fetch to opens in the log."""

import asyncio
import collections
import dataclasses
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pixel_service.errors import TokenInvalid
from pixel_service.evidence import Judge
from pixel_service.intake.event_id import new_open_id
from pixel_service.intake.fetch import PixelFetch
from pixel_service.intake.sealed_message import SealedMessage, SealedMessages
from pixel_service.notification import mail_octets, open_octets
from pixel_service.open_log import OpenRecord
from pixel_service.privacy import PrivacyLevel, keep_fetch
from service_runtime.times import microseconds_of

Record = Callable[[Sequence[OpenRecord]], Awaitable[None]]

# Here, because Python 3.11 takes long to find a member of an enumeration.
_OFF: Final = PrivacyLevel.OFF

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
        level = sealed.privacy_level
        if level is _OFF:
            return []
        open_us = microseconds_of(fetch.open_time)
        since_us = _since_us(sealed, open_us)
        evidence = self._judge.judge_timeless(
            ip_address=fetch.ip_address,
            user_agent=fetch.user_agent,
            headers=fetch.purposes,
            since_seconds=None if since_us is None else since_us / 1_000_000,
        )
        kept = keep_fetch(
            level, ip_address=fetch.ip_address, user_agent=fetch.user_agent, evidence=evidence
        )
        source_key = fetch.ip_address.encode() if fetch.ip_address else None
        agent, confidence = int(evidence.agent), int(evidence.confidence)
        open_id = new_open_id(open_us)
        records = []
        configurations = (*sealed.notified, *sealed.counted)
        for index, configuration_id in enumerate(configurations):
            # What is only counted tells nothing, but for the key that numbers it.
            notified = index < len(sealed.notified)
            event_id = f"{open_id}:{index}"
            records.append(
                OpenRecord(
                    event_id=event_id,
                    configuration_id=configuration_id,
                    open_time=fetch.open_time,
                    message_key=sealed.message_key,
                    source_key=source_key,
                    agent=agent,
                    confidence=confidence,
                    notified=notified,
                    notification=_mail_octets(sealed, configuration_id)
                    + open_octets(kept, event_id=event_id, open_us=open_us, since_us=since_us)
                    if notified
                    else b"",
                )
            )
        return records


def _since_us(sealed: SealedMessage, open_us: int) -> int | None:
    """Return how long after acceptance the open was; clocks that differ give zero.

    None where the message's own time is not kept, as of an anonymous one.
    """
    return max(0, open_us - sealed.acceptance_us) if sealed.acceptance_us else None


def _mail_octets(sealed: SealedMessage, configuration_id: str) -> bytes:
    octets = sealed.mail_octets.get(configuration_id)
    if octets is None:
        octets = sealed.mail_octets[configuration_id] = mail_octets(sealed.kept, configuration_id)
    return octets
