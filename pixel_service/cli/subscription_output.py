"""How subscriptions are printed."""

from collections.abc import Sequence
from typing import Final

from emailopens.pixel.v1 import subscription_service_pb2 as pb
from pixel_service.cli.fitted_table import Column
from pixel_service.cli.output import Format
from pixel_service.cli.printed_rows import print_rows, time_in


def state_in_words(subscription: pb.Subscription) -> str:
    """Return whether a stream serves *subscription*, or why none does, and what it has lost."""
    if subscription.state == pb.Subscription.STATE_PAUSED:
        state = "paused"
    else:
        state = "streaming" if subscription.streaming else "idle"
    return f"{state}, fell behind" if subscription.fell_behind else state


def last_end(subscription: pb.Subscription) -> str:
    """Return when and why the last stream that is over has ended; nothing if none is."""
    end = subscription.last_stream_end
    return " ".join(filter(None, (time_in(end, "end_time"), end.reason or end.code)))


_COLUMNS: Final[tuple[Column[pb.Subscription], ...]] = (
    Column(heading="ID", least=12, most=24, rank=0, value=lambda each: each.id),
    Column(heading="LAG", least=7, most=10, rank=1, value=lambda each: str(each.lag)),
    Column(heading="STATE", least=9, most=22, rank=2, value=state_in_words),
    Column(
        heading="ACKNOWLEDGED",
        least=20,
        most=20,
        rank=4,
        value=lambda each: time_in(each, "acknowledge_time"),
    ),
    Column(heading="LAST STREAM ENDED", least=40, most=44, rank=3, value=last_end),
    Column(heading="CONSUMER", least=12, most=24, rank=6, value=lambda each: each.consumer_name),
    Column(
        heading="CONFIGURATIONS",
        least=14,
        most=60,
        rank=5,
        value=lambda each: ",".join(each.configuration_ids) or "all",
    ),
)


def print_subscriptions(subscriptions: Sequence[pb.Subscription], format_: Format) -> None:
    """Print *subscriptions*, each in a line."""
    print_rows(subscriptions, _COLUMNS, format_)
