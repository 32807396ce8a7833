"""`pixel-service evidence rejudge`: recorded opens by the rules of today."""

from typing import Final

import click

from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from pixel_service.cli.target import responses, target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target, connect

_ROW: Final = "{:>12}  {:<24} {:<24} {}"


@click.command()
@click.option("--apply", "applies", is_flag=True, help="Write the new judgements into the log.")
@click.option(
    "--after-cursor",
    metavar="CURSOR",
    default="",
    show_default="the earliest open",
    help="Where to go on after a call that ended early.",
)
@target_option
def rejudge(target: Target, *, applies: bool, after_cursor: str) -> None:
    """Judge recorded opens again; show what differs.

    By the rules, ranges and databases that the running service would have if it started
    now, as far as was kept what they look at.  Nothing is changed without --apply.  With it,
    each open gets its new judgement and stays what it was in all else; nobody is notified
    again.
    """
    request = pb.RejudgeOpensRequest(apply=applies, after_cursor=after_cursor)
    wait_for(_rejudge(target, request))


async def _rejudge(target: Target, request: pb.RejudgeOpensRequest) -> None:
    last: pb.RejudgeOpensResponse | None = None
    is_over = False
    try:
        async with connect(target) as channel:
            call = pb_grpc.OperationServiceStub(channel).RejudgeOpens(request)
            async for response in responses(call):
                last = response
        is_over = True
    finally:
        # Also before an error: what was written is there.
        if last is not None and not is_over:
            click.echo(f"{last.examined_opens} opens looked at", err=True)
            click.echo(f"go on with --after-cursor {last.cursor}", err=True)
    if last is not None:
        _print(last, applies=request.apply)


def _print(last: pb.RejudgeOpensResponse, *, applies: bool) -> None:
    changed = sum(change.opens for change in last.changes)
    click.echo(f"rules      {last.ruleset_version}")
    click.echo(f"opens      {last.examined_opens}")
    click.echo(f"rejudged   {last.rejudged_opens}, which other rules had judged")
    click.echo(f"changed    {changed}")
    if last.changes:
        click.echo("\n" + _ROW.format("OPENS", "BEFORE", "AFTER", "FOR EXAMPLE"))
    for change in last.changes:
        before = _words(change.agent_before, change.confidence_before)
        after = _words(change.agent_after, change.confidence_after)
        examples = " ".join(change.example_event_ids)
        click.echo(_ROW.format(change.opens, before, after, examples))
    if last.rejudged_opens and not applies:
        click.echo("\nNothing was written: --apply does.", err=True)


def _words(
    agent: notification_pb.Agent.ValueType, confidence: notification_pb.Confidence.ValueType
) -> str:
    agent_name = notification_pb.Agent.Name(agent).removeprefix("AGENT_")
    confidence_name = notification_pb.Confidence.Name(confidence).removeprefix("CONFIDENCE_")
    return f"{agent_name} {confidence_name}"
