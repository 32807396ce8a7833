"""Which copies a message is sent as, and who gets which."""

from mail_bridge.delivery.deliverer import Deliverer
from mail_bridge.delivery.filter_answers import answering_filters
from mail_bridge.delivery.injector import Injector
from mail_bridge.delivery.metrics import DeliveryMetrics
from mail_bridge.delivery.settings import TrackingSettings
from mail_bridge.when_untracked import WhenUntracked

__all__ = [
    "Deliverer",
    "DeliveryMetrics",
    "Injector",
    "TrackingSettings",
    "WhenUntracked",
    "answering_filters",
]
