"""`pixel-service opens …`: what was recorded."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.log import log_options, opened_log
from pixel_service.cli.output import Format, print_heading, print_notification
from pixel_service.cli.target import CALL_SECONDS, target_option
from pixel_service.intake import message_key
from pixel_service.notification import Matches, matches_message, matches_recipient
from pixel_service.recording.spool_emptying import DEFAULT_PATIENCE, damaged_files, empty_spool
from pixel_service.settings import SPOOL_FOLDER
from service_runtime.channel import connect
from service_runtime.cli import wait_for

_PAGE: Final = 1_000


@click.group()
def opens() -> None:
    """List what was recorded, or erase it."""


@opens.command(name="list")
@target_option
@configuration_option
@filter_options
@click.option("--after-cursor", metavar="CURSOR", help="Only what follows.  [default: all]")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--format", "format_", type=click.Choice(["json", "table"]), default="table")
def list_(
    target: str,
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


async def _list(target: str, request: pb.ListOpensRequest, limit: int, format_: Format) -> None:
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
@log_options
@click.option("--recipient", metavar="ADDRESS", help="Opens of messages to this address.")
@click.option("--message-id", metavar="ID", help="Opens of the message with this ID.")
@click.option(
    "--patience",
    type=click.FloatRange(min=0, max=3_600),
    default=DEFAULT_PATIENCE.total_seconds(),
    show_default=True,
    metavar="SECONDS",
    help="How long running processes have to bring what they spooled into the log.",
)
def erase(
    *,
    data: Path,
    log_url: str | None,
    recipient: str | None,
    message_id: str | None,
    patience: float,
) -> None:
    """Erase opens for good, and say how many.

    Works on the log itself, beside a running service or without. Streams skip what
    was erased; a running process may still send it for half a minute. What waits in
    the spool of the data folder is brought into the log first. If that cannot be done
    the exit status is 1, and the command is to be repeated.
    """
    matches = _matches(recipient, message_id)
    keys = () if message_id is None else (message_key(message_id),)
    spool = data / SPOOL_FOLDER

    async def work() -> None:
        async with opened_log(data, log_url) as open_log:
            is_reached = await empty_spool(spool, open_log, patience=dt.timedelta(seconds=patience))
            erased = await open_log.erase(matches, message_keys=keys)
            click.echo(f"{erased} opens erased")
            if not is_reached:
                raise click.ClickException(
                    "opens wait in the spool; erase again once it is drained"
                )

    wait_for(work())
    if damaged := damaged_files(spool):
        raise click.ClickException(f"delete damaged files of the spool by hand: {damaged}")


def _matches(recipient: str | None, message_id: str | None) -> Matches:
    try:
        if recipient is not None and message_id is None:
            return matches_recipient(recipient)
        if message_id is not None and recipient is None:
            return matches_message(message_id)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    raise click.UsageError("say --recipient or --message-id")
