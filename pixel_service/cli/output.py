"""How notifications and counts are printed."""

import functools
import json
import re
import sys
from collections.abc import Sequence
from typing import Final, Literal

from google.protobuf import json_format
from google.protobuf.message import Message

from emailopens.notification.v1 import open_notification_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2 as operation_pb
from pixel_service.cli.fitted_table import FittedTable, terminal_width
from pixel_service.cli.open_table import open_table
from pixel_service.cli.words import AGENTS

Format = Literal["json", "table"]

# Legal in JSON, but obeyed by terminals, or taken for the end of a line.
_OBEYED: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_COUNT_COLUMNS: Final = "{:<10}" + " {:>9}" * (2 + len(AGENTS)) + "  {}"


def print_heading(format_: Format) -> None:
    """Print what stands above notifications."""
    if format_ == "table":
        _print_line(_table().heading)


def print_notification(notification: pb.OpenNotification, format_: Format) -> None:
    """Print *notification* in a line: its canonical JSON, or what fits into columns."""
    _print_line(as_json(notification) if format_ == "json" else _table().row(notification))


def print_counts_heading(format_: Format) -> None:
    """Print what stands above counts."""
    if format_ == "table":
        _print_line(
            _COUNT_COLUMNS.format("DAY", "OPENS", "FIRST", *AGENTS.values(), "CONFIGURATION")
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
                for agent in AGENTS
                if agent in opens_by_agent
            },
        }
    )


def _count_as_row(count: operation_pb.DailyCount) -> str:
    opens_by_agent = _opens_by_agent(count)
    by_agent = [opens_by_agent.get(agent, 0) for agent in AGENTS]
    return _COUNT_COLUMNS.format(
        count.day, count.opens, count.first_opens, *by_agent, count.configuration_id
    )


def _opens_by_agent(count: operation_pb.DailyCount) -> dict[int, int]:
    return {each.agent: each.opens for each in count.agent_counts}


def _print_line(text: str) -> None:
    # Flushed, because whoever reads a pipe wants opens as they come.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def as_json(message: Message) -> str:
    """Return the canonical JSON of *message*, in a line."""
    text = json_format.MessageToJson(message, indent=None, ensure_ascii=False)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@functools.cache
def _table() -> FittedTable[pb.OpenNotification]:
    # Of one width: the heading stays where it is.
    return open_table(terminal_width())
