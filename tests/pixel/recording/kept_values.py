"""Kept opens, and what records them."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence

from emailopens.notification.v1 import privacy_level_pb2
from emailopens.token.v1 import pixel_token_pb2 as token_pb
from pixel_service.evidence import Agent, Confidence, Evidence
from pixel_service.journal import Journals
from pixel_service.open_log import OpenLog, message_key
from pixel_service.privacy import KeptFetch, KeptOpen, encode_open
from pixel_service.recording import Recorder
from service_runtime.background import running

EVIDENCE = Evidence(
    agent=Agent.PERSON,
    confidence=Confidence.LOW,
    signals=(),
    since_acceptance=None,
    ruleset_version="7",
    client=None,
    network=None,
)

_serial = itertools.count()


def kept(
    message_id: str = "m", *, configurations: Sequence[str] = ("news",), open_id: str | None = None
) -> bytes:
    """Return a kept open of the message *message_id*, with an ID of its own if none is given."""
    token = token_pb.PixelToken(
        message_id=message_id,
        privacy_level=privacy_level_pb2.PRIVACY_LEVEL_FULL,
        configuration_ids=configurations,
    )
    return encode_open(
        KeptOpen(
            open_id=open_id or f"{next(_serial):022}",
            open_us=1_773_046_801_500_000,
            message_key=message_key(message_id),
            source_key=b"s" * 16,
            message=token.SerializeToString(),
            fetch=KeptFetch("192.0.2.1", "Thunderbird/140", EVIDENCE),
        )
    )


@contextlib.asynccontextmanager
async def recording(log: OpenLog, journals: Journals) -> AsyncIterator[Recorder]:
    """Record what *journals* keep inside the block."""
    recorder = Recorder(log, journals, spool=journals.folder.parent / "spool")
    async with running(recorder.record()):
        yield recorder
