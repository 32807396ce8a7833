"""What the injector service counts.  Labels are names of ours, never anything of a message."""

import collections
import time
from collections.abc import Callable, Sequence

import prometheus_client

from injector_service.rewriting import Outcome, Rewritten


class InjectorMetrics:
    """Counters and histograms of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        messages = prometheus_client.Counter(
            "emailopens_injector_messages",
            "Messages by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        # To look one up takes a microsecond.
        self._messages_by_outcome = {each: messages.labels(each.value) for each in Outcome}
        self._failures = prometheus_client.Counter(
            "emailopens_injector_failures",
            "Messages that were left alone because of a fault of ours.",
            registry=self.registry,
        )
        self._octets = prometheus_client.Counter(
            "emailopens_injector_octets",
            "Octets of all messages.",
            registry=self.registry,
        )
        self._seconds = prometheus_client.Histogram(
            "emailopens_injector_rewrite_seconds",
            "Time from request to answer, the network not counted.",
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1),
            registry=self.registry,
        )

    def follow_objections(
        self, *, count: Callable[[], float], age_seconds: Callable[[], float]
    ) -> None:
        """Say what is known of objections, where a pixel service is asked."""
        for name, help_, value in (
            ("objections", "Recipients who have objected, as far as is known.", count),
            ("objections_age_seconds", "Age of the list of those who have objected.", age_seconds),
        ):
            gauge = prometheus_client.Gauge(
                f"emailopens_injector_{name}", help_, registry=self.registry
            )
            gauge.set_function(value)

    def record_copies(self, copies: Sequence[Rewritten], *, octets: int, since: float) -> None:
        """Count the copies of a message, which came once; otherwise as `record` does."""
        outcomes = collections.Counter(each.outcome for each in copies)
        for outcome, count in outcomes.items():
            self._messages_by_outcome[outcome].inc(count)
        self._octets.inc(octets)
        self._seconds.observe(time.perf_counter() - since)
        self._failures.inc(sum(each.failure is not None for each in copies))

    def record(self, rewritten: Rewritten, *, octets: int, since: float) -> None:
        """Count a message.

        Args:
            rewritten: what became of it.
            octets: its length.
            since: when the request came, by `time.perf_counter`.
        """
        self._messages_by_outcome[rewritten.outcome].inc()
        self._octets.inc(octets)
        self._seconds.observe(time.perf_counter() - since)
        if rewritten.failure is not None:
            self._failures.inc()
