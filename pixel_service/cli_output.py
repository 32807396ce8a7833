"""How notifications are printed."""

import sys
from typing import Final, Literal

from google.protobuf import json_format

from emailopens.notification.v1 import open_notification_pb2 as pb

Format = Literal["json", "table"]

_COLUMNS: Final = "{:<27} {:<22} {:<18} {:<8} {:<16} {}"


def print_heading(format_: Format) -> None:
    """Print what stands above notifications."""
    if format_ == "table":
        _print_line(_COLUMNS.format("TIME", "CONFIGURATION", "AGENT", "SURE", "ADDRESS", "MESSAGE"))


def print_notification(notification: pb.OpenNotification, format_: Format) -> None:
    """Print *notification* in a line: its canonical JSON, or what fits into columns."""
    _print_line(_as_json(notification) if format_ == "json" else _as_row(notification))


def _print_line(text: str) -> None:
    # Flushed, because whoever reads a pipe wants opens as they come.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _as_json(notification: pb.OpenNotification) -> str:
    return json_format.MessageToJson(notification, indent=None, ensure_ascii=False)


def _as_row(notification: pb.OpenNotification) -> str:
    evidence = notification.open.evidence
    return _COLUMNS.format(
        notification.open.open_time.ToJsonString(),
        notification.configuration_id,
        _short(pb.Agent.Name(evidence.agent)),
        _short(pb.Confidence.Name(evidence.confidence)),
        notification.open.ip_address or "-",
        notification.mail.message_id or "-",
    ).rstrip()


def _short(name: str) -> str:
    """Return the name of an enum's value without the enum's."""
    return name.partition("_")[2]
