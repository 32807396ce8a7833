"""What Prometheus is told of an endpoint process: read from where it is kept, when asked for."""

import dataclasses
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pixel_service.endpoint import ConnectionCounts, Refusal
from pixel_service.intake import IntakeCounts
from pixel_service.journal import JournalHealth, JournalState
from pixel_service.live_judge import RangesHealth


# Compared by identity: a registry keeps its collectors in a dictionary.
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndpointMetrics(Collector):
    """The metrics of fetches and of the journal that keeps them."""

    counts: IntakeCounts
    journal: Callable[[], JournalHealth]
    connections: Callable[[], ConnectionCounts]
    ranges: Callable[[], RangesHealth]

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        fetches = CounterMetricFamily("fetches", "Fetches of pixels.", labels=["result"])
        fetches.add_metric(["recorded"], self.counts.recorded)
        fetches.add_metric(["invalid_token"], self.counts.invalid)
        fetches.add_metric(["off"], self.counts.off)
        fetches.add_metric(["expired"], self.counts.expired)
        fetches.add_metric(["collapsed"], self.counts.collapsed)
        yield fetches
        yield from _connection_metrics(self.connections())
        journal = self.journal()
        yield CounterMetricFamily(
            "opens_durable", "Opens made durable by the journal.", value=journal.appended
        )
        yield CounterMetricFamily("opens_lost", "Opens lost.", value=journal.lost)
        yield GaugeMetricFamily("held_opens", "Opens in memory only.", value=journal.held)
        yield GaugeMetricFamily("journal_octets", "Size of the journal.", value=journal.octets)
        yield GaugeMetricFamily(
            "journal_free_octets", "Room on the journal's disk.", value=journal.free_octets
        )
        state = GaugeMetricFamily("journal_state", "1 for where opens go now.", labels=["state"])
        for each in JournalState:
            state.add_metric([each.value], int(each is journal.state))
        yield state
        yield from _range_metrics(self.ranges())


def _range_metrics(health: RangesHealth) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "address_ranges_age_seconds",
        "Age of the address ranges that fetches are judged by.",
        labels=["ranges"],
    )
    for name, seconds in health.ages.items():
        age.add_metric([name], seconds)
    yield age
    yield CounterMetricFamily(
        "address_ranges_refusals",
        "Changes of address ranges to something that cannot be used.",
        value=health.refusals,
    )


def _connection_metrics(counts: ConnectionCounts) -> Iterator[Metric]:
    yield GaugeMetricFamily("connections", "Connections of mail clients.", value=counts.open)
    refused = CounterMetricFamily(
        "connections_refused", "Connections refused or cut off.", labels=["reason"]
    )
    for each in Refusal:
        refused.add_metric([each.value], counts.refused.get(each, 0))
    yield refused
