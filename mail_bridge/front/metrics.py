"""What the server's side counts.  Labels are names of ours, never anything of a message."""

import prometheus_client


class FrontMetrics:
    """Connections and messages, in the registry of the process."""

    def __init__(self, registry: prometheus_client.CollectorRegistry) -> None:
        self.connections = prometheus_client.Gauge(
            "mail_bridge_connections", "Connections of clients that are open.", registry=registry
        )
        self.held_octets = prometheus_client.Gauge(
            "mail_bridge_held_octets",
            "Octets of messages and of their recipients that come in or are handed on.",
            registry=registry,
        )
        self._refused = prometheus_client.Counter(
            "mail_bridge_refused_connections",
            "Connections that were refused because there were too many.",
            ["limit"],
            registry=registry,
        )
        self._ended = prometheus_client.Counter(
            "mail_bridge_ended_sessions",
            "Sessions that were ended by the bridge, and not by the client.",
            ["reason"],
            registry=registry,
        )
        self._messages = prometheus_client.Counter(
            "mail_bridge_received_messages", "Messages that came in.", registry=registry
        )
        self._octets = prometheus_client.Counter(
            "mail_bridge_received_octets", "Octets of them.", registry=registry
        )
        self._refused_messages = prometheus_client.Counter(
            "mail_bridge_refused_messages",
            "Messages that came in and were not handed on.",
            ["reason"],
            registry=registry,
        )

    def connection_refused(self, limit: str) -> None:
        """Count a connection that was one too many for *limit*."""
        self._refused.labels(limit).inc()

    def session_ended(self, reason: str) -> None:
        """Count a session that the bridge has ended."""
        self._ended.labels(reason).inc()

    def message_received(self, octets: int) -> None:
        """Count a message that is handed on."""
        self._messages.inc()
        self._octets.inc(octets)

    def message_refused(self, reason: str) -> None:
        """Count a message that is not."""
        self._refused_messages.labels(reason).inc()
