"""What Prometheus is told: read from where it is kept, when it is asked for."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pixel_service.intake import IntakeCounts
from pixel_service.recording.recorder_health import RecorderHealth, RecorderState


# Compared by identity: a registry keeps its collectors in a dictionary.
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelMetrics(Collector):
    """The metrics of a process."""

    health: Callable[[], RecorderHealth]
    counts: IntakeCounts
    streams: Callable[[], int]
    lags: Callable[[], Mapping[str, int]]
    """Entries that each subscription has not acknowledged, by its ID."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield from self._of_fetches()
        yield from self._of_recording(self.health())
        yield GaugeMetricFamily("streams", "Streams of opens now.", value=self.streams())
        lag = GaugeMetricFamily(
            "subscription_lag_opens", "Opens not acknowledged.", labels=["subscription_id"]
        )
        for subscription_id, value in self.lags().items():
            lag.add_metric([subscription_id], value)
        yield lag

    def _of_fetches(self) -> Iterator[Metric]:
        fetches = CounterMetricFamily("fetches", "Fetches of pixels.", labels=["result"])
        fetches.add_metric(["recorded"], self.counts.recorded)
        fetches.add_metric(["invalid_token"], self.counts.invalid)
        fetches.add_metric(["off"], self.counts.off)
        yield fetches

    def _of_recording(self, health: RecorderHealth) -> Iterator[Metric]:
        opens = CounterMetricFamily(
            "opens_durable", "Opens made durable, by where at first.", labels=["where"]
        )
        opens.add_metric(["log"], health.recorded_opens)
        opens.add_metric(["spool"], health.spooled_opens)
        yield opens
        yield CounterMetricFamily("opens_lost", "Opens lost.", value=health.lost_opens)
        yield GaugeMetricFamily("spool_octets", "Size of the spool.", value=health.spooled_octets)
        yield GaugeMetricFamily("held_opens", "Opens in memory only.", value=health.held_opens)
        state = GaugeMetricFamily("recorder_state", "1 for where opens go now.", labels=["state"])
        for each in RecorderState:
            state.add_metric([each.value], int(each is health.state))
        yield state
