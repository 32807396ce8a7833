"""How notifications and counts are printed."""

import json
import sys
from collections.abc import Sequence
from typing import Final, Literal

from google.protobuf import json_format

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.open_log import DayCount

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
    _print_line(_as_json(notification) if format_ == "json" else _as_row(notification))


def print_counts(counts: Sequence[DayCount], format_: Format) -> None:
    """Print *counts*, each in a line."""
    if format_ == "table":
        _print_line(
            _COUNT_COLUMNS.format("DAY", "OPENS", "FIRST", *_AGENTS.values(), "CONFIGURATION")
        )
    for count in counts:
        _print_line(_count_as_json(count) if format_ == "json" else _count_as_row(count))


def _count_as_json(count: DayCount) -> str:
    return json.dumps(
        {
            "day": count.day.isoformat(),
            "configurationId": count.configuration_id,
            "opens": count.opens,
            "firstOpens": count.first_opens,
            "opensByAgent": {
                pb.Agent.Name(agent): count.opens_by_agent[agent]
                for agent in _AGENTS
                if agent in count.opens_by_agent
            },
        }
    )


def _count_as_row(count: DayCount) -> str:
    by_agent = [count.opens_by_agent.get(agent, 0) for agent in _AGENTS]
    return _COUNT_COLUMNS.format(
        count.day.isoformat(), count.opens, count.first_opens, *by_agent, count.configuration_id
    )


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
