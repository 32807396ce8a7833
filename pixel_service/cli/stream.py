"""`pixel-service stream`: prints opens as they come."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens_client import LogEnd, OpenStream
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.output import Format, print_heading, print_notification
from pixel_service.cli.target import target_option
from service_runtime.cli import wait_for

_LATEST: Final = "latest"
_EARLIEST: Final = "earliest"


@click.command()
@target_option
@configuration_option
@filter_options
@click.option(
    "--from",
    "start",
    metavar="earliest|latest|CURSOR",
    help="Where to start.  [default: latest]",
)
@click.option("--subscription", metavar="ID", help="Continue this subscription, and acknowledge.")
@click.option(
    "--cursor-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Start at the cursor in this file if it is there, and keep it up to date.",
)
@click.option("--stop-at-head", is_flag=True, help="End with the opens that are recorded by now.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="json prints one notification a line.",
)
def stream(
    target: str,
    configuration_ids: Sequence[str],
    open_filter: pb.OpenFilter,
    start: str | None,
    subscription: str | None,
    cursor_file: Path | None,
    format_: Format,
    *,
    stop_at_head: bool,
) -> None:
    """Print opens: those recorded since the start, then new ones as they come.

    Without a cursor file the last cursor is printed on standard error at the end:
    starting there goes on without a gap.
    """
    has_filter = open_filter != pb.OpenFilter()
    if subscription is not None and (start or cursor_file or configuration_ids or has_filter):
        raise click.UsageError("a subscription has its own start, configurations and filter")
    kept = _kept_cursor(cursor_file)
    after_cursor, position = _start_of(kept or start or _LATEST)
    opens = OpenStream(
        target,
        subscription_id=subscription,
        after_cursor=None if subscription else after_cursor,
        position=None if subscription else position,
        configuration_ids=configuration_ids,
        open_filter=open_filter if has_filter else None,
        stop_at_head=stop_at_head,
        consumer_name="pixel-service stream",
    )
    with contextlib.suppress(KeyboardInterrupt):
        wait_for(_print_all(opens, format_, cursor_file))
    if cursor_file is None and opens.cursor:
        click.echo(f"cursor: {opens.cursor}", err=True)


def _kept_cursor(cursor_file: Path | None) -> str:
    if cursor_file is None or not cursor_file.exists():
        return ""
    return cursor_file.read_text(encoding="ascii").strip()


def _start_of(text: str) -> tuple[str | None, LogEnd | None]:
    if text in (_EARLIEST, _LATEST):
        return None, LogEnd(text)
    return text, None


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
