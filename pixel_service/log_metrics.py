"""What Prometheus is told of the log process: read from where it is kept, when it is asked for."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pixel_service.recording import RecordingHealth


# Compared by identity: a registry keeps its collectors in a dictionary.
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogMetrics(Collector):
    """The metrics of recording and streaming."""

    recording: Callable[[], RecordingHealth]
    streams: Callable[[], int]
    lags: Callable[[], Mapping[str, int]]
    """Entries that each subscription has not acknowledged, by its ID."""

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
        yield GaugeMetricFamily(
            "journal_oldest_unrecorded_seconds",
            "Age of the oldest open that is not in the log.",
            value=recording.late_seconds,
        )
        yield GaugeMetricFamily("streams", "Streams of opens now.", value=self.streams())
        lag = GaugeMetricFamily(
            "subscription_lag_opens", "Opens not acknowledged.", labels=["subscription_id"]
        )
        for subscription_id, value in self.lags().items():
            lag.add_metric([subscription_id], value)
        yield lag
