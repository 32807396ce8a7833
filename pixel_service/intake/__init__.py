"""From a fetch to what may be kept of it.

Opens the token, has the fetch judged by `evidence`, and asks `privacy` what may be
kept.  A request for a pixel comes in as a `PixelFetch`; nothing that `privacy` has not
let through leaves.  Imports neither HTTP nor gRPC.

Read `intake` first.
"""

from pixel_service.intake.event_id import microseconds_of_open_id
from pixel_service.intake.fetch import PixelFetch
from pixel_service.intake.intake import Intake, IntakeCounts
from pixel_service.intake.opened_token import TokenReader
from pixel_service.intake.recent_fetches import RecentFetches
from pixel_service.intake.replay_budget import (
    DEFAULT_MAX_OPENS,
    DEFAULT_WINDOW_SECONDS,
    ReplayBudget,
)
from pixel_service.intake.token_opener import TokenOpener

__all__ = [
    "DEFAULT_MAX_OPENS",
    "DEFAULT_WINDOW_SECONDS",
    "Intake",
    "IntakeCounts",
    "PixelFetch",
    "RecentFetches",
    "ReplayBudget",
    "TokenOpener",
    "TokenReader",
    "microseconds_of_open_id",
]
