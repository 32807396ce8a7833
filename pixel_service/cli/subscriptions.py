"""`pixel-service subscriptions …`: a client of the running service."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import click

from emailopens.pixel.v1 import pixel_service_pb2
from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.fitted_table import Column, FittedTable, terminal_width
from pixel_service.cli.start import START, set_start
from pixel_service.cli.target import CALL_SECONDS, target_option
from service_runtime.cli import wait_for
from service_runtime.target import Target, connect

_PAGE: Final = 500

_COLUMNS: Final[tuple[Column[pb.Subscription], ...]] = (
    Column(heading="ID", least=12, most=24, rank=0, value=lambda each: each.id),
    Column(heading="LAG", least=7, most=10, rank=1, value=lambda each: str(each.lag)),
    Column(
        heading="STATE",
        least=11,
        most=11,
        rank=2,
        value=lambda each: "fell behind" if each.fell_behind else "ok",
    ),
    Column(
        heading="ACKNOWLEDGED",
        least=20,
        most=27,
        rank=3,
        value=lambda each: each.acknowledge_time.ToJsonString(),
    ),
    Column(heading="CONSUMER", least=12, most=24, rank=5, value=lambda each: each.consumer_name),
    Column(
        heading="CONFIGURATIONS",
        least=14,
        most=60,
        rank=4,
        value=lambda each: ",".join(each.configuration_ids) or "all",
    ),
)


@click.group()
def subscriptions() -> None:
    """Keep clients' places in the log."""


@subscriptions.command(name="list")
@target_option
def list_(target: Target) -> None:
    """List the subscriptions, and how far behind each is."""
    wait_for(_list(target))


async def _list(target: Target) -> None:
    table = _table()
    click.echo(table.heading)
    async for subscription in _all(target):
        click.echo(table.row(subscription))


async def _all(target: Target) -> AsyncIterator[pb.Subscription]:
    page_token = ""
    async with connect(target) as channel:
        stub = pb_grpc.SubscriptionServiceStub(channel)
        while True:
            page = await stub.ListSubscriptions(
                pb.ListSubscriptionsRequest(page_size=_PAGE, page_token=page_token),
                timeout=CALL_SECONDS,
            )
            for subscription in page.subscriptions:
                yield subscription
            page_token = page.next_page_token
            if not page_token:
                return


def _table() -> FittedTable[pb.Subscription]:
    return FittedTable(_COLUMNS, terminal_width())


@subscriptions.command()
@click.option(
    "--from", "start", default="latest", show_default=True, metavar=START, help="Where to start."
)
@configuration_option
@filter_options
@target_option
@click.argument("subscription_id", metavar="ID")
def create(
    target: Target,
    subscription_id: str,
    start: str,
    configuration_ids: Sequence[str],
    open_filter: pixel_service_pb2.OpenFilter,
) -> None:
    """Create a subscription."""
    request = pb.CreateSubscriptionRequest(
        subscription=pb.Subscription(
            id=subscription_id,
            configuration_ids=configuration_ids,
            filter=open_filter,
        )
    )
    set_start(request, start)

    async def call() -> None:
        async with connect(target) as channel:
            stub = pb_grpc.SubscriptionServiceStub(channel)
            response = await stub.CreateSubscription(request, timeout=CALL_SECONDS)
            click.echo(_table().row(response.subscription))

    wait_for(call())


@subscriptions.command()
@click.option("--to", "place", required=True, metavar=START, help="Where to go on.")
@target_option
@click.argument("subscription_id", metavar="ID")
def seek(target: Target, subscription_id: str, place: str) -> None:
    """Move a subscription, forth or back; its stream is ended."""
    request = pb.SeekSubscriptionRequest(subscription_id=subscription_id)
    set_start(request, place)

    async def call() -> None:
        async with connect(target) as channel:
            stub = pb_grpc.SubscriptionServiceStub(channel)
            response = await stub.SeekSubscription(request, timeout=CALL_SECONDS)
            click.echo(_table().row(response.subscription))

    wait_for(call())


@subscriptions.command()
@target_option
@click.argument("subscription_id", metavar="ID")
def delete(target: Target, subscription_id: str) -> None:
    """Delete a subscription; its stream is ended."""

    async def call() -> None:
        async with connect(target) as channel:
            await pb_grpc.SubscriptionServiceStub(channel).DeleteSubscription(
                pb.DeleteSubscriptionRequest(subscription_id=subscription_id), timeout=CALL_SECONDS
            )

    wait_for(call())
