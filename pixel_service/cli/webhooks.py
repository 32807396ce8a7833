"""`pixel-service webhooks …`: a client of the running service."""

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import IO, Final, TypeAlias, TypeVar

import click

from emailopens.pixel.v1 import pixel_service_pb2
from emailopens.pixel.v1 import webhook_service_pb2 as pb
from emailopens.pixel.v1 import webhook_service_pb2_grpc as pb_grpc
from pixel_service.cli.asking import ask, yes_option
from pixel_service.cli.filter_options import configuration_option, filter_options
from pixel_service.cli.output import Format
from pixel_service.cli.start import START, set_start
from pixel_service.cli.target import CALL_SECONDS, target_option
from pixel_service.cli.webhook_output import print_skipped, print_webhooks
from service_runtime.cli import format_option, wait_for
from service_runtime.spans import HOUR, Span
from service_runtime.target import Target, connect

Answer = TypeVar("Answer")
Page = TypeVar("Page", pb.ListWebhooksResponse, pb.ListSkippedEventsResponse)
Listed = TypeVar("Listed")
Stub: TypeAlias = "pb_grpc.WebhookServiceAsyncStub"

_PAGE: Final = 500

# The longest URL is 2,000 characters, the longest secret less than 100.
_MOST_CHARACTERS: Final = 8_192

_id_argument: Final = click.argument("webhook_id", metavar="ID")

_secret_option: Final = click.option(
    "--secret-file",
    type=click.File(encoding="utf-8", errors="replace"),
    metavar="FILE",
    show_default="one is made",
    help="Sign with the secret in this file.",
)


@click.group()
def webhooks() -> None:
    """Have opens delivered to URLs."""


@webhooks.command()
@click.option(
    "--from", "start", default="latest", show_default=True, metavar=START, help="Where to start."
)
@configuration_option
@filter_options
@click.option(
    "--body",
    type=click.Choice(["json", "sns"]),
    default="json",
    show_default=True,
    help="Send the notification as it is, or as Amazon SNS would.",
)
@click.option(
    "--if-refused",
    type=click.Choice(["skip", "pause"]),
    default="skip",
    show_default=True,
    help="What becomes of an event that the receiver will not take.",
)
@_secret_option
@target_option
@_id_argument
@click.argument("url", metavar="URL")
def create(
    target: Target,
    webhook_id: str,
    url: str,
    start: str,
    configuration_ids: Sequence[str],
    open_filter: pixel_service_pb2.OpenFilter,
    body: str,
    if_refused: str,
    secret_file: IO[str] | None,
) -> None:
    """Create a webhook, and print its secret.

    The secret is not shown again: give it to whoever receives.  "-" as the URL reads it from
    standard input, which is for one with a password.
    """
    request = pb.CreateWebhookRequest(
        webhook=pb.Webhook(
            id=webhook_id,
            url=_line_in(click.open_file("-", errors="replace")) if url == "-" else url,
            format=pb.Webhook.Format.Value(f"FORMAT_{body.upper()}"),
            configuration_ids=configuration_ids,
            filter=open_filter,
            refused_event_policy=pb.Webhook.RefusedEventPolicy.Value(
                f"REFUSED_EVENT_POLICY_{if_refused.upper()}"
            ),
        ),
        secret=_secret_in(secret_file),
    )
    set_start(request, start)
    created = _call(target, lambda stub: stub.CreateWebhook(request, timeout=CALL_SECONDS))
    click.echo(created.secret)


@webhooks.command(name="list")
@format_option(default="table")
@target_option
def list_(target: Target, format_: Format) -> None:
    """List the webhooks, how far behind each is, and why."""

    def page(stub: Stub, token: str) -> Awaitable[pb.ListWebhooksResponse]:
        request = pb.ListWebhooksRequest(page_size=_PAGE, page_token=token)
        return stub.ListWebhooks(request, timeout=CALL_SECONDS)

    found = _call(target, lambda stub: _all_of(partial(page, stub), lambda each: each.webhooks))
    print_webhooks(found, format_)


@webhooks.command()
@format_option(default="table")
@target_option
@_id_argument
def show(target: Target, webhook_id: str, format_: Format) -> None:
    """Show a webhook; as json with all that there is of it."""
    request = pb.GetWebhookRequest(webhook_id=webhook_id)
    found = _call(target, lambda stub: stub.GetWebhook(request, timeout=CALL_SECONDS))
    print_webhooks([found.webhook], format_)


@webhooks.command()
@target_option
@_id_argument
def pause(target: Target, webhook_id: str) -> None:
    """Send nothing until it is resumed."""
    request = pb.PauseWebhookRequest(webhook_id=webhook_id)
    paused = _call(target, lambda stub: stub.PauseWebhook(request, timeout=CALL_SECONDS))
    print_webhooks([paused.webhook], "table")


@webhooks.command()
@target_option
@_id_argument
def resume(target: Target, webhook_id: str) -> None:
    """Go on where it was paused, or try at once."""
    request = pb.ResumeWebhookRequest(webhook_id=webhook_id)
    resumed = _call(target, lambda stub: stub.ResumeWebhook(request, timeout=CALL_SECONDS))
    print_webhooks([resumed.webhook], "table")


@webhooks.command()
@click.option("--to", "place", required=True, metavar=START, help="Where to go on.")
@target_option
@_id_argument
def replay(target: Target, webhook_id: str, place: str) -> None:
    """Move a webhook, forth or back, and send from there."""
    request = pb.ReplayWebhookRequest(webhook_id=webhook_id)
    set_start(request, place)
    moved = _call(target, lambda stub: stub.ReplayWebhook(request, timeout=CALL_SECONDS))
    print_webhooks([moved.webhook], "table")


@webhooks.command()
@_secret_option
@click.option(
    "--overlap-hours",
    type=Span(HOUR, longest=dt.timedelta(days=30)),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long the secret before signs, too.",
)
@target_option
@_id_argument
def rotate(
    target: Target, webhook_id: str, secret_file: IO[str] | None, overlap_hours: float
) -> None:
    """Give a webhook another secret, and print it."""
    request = pb.RotateWebhookSecretRequest(webhook_id=webhook_id, secret=_secret_in(secret_file))
    request.overlap.FromTimedelta(overlap_hours * HOUR)
    rotated = _call(target, lambda stub: stub.RotateWebhookSecret(request, timeout=CALL_SECONDS))
    click.echo(rotated.secret)


@webhooks.command()
@format_option(default="table")
@target_option
@_id_argument
def skipped(target: Target, webhook_id: str, format_: Format) -> None:
    """List the events that the receiver did not take.

    The latest first.  To send one again, replay from the cursor before it.
    """

    def page(stub: Stub, token: str) -> Awaitable[pb.ListSkippedEventsResponse]:
        request = pb.ListSkippedEventsRequest(
            webhook_id=webhook_id, page_size=_PAGE, page_token=token
        )
        return stub.ListSkippedEvents(request, timeout=CALL_SECONDS)

    found = _call(
        target, lambda stub: _all_of(partial(page, stub), lambda each: each.skipped_events)
    )
    print_skipped(found, format_)


@webhooks.command()
@yes_option
@target_option
@_id_argument
def delete(target: Target, webhook_id: str, *, yes: bool) -> None:
    """Delete a webhook.

    Its place in the log, its secrets and its list of skipped events go with it.
    """
    if not yes:
        ask(
            f"Delete the webhook {webhook_id} at {target.address}, its place and its secrets?",
            consent="delete a webhook",
        )
    request = pb.DeleteWebhookRequest(webhook_id=webhook_id)
    _call(target, lambda stub: stub.DeleteWebhook(request, timeout=CALL_SECONDS))


def _call(target: Target, call: "Callable[[Stub], Awaitable[Answer]]") -> Answer:
    """Return what *call* gets of the service at *target*."""

    async def called() -> Answer:
        async with connect(target) as channel:
            return await call(pb_grpc.WebhookServiceStub(channel))

    return wait_for(called())


async def _all_of(
    fetch: Callable[[str], Awaitable[Page]], rows: Callable[[Page], Iterable[Listed]]
) -> list[Listed]:
    """Return the *rows* of every page that *fetch* gets by its token."""
    found: list[Listed] = []
    token = ""
    while True:
        page = await fetch(token)
        found += rows(page)
        token = page.next_page_token
        if not token:
            return found


def _secret_in(file: IO[str] | None) -> str:
    """Return the secret in *file*; nothing, without one."""
    if file is None:
        return ""
    secret = _line_in(file)
    if not secret:
        # The service would make one, and nobody would have told the receiver.
        raise click.UsageError(f"no secret is in {file.name}")
    return secret


def _line_in(file: IO[str]) -> str:
    return file.read(_MOST_CHARACTERS).strip()
