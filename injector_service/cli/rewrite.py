"""`injector-service rewrite`: a filter for one message."""

import sys
from collections.abc import Sequence

import click

from emailopens.injector.v1 import injector_service_pb2 as pb
from emailopens.injector.v1 import injector_service_pb2_grpc as pb_grpc
from injector_service.cli.message_options import (
    EXIT_NOT_TRACKED,
    message_options,
    outcome_name,
    privacy_level_to_proto,
    read_message,
    read_tags,
    tracking_to_proto,
)
from injector_service.cli.target import CALL_SECONDS, target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target, connect


@click.command()
@message_options
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="ADDRESS",
    show_default="To, Cc and Bcc",
    help="An envelope recipient; may be repeated.",
)
@click.option(
    "--recipient-mx",
    multiple=True,
    metavar="HOST",
    help="A mail exchanger of the recipient's, to judge early fetches by; may be repeated.",
)
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
    raw = read_message()
    request = pb.RewriteMessageRequest(
        raw_message=raw,
        configuration_ids=configuration_ids,
        recipients=recipients,
        tags=read_tags(tags),
        message_id=message_id,
        recipient_mx=recipient_mx,
        tracking=tracking_to_proto(is_off=is_off),
        view=pb.RewriteMessageRequest.VIEW_SPLICE,
        privacy_level=privacy_level_to_proto(privacy_level),
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


async def _call(target: Target, request: pb.RewriteMessageRequest) -> pb.RewriteMessageResponse:
    async with connect(target) as channel:
        stub = pb_grpc.InjectorServiceStub(channel)
        return await stub.RewriteMessage(request, timeout=CALL_SECONDS)


def _report(response: pb.RewriteMessageResponse) -> None:
    click.echo(f"outcome: {outcome_name(response.outcome)}", err=True)
    click.echo(f"message ID: {response.message_id}", err=True)
    for warning in response.warnings:
        name = pb.RewriteMessageResponse.Warning.Name(warning)
        click.echo(f"warning: {name.removeprefix('WARNING_')}", err=True)
