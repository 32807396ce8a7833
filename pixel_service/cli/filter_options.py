"""The options that select opens: by their configuration, and by their evidence."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pb

_AGENT: Final = "AGENT_"
_CONFIDENCE: Final = "CONFIDENCE_"

configuration_option: Final = click.option(
    "--configuration",
    "configuration_ids",
    multiple=True,
    metavar="ID",
    show_default="all",
    help="Only opens of this configuration; may be repeated.",
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add options for each field of `OpenFilter`; the command gets them as `open_filter`."""

    @click.option(
        "--exclude-agent",
        "exclude_agents",
        type=_choice(notification_pb.Agent.keys(), _AGENT),
        multiple=True,
        help="Leave out opens of this likely agent; may be repeated.",
    )
    @click.option(
        "--min-confidence",
        type=_choice(notification_pb.Confidence.keys(), _CONFIDENCE),
        help="Leave out opens whose judgement is less sure.",
    )
    @click.option("--first-open-only", is_flag=True, help="Only the first open of each message.")
    @functools.wraps(command)
    def with_filter(
        *,
        exclude_agents: Sequence[str],
        min_confidence: str | None,
        first_open_only: bool,
        **others: object,
    ) -> object:
        open_filter = pb.OpenFilter(
            exclude_agents=[
                notification_pb.Agent.Value(_AGENT + _constant(each)) for each in exclude_agents
            ],
            min_confidence=notification_pb.Confidence.Value(
                _CONFIDENCE + _constant(min_confidence or "unspecified")
            ),
            first_open_only=first_open_only,
        )
        return command(open_filter=open_filter, **others)

    return with_filter


def _choice(constants: Sequence[str], prefix: str) -> click.Choice[str]:
    """Return the words for *constants*, all but the first, which says nothing."""
    words = [each.removeprefix(prefix).lower().replace("_", "-") for each in constants[1:]]
    return click.Choice(words, case_sensitive=False)


def _constant(word: str) -> str:
    return word.upper().replace("-", "_")
