"""`pixel-service statistics`: how often messages were opened, and how many."""

import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

import click

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from emailopens.pixel.v1 import statistics_service_pb2_grpc as pb_grpc
from pixel_service.cli.export_options import Time
from pixel_service.cli.filter_options import configuration_option
from pixel_service.cli.fitted_table import terminal_width
from pixel_service.cli.statistics_rows import as_csv, as_json, rows_of
from pixel_service.cli.statistics_table import statistics_table, what_is_counted
from pixel_service.cli.target import CALL_SECONDS, target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target, connect

_INTERVALS: Final = {
    "hour": pb.INTERVAL_HOUR,
    "day": pb.INTERVAL_DAY,
    "month": pb.INTERVAL_MONTH,
}
_DIMENSIONS: Final = {
    "configuration": pb.DIMENSION_CONFIGURATION,
    "tag": pb.DIMENSION_TAG,
    "agent": pb.DIMENSION_AGENT,
    "confidence": pb.DIMENSION_CONFIDENCE,
    "client": pb.DIMENSION_CLIENT,
    "mailbox-provider": pb.DIMENSION_MAILBOX_PROVIDER,
    "privacy-level": pb.DIMENSION_PRIVACY_LEVEL,
}

_NONE: Final = "none"

# What is shown if nothing is said: as many rows as a terminal has, about.
_DEFAULT_SPANS: Final = {
    "hour": dt.timedelta(days=1),
    "day": dt.timedelta(days=29),
    "month": dt.timedelta(days=365),
    _NONE: dt.timedelta(days=29),
}


class _DayOrTime(Time):
    """A time with its zone, or a day, which begins at midnight UTC."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.datetime:
        """Return the time that *value* is, or where the day begins."""
        try:
            day = dt.date.fromisoformat(str(value))
        except ValueError:
            return super().convert(value, param, ctx)
        return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


@click.command()
@click.option(
    "--from",
    "from_time",
    type=_DayOrTime(),
    metavar="TIME",
    show_default="a day, 30 days or a year ago",
    help="Where to begin: a day such as 2026-03-01, or a time with its zone.",
)
@click.option(
    "--to",
    "to_time",
    type=_DayOrTime(),
    metavar="TIME",
    show_default="now",
    help="Where to end; what begins then is no part of it.",
)
@click.option(
    "--granularity",
    type=click.Choice([*_INTERVALS, _NONE]),
    show_default="day; with --by, none",
    help="How long each step is (UTC); none: the span as a whole.",
)
@click.option(
    "--by",
    "dimension",
    type=click.Choice(list(_DIMENSIONS)),
    help="What to tell apart.",
)
@click.option(
    "--max-values",
    type=click.IntRange(min=1, max=100),
    metavar="COUNT",
    default=20,
    show_default=True,
    help="How many values are told apart at most.",
)
@configuration_option
@click.option(
    "--tag",
    metavar="KEY[=VALUE]",
    default="",
    help="Only messages with this tag; with --by tag: only tags of this key.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="table for people, csv for spreadsheets, json (an object in a line) for programs.",
)
@target_option
def statistics(
    target: Target,
    *,
    from_time: dt.datetime | None,
    to_time: dt.datetime | None,
    granularity: str | None,
    dimension: str | None,
    max_values: int,
    configuration_ids: Sequence[str],
    tag: str,
    format_: Literal["table", "csv", "json"],
) -> None:
    """Print how often messages were opened, and how many.

    TRACKED are messages that got a pixel. OPENED says how many were opened: at least, those
    that a person opened, and at most, all but those that only scanners and the like fetched;
    RATE is their share of those tracked. OPENS are all fetches, FIRST the first ones of their
    message, and after them come those by persons, by machines, and unknown. Groups too small
    to be told apart are counted as (others).
    """
    is_by_tag = dimension == "tag"
    if tag and ("=" in tag) == is_by_tag:
        raise click.UsageError("--tag is KEY with --by tag, and KEY=VALUE otherwise")
    granularity = granularity or (_NONE if dimension else "day")
    request = pb.GetStatisticsRequest(
        interval=_INTERVALS.get(granularity, pb.INTERVAL_UNSPECIFIED),
        configuration_ids=configuration_ids,
        dimension=_DIMENSIONS[dimension] if dimension else pb.DIMENSION_UNSPECIFIED,
        tag_key=tag if is_by_tag else "",
        tag="" if is_by_tag else tag,
        max_values=max_values,
    )
    until = to_time or dt.datetime.now(dt.UTC)
    request.start_time.FromDatetime(from_time or until - _DEFAULT_SPANS[granularity])
    if to_time is not None:
        request.end_time.FromDatetime(to_time)
    response = wait_for(_ask(target, request))
    if format_ == "table":
        click.echo(statistics_table(response, request, terminal_width()), nl=False)
    else:
        click.echo((as_csv if format_ == "csv" else as_json)(rows_of(response)), nl=False)
    click.echo(what_is_counted(response), err=True)


async def _ask(target: Target, request: pb.GetStatisticsRequest) -> pb.GetStatisticsResponse:
    async with connect(target) as channel:
        stub = pb_grpc.StatisticsServiceStub(channel)
        return await stub.GetStatistics(request, timeout=CALL_SECONDS)
