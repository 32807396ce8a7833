"""What the bridge counts.  Labels are names of ours, never anything of a message."""

import prometheus_client


class BridgeMetrics:
    """Counters and histograms of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
