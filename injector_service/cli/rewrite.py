"""`injector-service rewrite`: a filter for one message."""

import sys
from collections.abc import Sequence
from typing import Final

import click

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from emailopens.notification.v1 import privacy_level_pb2
from injector_service.cli.target import CALL_SECONDS, PRIVACY_LEVELS, target_option
from service_runtime.cli import wait_for
from service_runtime.target import MAX_MESSAGE_OCTETS, Target, connect

# Tells "not tracked" from an error (1) and wrong usage (2).
EXIT_NOT_TRACKED: Final = 3


@click.command()
@click.option(
    "--configuration",
    "configuration_ids",
    multiple=True,
    metavar="ID",
    show_default="what the message's header field or sender says",
    help="A configuration that applies; may be repeated.",
)
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="ADDRESS",
    show_default="To, Cc and Bcc",
    help="An envelope recipient; may be repeated.",
)
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be repeated.")
@click.option(
    "--message-id",
    default="",
    metavar="ID",
    show_default="a new one",
    help="The message's ID in notifications.",
)
@click.option(
    "--recipient-mx",
    multiple=True,
    metavar="HOST",
    help="A mail exchanger of the recipient's, to judge early fetches by; may be repeated.",
)
@click.option("--privacy-level", type=PRIVACY_LEVELS, help="Keep no more than this of opens.")
@click.option("--off", "is_off", is_flag=True, help="Do not track this message.")
@target_option
def rewrite(
    target: Target,
    configuration_ids: Sequence[str],
    recipients: Sequence[str],
    tags: Sequence[str],
    message_id: str,
    recipient_mx: Sequence[str],
    privacy_level: str | None,
    *,
    is_off: bool,
) -> int:
    """Read a message, put a pixel into it, and write it.

    The message goes from standard input to standard output, outcome and warnings to
    standard error.  The exit status is 0 if the message is tracked, and 3 if it is
    not; it can be sent in both cases.  With 1 (error) and 2 (usage) nothing is
    written.
    """
    raw = _message()
    request = pb.RewriteMessageRequest(
        raw_message=raw,
        configuration_ids=configuration_ids,
        recipients=recipients,
        tags=_tags(tags),
        message_id=message_id,
        recipient_mx=recipient_mx,
        tracking=pb.RewriteMessageRequest.TRACKING_OFF
        if is_off
        else pb.RewriteMessageRequest.TRACKING_UNSPECIFIED,
        view=pb.RewriteMessageRequest.VIEW_SPLICE,
        privacy_level=_privacy_level(privacy_level),
    )
    response = wait_for(_call(target, request))
    splice = response.splice
    sys.stdout.buffer.write(raw[: splice.offset])
    sys.stdout.buffer.write(splice.insert)
    sys.stdout.buffer.write(raw[splice.offset + splice.delete_count :])
    sys.stdout.buffer.flush()
    _report(response)
    is_tracked = response.outcome == pb.RewriteMessageResponse.OUTCOME_TRACKED
    return 0 if is_tracked else EXIT_NOT_TRACKED


def _message() -> bytes:
    if sys.stdin.isatty():
        click.echo("reading a message from the terminal; Ctrl-D ends it", err=True)
    raw = sys.stdin.buffer.read(MAX_MESSAGE_OCTETS)
    if not raw:
        raise click.ClickException("standard input is empty: it must be a message")
    return raw


async def _call(target: Target, request: pb.RewriteMessageRequest) -> pb.RewriteMessageResponse:
    async with connect(target) as channel:
        stub = pb_grpc.InjectorServiceStub(channel)
        return await stub.RewriteMessage(request, timeout=CALL_SECONDS)


def _report(response: pb.RewriteMessageResponse) -> None:
    outcome = pb.RewriteMessageResponse.Outcome.Name(response.outcome)
    click.echo(f"outcome: {outcome.removeprefix('OUTCOME_')}", err=True)
    click.echo(f"message ID: {response.message_id}", err=True)
    for warning in response.warnings:
        name = pb.RewriteMessageResponse.Warning.Name(warning)
        click.echo(f"warning: {name.removeprefix('WARNING_')}", err=True)


def _tags(texts: Sequence[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or key in tags:
            raise click.UsageError(f"--tag {text}: must be KEY=VALUE, each key once")
        tags[key] = value
    return tags


def _privacy_level(name: str | None) -> privacy_level_pb2.PrivacyLevel.ValueType:
    if name is None:
        return privacy_level_pb2.PRIVACY_LEVEL_UNSPECIFIED
    return privacy_level_pb2.PrivacyLevel.Value(f"PRIVACY_LEVEL_{name.upper()}")
