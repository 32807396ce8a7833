"""What the commands share that are given a message to rewrite."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.notification.v1 import privacy_level_pb2
from injector_service.cli.target import PRIVACY_LEVELS
from service_runtime.target import MAX_MESSAGE_OCTETS

# Tells "not tracked" from an error (1) and wrong usage (2).
EXIT_NOT_TRACKED: Final = 3

_OPTIONS: Final = (
    click.option(
        "--configuration",
        "configuration_ids",
        multiple=True,
        metavar="ID",
        show_default="what the message's header field or sender says",
        help="A configuration that applies; may be repeated.",
    ),
    click.option(
        "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be repeated."
    ),
    click.option(
        "--message-id",
        default="",
        metavar="ID",
        show_default="a new one",
        help="The message's ID in notifications.",
    ),
    click.option("--privacy-level", type=PRIVACY_LEVELS, help="Keep no more than this of opens."),
    click.option("--off", "is_off", is_flag=True, help="Do not track this message."),
)


def message_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how a message is to be tracked."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_message() -> bytes:
    """Return the message on standard input."""
    if sys.stdin.isatty():
        click.echo("reading a message from the terminal; Ctrl-D ends it", err=True)
    raw = sys.stdin.buffer.read(MAX_MESSAGE_OCTETS)
    if not raw:
        raise click.ClickException("standard input is empty: it must be a message")
    return raw


def read_tags(texts: Sequence[str]) -> dict[str, str]:
    """Return tags of the form KEY=VALUE."""
    tags: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or key in tags:
            raise click.UsageError(f"--tag {text}: must be KEY=VALUE, each key once")
        tags[key] = value
    return tags


def privacy_level_to_proto(name: str | None) -> privacy_level_pb2.PrivacyLevel.ValueType:
    """Return the level called *name*; unspecified for None."""
    if name is None:
        return privacy_level_pb2.PRIVACY_LEVEL_UNSPECIFIED
    return privacy_level_pb2.PrivacyLevel.Value(f"PRIVACY_LEVEL_{name.upper()}")


def tracking_to_proto(*, is_off: bool) -> pb.RewriteMessageRequest.Tracking.ValueType:
    """Return whether a message is to be tracked, as the contract says it."""
    if is_off:
        return pb.RewriteMessageRequest.TRACKING_OFF
    return pb.RewriteMessageRequest.TRACKING_UNSPECIFIED


def outcome_name(outcome: pb.RewriteMessageResponse.Outcome.ValueType) -> str:
    """Return what an outcome is called; a number if it is newer than this program."""
    try:
        name = pb.RewriteMessageResponse.Outcome.Name(outcome)
    except ValueError:
        return str(outcome)
    return name.removeprefix("OUTCOME_")
