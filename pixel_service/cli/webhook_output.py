"""How webhooks, and the events that they have skipped, are printed."""

from collections.abc import Sequence
from typing import Final

from emailopens.pixel.v1 import webhook_service_pb2 as pb
from pixel_service.cli.fitted_table import Column
from pixel_service.cli.output import Format
from pixel_service.cli.printed_rows import print_rows, time_in
from pixel_service.cli.words import short_name

_PAUSED: Final = {
    pb.Webhook.STATE_PAUSED: "paused",
    pb.Webhook.STATE_PAUSED_GONE: "gone",
    pb.Webhook.STATE_PAUSED_EVENT_REFUSED: "refused",
}


def state_in_words(webhook: pb.Webhook) -> str:
    """Return in a word whether *webhook* delivers."""
    if webhook.state == pb.Webhook.STATE_ACTIVE:
        return "failing" if webhook.failed_attempts else "ok"
    return _PAUSED.get(webhook.state) or short_name(pb.Webhook.State.DESCRIPTOR, webhook.state)


def trouble_of(webhook: pb.Webhook) -> str:
    """Return what an operator must know of *webhook*; nothing if all is well."""
    fell_behind = "fell behind: retention has removed opens" if webhook.fell_behind else ""
    return "; ".join(filter(None, (fell_behind, webhook.last_error)))


_WEBHOOK: Final[tuple[Column[pb.Webhook], ...]] = (
    Column(heading="ID", least=12, most=24, rank=0, value=lambda each: each.id),
    Column(heading="STATE", least=7, most=7, rank=1, value=state_in_words),
    Column(heading="LAG", least=7, most=9, rank=2, value=lambda each: str(each.lag)),
    Column(heading="SKIPPED", least=7, most=7, rank=6, value=lambda each: str(each.skipped_events)),
    Column(
        heading="LAST SUCCESS",
        least=20,
        most=20,
        rank=5,
        value=lambda each: time_in(each, "last_success_time"),
    ),
    Column(
        heading="CONFIGURATIONS",
        least=14,
        most=24,
        rank=7,
        value=lambda each: ",".join(each.configuration_ids) or "all",
    ),
    Column(heading="URL", least=24, most=60, rank=4, value=lambda each: each.url),
    Column(heading="TROUBLE", least=16, most=60, rank=3, value=trouble_of),
)

_SKIPPED: Final[tuple[Column[pb.SkippedEvent], ...]] = (
    Column(
        heading="SKIPPED AT",
        least=20,
        most=20,
        rank=2,
        value=lambda each: time_in(each, "skip_time"),
    ),
    Column(heading="EVENT", least=32, most=36, rank=0, value=lambda each: each.event_id),
    Column(heading="CURSOR BEFORE", least=24, most=64, rank=3, value=lambda each: each.cursor),
    Column(heading="ERROR", least=16, most=60, rank=1, value=lambda each: each.error),
)


def print_webhooks(webhooks: Sequence[pb.Webhook], format_: Format) -> None:
    """Print *webhooks*, each in a line."""
    print_rows(webhooks, _WEBHOOK, format_)


def print_skipped(events: Sequence[pb.SkippedEvent], format_: Format) -> None:
    """Print *events*, each in a line."""
    print_rows(events, _SKIPPED, format_)
