"""What Prometheus is told of webhooks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pixel_service.open_log import Webhook
from pixel_service.webhooks.answers import Outcome

_LABEL: Final = "webhook_id"


def webhook_metrics(
    webhooks: Sequence[Webhook], outcomes: Mapping[Outcome, int]
) -> Iterator[Metric]:
    """Yield every metric.

    Args:
        webhooks: all of the log, whoever delivers them.
        outcomes: what came of this process's requests.
    """
    lag = GaugeMetricFamily("webhook_lag_opens", "Opens not delivered.", labels=[_LABEL])
    failures = GaugeMetricFamily(
        "webhook_failed_attempts",
        "Attempts in a row without success to deliver the next open.",
        labels=[_LABEL],
    )
    success = GaugeMetricFamily(
        "webhook_last_success_timestamp_seconds",
        "When an open was last delivered, in seconds since 1970; absent if none ever was.",
        labels=[_LABEL],
    )
    active = GaugeMetricFamily("webhook_active", "1, or 0 if it is paused.", labels=[_LABEL])
    for webhook in webhooks:
        lag.add_metric([webhook.id], webhook.lag)
        failures.add_metric([webhook.id], webhook.failed_attempts)
        active.add_metric([webhook.id], webhook.is_active)
        if webhook.last_success_time is not None:
            success.add_metric([webhook.id], webhook.last_success_time.timestamp())
    yield from (lag, failures, success, active)

    requests = CounterMetricFamily(
        "webhook_requests", "Requests that were sent, by what came of them.", labels=["outcome"]
    )
    for outcome in Outcome:
        requests.add_metric([outcome.name.lower()], outcomes.get(outcome, 0))
    yield requests
