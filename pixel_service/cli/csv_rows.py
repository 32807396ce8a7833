"""Notifications as CSV (RFC 4180), for spreadsheets and for what else reads tables.

Every field of the notification has its column; `docs/files.md` describes them.  A cell is
empty where something was not kept, or is not known.
"""

import csv
import datetime as dt
import io
import json
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from google.protobuf import json_format, timestamp_pb2
from google.protobuf.descriptor import EnumDescriptor

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from pixel_service.cli.header_text import printable
from pixel_service.cli.words import short_name
from service_runtime.encoded_words import decode_words

# What spreadsheets take for a formula, also in the wide forms of East Asian keyboards.
# An apostrophe says that it is none; what begins with one gets another, so that taking
# off the first always gives what was there.
_MISTAKEN: Final = re.compile(r"\s*+['=+\-@＝＋－＠]")  # noqa: RUF001 - those forms

Value = TypeVar("Value")


def text_cell(value: str) -> str:
    """Return *value* as a cell that no spreadsheet takes for a formula."""
    if not value:
        return ""
    value = printable(value)
    return f"'{value}" if _MISTAKEN.match(value) else value


def _header(value: str) -> str:
    return text_cell(decode_words(value))


def _mailboxes(values: Iterable[str]) -> str:
    return text_cell(", ".join(map(decode_words, values)))


def _known(value: Value) -> Value | str:
    """Return a number that counts from 1; empty if it is not known."""
    return value or ""


def _boolean(value: bool) -> str:  # noqa: FBT001 - called with a field's value alone
    return "true" if value else "false"


def _time(time: timestamp_pb2.Timestamp) -> str:
    if not time.ByteSize():
        return ""
    # Always with microseconds: texts of different lengths do not sort by time.
    text = time.ToDatetime(dt.UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def _name_in(enum: EnumDescriptor) -> Callable[[int], str]:
    return lambda number: short_name(enum, number) if number else ""


def _first_open(evidence: pb.Evidence) -> str:
    return _boolean(evidence.first_open) if evidence.open_number else ""


def _since_acceptance(evidence: pb.Evidence) -> float | str:
    if not evidence.HasField("since_acceptance"):
        return ""
    return evidence.since_acceptance.ToMicroseconds() / 1_000_000


def _json(value: Sequence[object] | dict[str, object]) -> str:
    return text_cell(json.dumps(value, ensure_ascii=False)) if value else ""


def _tags(mail: pb.Mail) -> str:
    return _json({name: list(mail.tags[name]) for name in sorted(mail.tags)})


def _messages(values: Sequence[pb.Signal] | Sequence[pb.HeaderField]) -> str:
    return _json([json_format.MessageToDict(each) for each in values])


class Column(NamedTuple):
    """One column: where its value is in a notification, and what its cell says."""

    name: str
    path: str
    cell: Callable[[Any], str | float] = text_cell
    field: str = ""
    """The field below *path*, where *cell* must also look at those beside it."""


# New columns go to the end: whoever reads by number goes on reading the same.
COLUMNS: Final = (
    Column("event_type", "event_type"),
    Column("event_id", "event_id"),
    Column("configuration_id", "configuration_id"),
    Column("privacy_level", "privacy_level", _name_in(privacy_level_pb2.PrivacyLevel.DESCRIPTOR)),
    Column("open_time", "open.open_time", _time),
    Column("agent", "open.evidence.agent", _name_in(pb.Agent.DESCRIPTOR)),
    Column("confidence", "open.evidence.confidence", _name_in(pb.Confidence.DESCRIPTOR)),
    Column("first_open", "open.evidence", _first_open, "first_open"),
    Column("open_number", "open.evidence.open_number", _known),
    Column("burst", "open.burst", _known),
    Column("collapsed", "open.collapsed", int),
    Column("since_acceptance", "open.evidence", _since_acceptance, "since_acceptance"),
    Column("message_id", "mail.message_id"),
    Column("acceptance_time", "mail.acceptance_time", _time),
    Column("recipient", "mail.destination", _mailboxes),
    Column("tags", "mail", _tags, "tags"),
    Column("sender", "mail.identity_id"),
    Column("from", "mail.common_headers.from_mailboxes", _mailboxes),
    Column("to", "mail.common_headers.to_mailboxes", _mailboxes),
    Column("subject", "mail.common_headers.subject", _header),
    Column("date", "mail.common_headers.date"),
    Column("message_id_field", "mail.common_headers.message_id"),
    Column("original_message_id_field", "mail.common_headers.original_message_id"),
    Column("headers", "mail.headers", _messages),
    Column("headers_truncated", "mail.headers_truncated", _boolean),
    Column("ip_address", "open.ip_address"),
    Column("user_agent", "open.user_agent"),
    Column("client", "open.evidence.client.name"),
    Column("operating_system", "open.evidence.client.operating_system"),
    Column("device", "open.evidence.client.device"),
    Column("network_operator", "open.evidence.network.operator"),
    Column("network_number", "open.evidence.network.autonomous_system_number", _known),
    Column("network_country", "open.evidence.network.country"),
    Column("signals", "open.evidence.signals", _messages),
    Column("ruleset_version", "open.evidence.ruleset_version"),
)

_VALUES: Final = operator.attrgetter(*(column.path for column in COLUMNS))
_CELLS: Final = tuple(column.cell for column in COLUMNS)


def csv_heading() -> str:
    """Return the line with the names of the columns."""
    return csv_lines([[column.name for column in COLUMNS]])


def csv_rows(notifications: Iterable[pb.OpenNotification]) -> str:
    """Return a line for each of *notifications*."""
    return csv_lines(
        [cell(value) for cell, value in zip(_CELLS, _VALUES(each), strict=True)]
        for each in notifications
    )


def csv_lines(rows: Iterable[Sequence[str | float]]) -> str:
    """Return a line for each of *rows*."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return lines.getvalue()
