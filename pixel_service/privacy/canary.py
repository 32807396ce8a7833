"""The canary: an open of the service's own, that shows whether opens get through.

It is a kept open of no message.  So it makes no open of the log, and no stream, list or
count ever has it; but it is written, read and committed as all others are.
"""

from typing import Final

from pixel_service.evidence import Agent, Confidence, Evidence
from pixel_service.privacy.kept_fetch import KeptFetch
from pixel_service.privacy.kept_open import KeptOpen, decode_open, encode_open

# As long as the ID of an open, with characters that those do not have.
_ID: Final = "canary".ljust(22, ".")
_ENDING: Final = _ID.encode()

_NOBODY: Final = KeptFetch(
    "",
    "",
    Evidence(
        agent=Agent.UNKNOWN,
        confidence=Confidence.LOW,
        signals=(),
        since_acceptance=None,
        ruleset_version="",
        client=None,
        network=None,
    ),
)


def encode_canary(sent_us: int) -> bytes:
    """Return a canary that is sent at *sent_us*, microseconds since 1970 UTC, as octets."""
    return encode_open(
        KeptOpen(
            open_id=_ID,
            open_us=sent_us,
            message_key=b"",
            source_key=b"",
            message=b"",
            fetch=_NOBODY,
        )
    )


def canary_time(octets: bytes) -> int | None:
    """Return when the canary in *octets* was sent; None if they are none.

    Raises:
        KeptOpenInvalid: they end as a canary does, and are no kept open.
    """
    return decode_open(octets).open_us if octets.endswith(_ENDING) else None
