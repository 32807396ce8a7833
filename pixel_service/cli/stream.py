"""`pixel-service stream`: prints opens as they come."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens_client import ApiKeyUnusable, LogEnd, OpenStream, TlsFilesUnusable
from pixel_service.cli.cursor_file import CursorFile, cursor_file_option
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.outages import Outages
from pixel_service.cli.output import Format, print_heading, print_notification
from pixel_service.cli.start import START, parse_start, stream_start
from pixel_service.cli.target import target_option
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target


@click.command()
@configuration_option
@filter_options
@click.option(
    "--from",
    "start",
    metavar=START,
    show_default=LogEnd.LATEST.value,
    help="Where to start.",
)
@click.option("--subscription", metavar="ID", help="Continue this subscription, and acknowledge.")
@cursor_file_option
@click.option("--stop-at-head", is_flag=True, help="End with the opens that are recorded by now.")
@click.option(
    "--wait/--no-wait",
    "waits",
    default=None,
    show_default="wait if the output is a terminal",
    help="Whether to wait for a service that does not answer yet.",
)
@format_option(default="json")
@target_option
def stream(
    target: Target,
    configuration_ids: Sequence[str],
    open_filter: pb.OpenFilter,
    start: str | None,
    subscription: str | None,
    cursor_file: Path | None,
    format_: Format,
    *,
    stop_at_head: bool,
    waits: bool | None,
) -> None:
    """Print opens, recorded ones and then new ones as they come.

    Goes on where it stopped when the service is restarted. Without a cursor file the
    last cursor is printed on standard error at the end: starting there goes on without
    a gap.
    """
    has_filter = open_filter != pb.OpenFilter()
    if subscription is not None and (start or cursor_file or configuration_ids or has_filter):
        raise click.UsageError("a subscription has its own start, configurations and filter")
    cursors = CursorFile(cursor_file)
    begins = parse_start(cursors.read() or start or LogEnd.LATEST.value)
    outages = Outages(target.address, waits=sys.stdout.isatty() if waits is None else waits)
    opens = OpenStream(
        target.address,
        credentials=target.tls,
        api_key=target.api_key,
        subscription_id=subscription,
        **({} if subscription else stream_start(begins)),
        configuration_ids=configuration_ids,
        open_filter=open_filter if has_filter else None,
        stop_at_head=stop_at_head,
        consumer_name="pixel-service stream",
        on_failure=lambda failure: outages.failed(failure, is_first=not opens.cursor),
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            wait_for(_print_all(opens, outages, format_, cursors))
    except (TlsFilesUnusable, ApiKeyUnusable) as error:
        raise click.ClickException(str(error)) from error
    if cursor_file is None and opens.cursor:
        click.echo(f"cursor: {opens.cursor}", err=True)


async def _print_all(
    opens: OpenStream, outages: Outages, format_: Format, cursors: CursorFile
) -> None:
    print_heading(format_)
    async with outages.watched(opens), opens:
        async for notification in opens:
            # What was printed before is done with; keep that first.
            cursors.keep(opens.cursor)
            print_notification(notification, format_)
    cursors.keep(opens.cursor)
