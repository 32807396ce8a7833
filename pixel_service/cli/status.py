"""`pixel-service status`: how the running service is."""

import datetime as dt

import click

from emailopens.pixel.v1 import operation_service_pb2 as pb
from emailopens.pixel.v1 import operation_service_pb2_grpc as pb_grpc
from pixel_service.cli.header_text import printable
from pixel_service.cli.target import CALL_SECONDS, target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target, connect


@click.command()
@target_option
def status(target: Target) -> None:
    """Print the state of the service: what holds, and what waits.

    The exit status is 1 if something does not hold.
    """
    found = wait_for(_status(target))
    click.echo(f"version    {found.version}")
    since = found.start_time.ToDatetime(dt.UTC).isoformat(timespec="seconds")
    click.echo(f"serves     since {since}")
    click.echo(f"journals   {found.journals}, with {found.waiting_octets} octets")
    has_waiting = found.HasField("oldest_waiting")
    oldest = f"{found.oldest_waiting.ToTimedelta().total_seconds():.1f} s old"
    click.echo(f"waiting    {oldest if has_waiting else '-'}")
    for each in found.conditions:
        click.echo(
            f"{'yes' if each.holds else 'no':<10} {each.name} {printable(each.detail)}".rstrip()
        )
    if not all(each.holds for each in found.conditions):
        raise click.ClickException("not everything is as it should be")


async def _status(target: Target) -> pb.GetServiceStatusResponse:
    async with connect(target) as channel:
        stub = pb_grpc.OperationServiceStub(channel)
        return await stub.GetServiceStatus(pb.GetServiceStatusRequest(), timeout=CALL_SECONDS)
