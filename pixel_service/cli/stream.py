"""`pixel-service stream`: prints opens as they come."""

import contextlib
import datetime as dt
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens_client import ApiKeyUnusable, LogEnd, OpenStream, TlsFilesUnusable
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.output import Format, print_heading, print_notification
from pixel_service.cli.start import START, parse_start
from pixel_service.cli.target import target_option
from service_runtime.channel import describe_error
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target

# Failures that are less than this apart are of one outage: attempts are 30 s apart at
# most, and gRPC gives each about 20 s.
_OUTAGE_SECONDS: Final = 60.0


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
@click.option(
    "--cursor-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Start at the cursor in this file if it is there, and keep it up to date.",
)
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
    kept = _kept_cursor(cursor_file)
    begin = None if subscription else parse_start(kept or start or LogEnd.LATEST.value)
    outages = _Outages(target.address, waits=sys.stdout.isatty() if waits is None else waits)
    opens = OpenStream(
        target.address,
        credentials=target.tls,
        api_key=target.api_key,
        subscription_id=subscription,
        after_cursor=begin if isinstance(begin, str) else None,
        from_time=begin if isinstance(begin, dt.datetime) else None,
        position=begin if isinstance(begin, LogEnd) else None,
        configuration_ids=configuration_ids,
        open_filter=open_filter if has_filter else None,
        stop_at_head=stop_at_head,
        consumer_name="pixel-service stream",
        on_failure=lambda failure: outages.say(failure, is_first=not opens.cursor),
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            wait_for(_print_all(opens, format_, cursor_file))
    except (TlsFilesUnusable, ApiKeyUnusable) as error:
        raise click.ClickException(str(error)) from error
    if cursor_file is None and opens.cursor:
        click.echo(f"cursor: {opens.cursor}", err=True)


class _Outages:
    """Says what is waited for, once an outage."""

    def __init__(self, target: str, *, waits: bool) -> None:
        self._target = target
        self._waits = waits
        self._last = -math.inf

    def say(self, failure: grpc.aio.AioRpcError | None, *, is_first: bool) -> None:
        """Say that the service is waited for, unless that was just said.

        Raises:
            ClickException: it has never answered, and is not to be waited for.
        """
        what = "no answer in time" if failure is None else describe_error(failure)
        if is_first and not self._waits:
            raise click.ClickException(f"no pixel service at {self._target}: {what}")
        now = time.monotonic()
        if now - self._last > _OUTAGE_SECONDS:
            click.echo(f"waiting for the pixel service at {self._target}: {what}", err=True)
        self._last = now


def _kept_cursor(cursor_file: Path | None) -> str:
    if cursor_file is None or not cursor_file.exists():
        return ""
    return cursor_file.read_text(encoding="ascii").strip()


async def _print_all(opens: OpenStream, format_: Format, cursor_file: Path | None) -> None:
    print_heading(format_)
    kept = ""
    async with opens:
        async for notification in opens:
            # What was printed before is done with; keep that first.
            kept = _keep(opens.cursor, kept, cursor_file)
            print_notification(notification, format_)
    _keep(opens.cursor, kept, cursor_file)


def _keep(cursor: str, kept: str, cursor_file: Path | None) -> str:
    if cursor_file is not None and cursor != kept:
        # Replaced whole, so that a crash leaves the old cursor or the new one.
        temporary = cursor_file.with_name(f".{cursor_file.name}.new")
        temporary.write_text(f"{cursor}\n", encoding="ascii")
        temporary.replace(cursor_file)
    return cursor
