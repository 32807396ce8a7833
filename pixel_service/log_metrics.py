"""What Prometheus is told of the log process: read from where it is kept, when it is asked for."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pixel_service.open_log import Subscription
from pixel_service.recording import RecordingHealth


# Compared by identity: a registry keeps its collectors in a dictionary.
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogMetrics(Collector):
    """The metrics of recording and streaming."""

    recording: Callable[[], RecordingHealth]
    streams: Callable[[], int]
    uncounted: Callable[[], int]
    """Opens that statistics do not count yet."""
    subscriptions: Callable[[], Sequence[Subscription]]
    """All of the log."""
    canary_age_seconds: Callable[[], float]
    held_back_since: Callable[[], dt.datetime | None]
    """Since when opens are recorded that may not be streamed yet."""
    tracked_ages: Callable[[], Mapping[str, float]]
    """How old the counts of messages tracked are, by the injector that they come from."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        recording = self.recording()
        yield CounterMetricFamily(
            "opens_recorded", "Opens brought into the log.", value=recording.recorded
        )
        yield CounterMetricFamily(
            "opens_unreadable",
            "Opens of the journal that cannot be read.",
            value=recording.missing,
        )
        yield CounterMetricFamily(
            "opens_refused",
            "Opens of the journal that the log's database does not take.",
            value=recording.refused,
        )
        yield CounterMetricFamily(
            "opens_objected",
            "Opens that were not recorded, of those who have objected.",
            value=recording.objected,
        )
        yield GaugeMetricFamily(
            "journal_oldest_unrecorded_seconds",
            "Age of the oldest open that is not in the log.",
            value=recording.late_seconds,
        )
        yield GaugeMetricFamily("streams", "Streams of opens now.", value=self.streams())
        yield GaugeMetricFamily(
            "canary_age_seconds",
            "Age of the last open of the service's own that has come through.",
            value=self.canary_age_seconds(),
        )
        since = self.held_back_since()
        yield GaugeMetricFamily(
            "streams_held_back_seconds",
            "For how long opens are recorded that may not be streamed yet.",
            value=(dt.datetime.now(dt.UTC) - since).total_seconds() if since else 0.0,
        )
        yield GaugeMetricFamily(
            "statistics_uncounted_opens",
            "Opens recorded that statistics do not count yet.",
            value=self.uncounted(),
        )
        yield _of_tracked(self.tracked_ages())
        yield from _of_subscriptions(self.subscriptions())


def _of_tracked(seconds_of: Mapping[str, float]) -> Metric:
    ages = GaugeMetricFamily(
        "messages_tracked_age_seconds",
        "Age of the newest counts of messages tracked that an injector was asked for.",
        labels=["injector"],
    )
    for target, seconds in seconds_of.items():
        ages.add_metric([target], seconds)
    return ages


def _of_subscriptions(subscriptions: Sequence[Subscription]) -> Iterator[Metric]:
    labels = ["subscription_id"]
    lag = GaugeMetricFamily("subscription_lag_opens", "Opens not acknowledged.", labels=labels)
    active = GaugeMetricFamily("subscription_active", "1, or 0 if it is paused.", labels=labels)
    streams = GaugeMetricFamily(
        "subscription_streams", "1 if a stream serves it now, or 0.", labels=labels
    )
    for each in subscriptions:
        lag.add_metric([each.id], each.lag)
        active.add_metric([each.id], each.pause_time is None)
        streams.add_metric([each.id], each.is_streaming)
    yield from (lag, active, streams)
