"""What all sessions share."""

import dataclasses

from mail_bridge.front.budget import Budget
from mail_bridge.front.metrics import FrontMetrics
from mail_bridge.front.settings import FrontSettings
from mail_bridge.transaction import Delivery, NextHop
from service_runtime.certificates import Certificate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How clients are served, and where their mail goes."""

    settings: FrontSettings
    delivery: Delivery
    next_hop: NextHop
    metrics: FrontMetrics
    budget: Budget

    certificate: Certificate | None
    """For STARTTLS; None: TLS is not spoken."""
