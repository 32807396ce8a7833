"""What Prometheus is told of subscriptions: who is behind on purpose, and who is not."""

from pathlib import Path
from typing import Final

import prometheus_client

from pixel_service.log_metrics import LogMetrics
from pixel_service.open_log import BEGINNING
from pixel_service.recording import RecordingHealth
from tests.pixel.open_log.log_values import new_opens
from tests.pixel.service_values import a_log

NOTHING_RECORDED: Final = RecordingHealth(
    recorded=0, missing=0, refused=0, objected=0, late_seconds=0.0, is_failing=False
)


async def test_a_paused_subscription_can_be_left_out_of_an_alert(tmp_path: Path) -> None:
    """Each has its lag, whether it is active, and whether a stream serves it."""
    async with a_log(tmp_path) as log:
        store = log.subscriptions
        await log.append(new_opens(3))
        for name in ("gone", "paused", "served"):
            await store.create_subscription(name, start=BEGINNING)
        await store.pause_subscription("paused")
        await store.begin_session("served", consumer_name="")
        found = await store.list_subscriptions(after_id="", limit=10)
    registry = prometheus_client.CollectorRegistry()
    registry.register(
        LogMetrics(
            recording=lambda: NOTHING_RECORDED,
            streams=lambda: 1,
            uncounted=lambda: 0,
            tracked_ages=dict,
            subscriptions=lambda: found,
            canary_age_seconds=lambda: 0.0,
            held_back_since=lambda: None,
        )
    )

    def values(metric: str) -> list[float | None]:
        return [
            registry.get_sample_value(metric, {"subscription_id": each})
            for each in ("gone", "paused", "served")
        ]

    assert values("subscription_lag_opens") == [3, 3, 3]
    assert values("subscription_active") == [1, 0, 1]
    assert values("subscription_streams") == [0, 0, 1]
