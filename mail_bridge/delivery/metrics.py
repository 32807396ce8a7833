"""What becomes of mail.  Labels are names of ours, never anything of a message."""

import prometheus_client

from mail_bridge.smtp import Reply


class DeliveryMetrics:
    """Copies and answers, in the registry of the process."""

    def __init__(self, registry: prometheus_client.CollectorRegistry) -> None:
        self._tracked = prometheus_client.Counter(
            "mail_bridge_tracked", "Recipients whose copy got a pixel.", registry=registry
        )
        self._untracked = prometheus_client.Counter(
            "mail_bridge_untracked",
            "Recipients whose copy got none, or was deferred for that, by reason.",
            ["reason"],
            registry=registry,
        )
        self._answers = prometheus_client.Counter(
            "mail_bridge_answers",
            "Answers for recipients: delivered, deferred (4yz), refused (5yz).",
            ["answer"],
            registry=registry,
        )
        self.tracking_seconds = prometheus_client.Histogram(
            "mail_bridge_tracking_seconds",
            "How long a message waited for the injector.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
            registry=registry,
        )
        self.delivery_seconds = prometheus_client.Histogram(
            "mail_bridge_delivery_seconds",
            "From the end of a message to the last answer for it.",
            buckets=(0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
            registry=registry,
        )

    def made(self, untracked: str | None) -> None:
        """Count a recipient's copy."""
        if untracked is None:
            self._tracked.inc()
        else:
            self._untracked.labels(untracked).inc()

    def answered(self, reply: Reply) -> None:
        """Count what a client is told for a recipient."""
        self._answers.labels(_ANSWERS.get(reply.code // 100, "deferred")).inc()


_ANSWERS = {2: "delivered", 5: "refused"}
