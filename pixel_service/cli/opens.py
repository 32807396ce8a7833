"""`pixel-service opens …`: what was recorded."""

from collections.abc import Sequence
from typing import Final

import click

from emailopens.pixel.v1 import operation_service_pb2 as operation_pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as operation_pb_grpc
from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.cli.export import export
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.find import find
from pixel_service.cli.output import Format, print_heading, print_notification
from pixel_service.cli.target import CALL_SECONDS, responses, target_option
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target, connect

_PAGE: Final = 1_000


@click.group()
def opens() -> None:
    """List what was recorded, find, export or erase it."""


opens.add_command(export)
opens.add_command(find)


@opens.command(name="list")
@configuration_option
@filter_options
@click.option(
    "--after-cursor", metavar="CURSOR", show_default="the earliest open", help="Where to start."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="COUNT",
    default=100,
    show_default=True,
    help="How many at most.",
)
@format_option(default="table")
@target_option
def list_(
    target: Target,
    configuration_ids: Sequence[str],
    open_filter: pb.OpenFilter,
    after_cursor: str | None,
    limit: int,
    format_: Format,
) -> None:
    """List recorded opens, the oldest first."""
    request = pb.ListOpensRequest(
        configuration_ids=configuration_ids, filter=open_filter, page_size=min(limit, _PAGE)
    )
    if after_cursor is not None:
        request.after_cursor = after_cursor
    wait_for(_list(target, request, limit, format_))


async def _list(target: Target, request: pb.ListOpensRequest, limit: int, format_: Format) -> None:
    async with connect(target) as channel:
        stub = pb_grpc.PixelServiceStub(channel)
        while True:
            page = await stub.ListOpens(request, timeout=CALL_SECONDS)
            if not request.page_token:
                print_heading(format_)
            for notification in page.notifications[:limit]:
                print_notification(notification, format_)
            limit -= len(page.notifications)
            request.page_token = page.next_page_token
            if limit <= 0 or not request.page_token:
                break
    click.echo(f"cursor: {page.cursor}", err=True)


@opens.command()
@click.option("--recipient", metavar="ADDRESS", help="Opens of messages to this address.")
@click.option("--message-id", metavar="ID", help="Opens of the message with this ID.")
@target_option
def erase(target: Target, recipient: str | None, message_id: str | None) -> None:
    """Erase opens for good, and say how many.

    Streams skip what was erased; the service may still send it for half a minute.  What
    the service's machine has not brought into the log yet is brought there first.  If
    something cannot be reached the exit status is 1, and the error says what to do.
    """
    if (recipient is None) == (message_id is None):
        raise click.UsageError("say --recipient or --message-id")
    request = operation_pb.EraseOpensRequest()
    if recipient is not None:
        request.recipient = recipient
    elif message_id is not None:
        request.message_id = message_id
    unreached = wait_for(_erase(target, request))
    if unreached:
        raise click.ClickException("; ".join(_sentence(each) for each in unreached))


async def _erase(
    target: Target, request: operation_pb.EraseOpensRequest
) -> Sequence[operation_pb.UnreachedOpens]:
    """Erase, say how many, and return what was not reached."""
    erased: int | None = None
    unreached: Sequence[operation_pb.UnreachedOpens] = ()
    try:
        async with connect(target) as channel:
            call = operation_pb_grpc.OperationServiceStub(channel).EraseOpens(request)
            async for response in responses(call):
                erased, unreached = response.erased_opens, response.unreached_opens
    finally:
        # Also before an error: what was erased is gone.
        if erased is not None:
            click.echo(f"{erased} opens erased")
    return unreached


def _sentence(unreached: operation_pb.UnreachedOpens) -> str:
    match unreached.reason:
        case operation_pb.UnreachedOpens.REASON_WAITING:
            return "opens wait to be brought into the log: erase again a little later"
        case operation_pb.UnreachedOpens.REASON_DAMAGED_FILE:
            return f"delete by hand, on the service's machine, the damaged file {unreached.path}"
        case operation_pb.UnreachedOpens.REASON_OLDER_STATE_READ:
            return (
                "what was erased is still in the write-ahead log, because somebody reads an "
                "older state of the log, such as a backup: erase again once that has ended"
            )
        case reason:
            return (
                f"something was not reached, for a reason that this version does not know: {reason}"
            )
