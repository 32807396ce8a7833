"""Opens in a table for people."""

from typing import Final

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.cli.fitted_table import Column, FittedTable
from pixel_service.cli.words import AGENTS, short_name
from service_runtime.encoded_words import decode_words

# Tags that say what other columns say.
_SYSTEM_TAGS: Final = "ses:"


def _mail_tags(notification: pb.OpenNotification) -> str:
    tags = notification.mail.tags
    return " ".join(
        f"{name}={','.join(map(str, tags[name]))}"
        for name in sorted(tags)
        if not name.startswith(_SYSTEM_TAGS)
    )


# The subject is the last: if it is written from right to left it moves nothing else.
_COLUMNS: Final[tuple[Column[pb.OpenNotification], ...]] = (
    Column(
        heading="TIME",
        least=20,
        most=20,
        rank=0,
        value=lambda opened: opened.open.open_time.ToDatetime().isoformat("T", "seconds") + "Z",
    ),
    Column(
        heading="CONFIGURATION",
        least=13,
        most=22,
        rank=6,
        value=lambda opened: opened.configuration_id,
    ),
    Column(
        heading="AGENT",
        least=8,
        most=8,
        rank=1,
        value=lambda opened: AGENTS.get(opened.open.evidence.agent, ""),
    ),
    Column(
        heading="SURE",
        least=6,
        most=6,
        rank=3,
        value=lambda opened: short_name(pb.Confidence.DESCRIPTOR, opened.open.evidence.confidence),
    ),
    Column(
        heading="ADDRESS",
        least=15,
        most=26,
        rank=8,
        value=lambda opened: opened.open.ip_address,
    ),
    Column(
        heading="MESSAGE",
        least=22,
        most=22,
        rank=7,
        value=lambda opened: opened.mail.message_id,
    ),
    Column(
        heading="RECIPIENT",
        least=14,
        most=32,
        rank=2,
        value=lambda opened: ",".join(opened.mail.destination),
    ),
    Column(heading="TAGS", least=10, most=32, rank=5, value=_mail_tags),
    Column(
        heading="SUBJECT",
        least=16,
        most=60,
        rank=4,
        value=lambda opened: decode_words(opened.mail.common_headers.subject),
    ),
)


def open_table(width: int | None) -> FittedTable[pb.OpenNotification]:
    """Return the table of opens for a terminal of *width*; None: every cell is whole."""
    return FittedTable(_COLUMNS, width)
