"""`pixel-service opens export`: what was recorded, to standard output."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens_client import LogEnd, OpenStream
from pixel_service.cli.csv_rows import csv_heading, csv_rows
from pixel_service.cli.cursor_file import CursorFile, cursor_file_option
from pixel_service.cli.export_options import Time, Wanted, tag_option
from pixel_service.cli.export_progress import Progress
from pixel_service.cli.exporting import Exporting, json_lines
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.outages import Outages
from pixel_service.cli.start import stream_start
from pixel_service.cli.target import target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target

# A restart and a failover are over by then; a job that runs at night says that it has
# failed rather than wait for its successor.
_PATIENCE_SECONDS: Final = 600.0

# A fetch has the time of the machine that answered it, and is found by that of the
# machine with the log: so much may lie between their clocks.
_CLOCKS_APART: Final = dt.timedelta(minutes=5)

# Nothing was recorded before.
_BEGINNING: Final = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)


@click.command()
@click.option(
    "--from",
    "from_time",
    type=Time(),
    metavar="TIME",
    show_default="the earliest",
    help="Only opens at or after this time.",
)
@click.option(
    "--to",
    "to_time",
    type=Time(),
    metavar="TIME",
    show_default="the latest",
    help="Only opens before this time.",
)
@configuration_option
@tag_option
@filter_options
@click.option("--after-cursor", metavar="CURSOR", help="Go on with an export that ended here.")
@cursor_file_option
@click.option(
    "--heading/--no-heading",
    default=None,
    show_default="unless it goes on after a cursor",
    help="Whether CSV begins with the names of the columns.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl"]),
    required=True,
    help="csv for spreadsheets; jsonl has each notification whole, as `stream` prints it.",
)
@target_option
def export(  # noqa: PLR0913 - an option is an argument
    target: Target,
    configuration_ids: Sequence[str],
    open_filter: pb.OpenFilter,
    tags: Sequence[tuple[str, str | None]],
    from_time: dt.datetime | None,
    to_time: dt.datetime | None,
    after_cursor: str | None,
    cursor_file: Path | None,
    format_: str,
    *,
    heading: bool | None,
) -> None:
    """Write recorded opens to standard output, the oldest first.

    They are those that are recorded by now.  Goes on by itself when the service is
    restarted, and gives up when it has not answered for ten minutes.  The last cursor is
    printed on standard error, unless it is kept in a file: starting there goes on without
    a gap, whether the export was complete or not.
    """
    if from_time is not None and to_time is not None and from_time >= to_time:
        raise click.UsageError("--to must be later than --from")
    if after_cursor and cursor_file:
        raise click.UsageError("say --after-cursor or --cursor-file")
    cursors = CursorFile(cursor_file)
    cursor = after_cursor or cursors.read()
    has_heading = format_ == "csv" and (not cursor if heading is None else heading)
    begins = max(from_time, _BEGINNING) - _CLOCKS_APART if from_time else LogEnd.EARLIEST
    progress = Progress()
    outages = Outages(target.address, waits=False, patience=_PATIENCE_SECONDS, say=progress.say)
    opens = OpenStream(
        target.address,
        credentials=target.tls,
        api_key=target.api_key,
        **stream_start(cursor or begins),
        configuration_ids=configuration_ids,
        open_filter=open_filter,
        stop_at_head=True,
        consumer_name="pixel-service opens export",
        on_failure=lambda failure: outages.failed(failure, is_first=not opens.cursor),
    )
    exporting = Exporting(
        wanted=Wanted(from_time=from_time, to_time=to_time, tags=tags),
        rows=csv_rows if format_ == "csv" else json_lines,
        heading=csv_heading() if has_heading else "",
        cursors=cursors,
        progress=progress,
    )
    with exporting.shown():
        wait_for(exporting.run(opens, outages))
