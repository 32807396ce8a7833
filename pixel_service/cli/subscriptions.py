"""`pixel-service subscriptions …`: a client of the running service."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, TypeVar

import click

from emailopens.pixel.v1 import pixel_service_pb2
from emailopens.pixel.v1 import subscription_service_pb2 as pb
from emailopens.pixel.v1 import subscription_service_pb2_grpc as pb_grpc
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.output import Format
from pixel_service.cli.start import START, set_start
from pixel_service.cli.subscription_output import print_subscriptions
from pixel_service.cli.target import CALL_SECONDS, target_option
from service_runtime.cli import format_option, wait_for
from service_runtime.target import Target, connect

_PAGE: Final = 500

Answer = TypeVar("Answer")
Stub: TypeAlias = "pb_grpc.SubscriptionServiceAsyncStub"

_id_argument: Final = click.argument("subscription_id", metavar="ID")


@click.group()
def subscriptions() -> None:
    """Keep clients' places in the log."""


@subscriptions.command(name="list")
@format_option(default="table")
@target_option
def list_(target: Target, format_: Format) -> None:
    """List the subscriptions, how far behind each is, and why."""
    print_subscriptions(_call(target, _all), format_)


async def _all(stub: Stub) -> Sequence[pb.Subscription]:
    found: list[pb.Subscription] = []
    page_token = ""
    while True:
        page = await stub.ListSubscriptions(
            pb.ListSubscriptionsRequest(page_size=_PAGE, page_token=page_token),
            timeout=CALL_SECONDS,
        )
        found += page.subscriptions
        page_token = page.next_page_token
        if not page_token:
            return found


def _call(target: Target, call: Callable[[Stub], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        async with connect(target) as channel:
            return await call(pb_grpc.SubscriptionServiceStub(channel))

    return wait_for(run())


@subscriptions.command()
@format_option(default="table")
@target_option
@_id_argument
def show(target: Target, subscription_id: str, format_: Format) -> None:
    """Show a subscription; as json with all that there is of it."""
    request = pb.GetSubscriptionRequest(subscription_id=subscription_id)
    found = _call(target, lambda stub: stub.GetSubscription(request, timeout=CALL_SECONDS))
    print_subscriptions([found.subscription], format_)


@subscriptions.command()
@click.option(
    "--from", "start", default="latest", show_default=True, metavar=START, help="Where to start."
)
@configuration_option
@filter_options
@target_option
@_id_argument
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
    created = _call(target, lambda stub: stub.CreateSubscription(request, timeout=CALL_SECONDS))
    print_subscriptions([created.subscription], "table")


@subscriptions.command()
@target_option
@_id_argument
def pause(target: Target, subscription_id: str) -> None:
    """Stream nothing until it is resumed; its stream is ended."""
    request = pb.PauseSubscriptionRequest(subscription_id=subscription_id)
    paused = _call(target, lambda stub: stub.PauseSubscription(request, timeout=CALL_SECONDS))
    print_subscriptions([paused.subscription], "table")


@subscriptions.command()
@target_option
@_id_argument
def resume(target: Target, subscription_id: str) -> None:
    """Go on where it was paused."""
    request = pb.ResumeSubscriptionRequest(subscription_id=subscription_id)
    resumed = _call(target, lambda stub: stub.ResumeSubscription(request, timeout=CALL_SECONDS))
    print_subscriptions([resumed.subscription], "table")


@subscriptions.command()
@click.option("--to", "place", required=True, metavar=START, help="Where to go on.")
@target_option
@_id_argument
def seek(target: Target, subscription_id: str, place: str) -> None:
    """Move a subscription, forth or back; its stream is ended."""
    request = pb.SeekSubscriptionRequest(subscription_id=subscription_id)
    set_start(request, place)
    moved = _call(target, lambda stub: stub.SeekSubscription(request, timeout=CALL_SECONDS))
    print_subscriptions([moved.subscription], "table")


@subscriptions.command()
@target_option
@_id_argument
def delete(target: Target, subscription_id: str) -> None:
    """Delete a subscription; its stream is ended."""
    request = pb.DeleteSubscriptionRequest(subscription_id=subscription_id)
    _call(target, lambda stub: stub.DeleteSubscription(request, timeout=CALL_SECONDS))
