"""How notifications and counts are printed."""

import json
import sys
from collections.abc import Sequence
from typing import Final, Literal

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2 as operation_pb

Format = Literal["json", "table"]

_COLUMNS: Final = "{:<27} {:<22} {:<18} {:<8} {:<16} {}"


# In the order of the columns: who looked, what looked for nobody, and the rest.
_AGENTS: Final = {
    pb.AGENT_PERSON: "PERSON",
    pb.AGENT_IMAGE_PROXY: "PROXY",
    pb.AGENT_PRIVACY_PREFETCH: "PREFETCH",
    pb.AGENT_SCANNER: "SCANNER",
    pb.AGENT_OTHER_AUTOMATION: "OTHER",
    pb.AGENT_UNKNOWN: "UNKNOWN",
}
_COUNT_COLUMNS: Final = "{:<10}" + " {:>9}" * (2 + len(_AGENTS)) + "  {}"


def print_heading(format_: Format) -> None:
    """Print what stands above notifications."""
    if format_ == "table":
        _print_line(_COLUMNS.format("TIME", "CONFIGURATION", "AGENT", "SURE", "ADDRESS", "MESSAGE"))


def print_notification(notification: pb.OpenNotification, format_: Format) -> None:
    """Print *notification* in a line: its canonical JSON, or what fits into columns."""
    _print_line(as_json(notification) if format_ == "json" else _as_row(notification))


def print_counts_heading(format_: Format) -> None:
    """Print what stands above counts."""
    if format_ == "table":
        _print_line(
            _COUNT_COLUMNS.format("DAY", "OPENS", "FIRST", *_AGENTS.values(), "CONFIGURATION")
        )


def print_counts(counts: Sequence[operation_pb.DailyCount], format_: Format) -> None:
    """Print *counts*, each in a line."""
    for count in counts:
        _print_line(_count_as_json(count) if format_ == "json" else _count_as_row(count))


def _count_as_json(count: operation_pb.DailyCount) -> str:
    opens_by_agent = _opens_by_agent(count)
    return json.dumps(
        {
            "day": count.day,
            "configurationId": count.configuration_id,
            "opens": count.opens,
            "firstOpens": count.first_opens,
            "collapsedOpens": count.collapsed_opens,
            "opensByAgent": {
                pb.Agent.Name(agent): opens_by_agent[agent]
                for agent in _AGENTS
                if agent in opens_by_agent
            },
        }
    )


def _count_as_row(count: operation_pb.DailyCount) -> str:
    opens_by_agent = _opens_by_agent(count)
    by_agent = [opens_by_agent.get(agent, 0) for agent in _AGENTS]
    return _COUNT_COLUMNS.format(
        count.day, count.opens, count.first_opens, *by_agent, count.configuration_id
    )


def _opens_by_agent(count: operation_pb.DailyCount) -> dict[int, int]:
    return {each.agent: each.opens for each in count.agent_counts}


def _print_line(text: str) -> None:
    # Flushed, because whoever reads a pipe wants opens as they come.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def as_json(notification: pb.OpenNotification) -> str:
    """Return the canonical JSON of *notification*, in a line."""
    return json_format.MessageToJson(notification, indent=None, ensure_ascii=False)


def _as_row(notification: pb.OpenNotification) -> str:
    evidence = notification.open.evidence
    return _COLUMNS.format(
        notification.open.open_time.ToJsonString(),
        notification.configuration_id,
        short_name(pb.Agent.DESCRIPTOR, evidence.agent),
        short_name(pb.Confidence.DESCRIPTOR, evidence.confidence),
        notification.open.ip_address or "-",
        notification.mail.message_id or "-",
    ).rstrip()


def short_name(enum: EnumDescriptor, number: int) -> str:
    """Return the name of an enum's value without the enum's; its number if it is a newer one."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    return value.name.removeprefix(enum.values_by_number[0].name.removesuffix("UNSPECIFIED"))
