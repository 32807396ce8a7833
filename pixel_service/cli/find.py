"""`pixel-service opens find`: the opens of somebody, or of something."""

from collections.abc import Sequence

import click

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.cli.filter_options import configuration_option
from pixel_service.cli.output import Format, print_heading, print_notification
from pixel_service.cli.target import responses, target_option
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target, connect


@click.command()
@click.option("--message-id", metavar="ID", help="Opens of the message with this ID.")
@click.option("--recipient", metavar="ADDRESS", help="Opens of messages to this address.")
@click.option("--subject", metavar="TEXT", help="Opens of messages with this in their subject.")
@configuration_option
@click.option(
    "--before-cursor",
    metavar="CURSOR",
    default="",
    show_default="the latest open",
    help="Where to go on, backwards.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1_000),
    metavar="COUNT",
    default=100,
    show_default=True,
    help="How many at most.",
)
@format_option(default="table")
@target_option
def find(
    target: Target,
    *,
    message_id: str | None,
    recipient: str | None,
    subject: str | None,
    configuration_ids: Sequence[str],
    before_cursor: str,
    limit: int,
    format_: Format,
) -> None:
    """Find recorded opens, the newest first.

    Those of a message, of a recipient, or with a text in their message's subject, as far as
    their privacy level has kept that.  Goes back through the whole log, or until as many as
    asked for are found; the last line says where to go on.
    """
    query = {"message_id": message_id, "recipient": recipient, "subject": subject}
    given = {name: text for name, text in query.items() if text is not None}
    if len(given) != 1:
        raise click.UsageError("say one of --message-id, --recipient and --subject")
    request = pb.SearchOpensRequest(
        **given, configuration_ids=configuration_ids, before_cursor=before_cursor, max_opens=limit
    )
    wait_for(_find(target, request, format_))


async def _find(target: Target, request: pb.SearchOpensRequest, format_: Format) -> None:
    last: pb.SearchOpensResponse | None = None
    try:
        async with connect(target) as channel:
            call = pb_grpc.PixelServiceStub(channel).SearchOpens(request)
            async for response in responses(call):
                if last is None:
                    print_heading(format_)
                last = response
                for notification in response.notifications:
                    print_notification(notification, format_)
    finally:
        # Also before an error: whoever goes on need not begin again.
        if last is not None:
            click.echo(f"{last.examined_opens} opens looked at", err=True)
            if not last.is_complete:
                click.echo(f"go on with --before-cursor {last.cursor}", err=True)
