"""`pixel-service log …`: looks after the log of opens, through the running service."""

import datetime as dt
from collections.abc import Sequence

import click

from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from pixel_service.cli.asking import ask, yes_option
from pixel_service.cli.filter_options import configuration_option
from pixel_service.cli.offline_log import migrate_tables, restored
from pixel_service.cli.output import Format, print_counts, print_counts_heading
from pixel_service.cli.target import CALL_SECONDS, responses, target_option
from service_runtime.cli import format_option, wait_for
from service_runtime.spans import DAY, Span
from service_runtime.target import Target, connect


@click.group()
def log() -> None:
    """Look after the log of opens.

    `migrate` and `restored` open the log themselves; the others call the running service.
    """


log.add_command(migrate_tables)
log.add_command(restored)


@log.command()
@target_option
def stats(target: Target) -> None:
    """Print how much the log holds, from when to when."""
    wait_for(_stats(target))


async def _stats(target: Target) -> None:
    async with connect(target) as channel:
        stub = pb_grpc.OperationServiceStub(channel)
        found = await stub.GetLogStats(pb.GetLogStatsRequest(), timeout=CALL_SECONDS)
    click.echo(f"log        {found.log_id}, epoch {found.epoch}")
    click.echo(f"opens      {found.opens}")
    click.echo(f"octets     {found.octets}")
    for name in ("earliest", "latest"):
        field = f"{name}_time"
        is_there = found.HasField(field)  # type: ignore[arg-type] # one of two names
        time = getattr(found, field).ToDatetime(dt.UTC) if is_there else None
        click.echo(f"{name:<10} {_text(time)}")
    if found.HasField("held_back"):
        click.echo(f"readers are held back since {found.held_back.ToSeconds()} s")


def _text(time: dt.datetime | None) -> str:
    return "-" if time is None else time.isoformat(timespec="seconds")


@log.command()
@configuration_option
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    show_default="as far back as retention goes",
    help="The earliest day, such as 2026-03-01.",
)
@format_option(default="table")
@target_option
def counts(
    target: Target, configuration_ids: Sequence[str], since: dt.datetime | None, format_: Format
) -> None:
    """Print the opens of each day (UTC) and configuration.

    Also those whose configuration counts opens and does not notify them.  The newest day
    comes first.  FIRST are the first opens of their messages; after them come the opens
    by likely agent.
    """
    request = pb.CountOpensRequest(
        configuration_ids=configuration_ids,
        earliest_day="" if since is None else since.date().isoformat(),
    )
    wait_for(_counts(target, request, format_))


async def _counts(target: Target, request: pb.CountOpensRequest, format_: Format) -> None:
    is_first = True
    async with connect(target) as channel:
        call = pb_grpc.OperationServiceStub(channel).CountOpens(request)
        async for response in responses(call):
            if is_first:
                print_counts_heading(format_)
            is_first = False
            print_counts(response.daily_counts, format_)
    if is_first:
        print_counts_heading(format_)


@log.command()
@click.option(
    "--older-than-days",
    type=Span(DAY),
    metavar="DAYS",
    help="Remove opens of that age and more.",
)
@click.option(
    "--max-octets",
    type=click.IntRange(min=0, max=2**63 - 1),
    metavar="OCTETS",
    help="Remove the oldest until this size is left.",
)
@yes_option
@target_option
def trim(
    target: Target, *, older_than_days: float | None, max_octets: int | None, yes: bool
) -> None:
    """Remove the oldest opens for good.

    Names the subscriptions that lose some.
    """
    request = pb.TrimOpensRequest(max_octets=max_octets)
    doomed = []
    if older_than_days is not None:
        before = dt.datetime.now(dt.UTC) - older_than_days * DAY
        request.before_time.FromDatetime(before)
        doomed.append(f"all opens recorded before {_text(before)}")
    if max_octets is not None:
        doomed.append(f"the oldest opens beyond {max_octets} octets")
    if not doomed:
        raise click.UsageError("say --older-than-days or --max-octets")
    if not yes:
        ask(f"Remove {' and '.join(doomed)} at {target} for good?", consent="remove opens for good")
    wait_for(_trim(target, request))


async def _trim(target: Target, request: pb.TrimOpensRequest) -> None:
    removed: int | None = None
    try:
        async with connect(target) as channel:
            call = pb_grpc.OperationServiceStub(channel).TrimOpens(request)
            async for response in responses(call):
                removed = response.removed_opens
                for subscription_id in response.overtaken_subscription_ids:
                    click.echo(f"subscription {subscription_id} lost opens", err=True)
    finally:
        # Also before an error: what was removed is gone.
        if removed is not None:
            click.echo(f"{removed} opens removed")
