"""From a kept open to the opens of the log: one for each configuration of its message."""

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from emailopens.token.v1 import pixel_token_pb2 as pb
from pixel_service.notification import mail_octets, open_octets
from pixel_service.open_log import OpenRecord
from pixel_service.privacy import KeptOpen, KeptOpenInvalid
from service_runtime.times import time_of

# Messages whose octets are remembered. Fetches come in bursts; more would make every full
# garbage collection longer.
_MAX_CACHED: Final = 2_048


class _Message(NamedTuple):
    """What all opens of one message have in common."""

    acceptance_us: int
    """When it was rewritten, microseconds since 1970 UTC; 0 if that is not kept."""

    notified: Sequence[tuple[str, bytes]]
    """Configurations whose subscribers are notified, each with its notification's beginning."""

    counted: Sequence[str]
    """Configurations that only count."""


def opens_of(kept: KeptOpen) -> list[OpenRecord]:
    """Return the opens that *kept* is.

    Raises:
        KeptOpenInvalid: its message cannot be read.
    """
    message = _message_of(kept.message)
    since_us = max(0, kept.open_us - message.acceptance_us) if message.acceptance_us else None
    open_time = time_of(kept.open_us)
    evidence = kept.fetch.evidence
    message_key, source_key = kept.message_key or None, kept.source_key or None
    agent, confidence = int(evidence.agent), int(evidence.confidence)
    opens = []
    for index, (configuration_id, beginning) in enumerate(
        (*message.notified, *((each, b"") for each in message.counted))
    ):
        event_id = f"{kept.open_id}:{index}"
        # What is only counted notifies nobody, but for the key that numbers it.
        notification = (
            beginning
            + open_octets(
                kept.fetch,
                event_id=event_id,
                open_us=kept.open_us,
                since_us=since_us,
                collapsed=kept.collapsed,
            )
            if beginning
            else b""
        )
        opens.append(
            OpenRecord(
                event_id=event_id,
                configuration_id=configuration_id,
                open_time=open_time,
                message_key=message_key,
                source_key=source_key,
                agent=agent,
                confidence=confidence,
                notified=bool(beginning),
                notification=notification,
                collapsed=kept.collapsed,
            )
        )
    return opens


@functools.lru_cache(maxsize=_MAX_CACHED)
def _message_of(octets: bytes) -> _Message:
    try:
        kept = pb.PixelToken.FromString(octets)
        return _Message(
            acceptance_us=kept.acceptance_time_us,
            notified=[(each, mail_octets(kept, each)) for each in kept.configuration_ids],
            counted=kept.statistics_configuration_ids[:],
        )
    except (DecodeError, ValueError):  # the second: no year has the time in it
        raise KeptOpenInvalid("no kept open: its message cannot be read") from None
