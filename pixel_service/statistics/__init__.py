"""What a recorded open counts as in statistics.  Pure: no storage, no network.

The log that counts does not know what a notification means; this does.
"""

from typing import Final

from pixel_service.open_log import CountingRules
from pixel_service.statistics.facts import facts_of
from pixel_service.statistics.hours import hour_of
from pixel_service.statistics.small_groups import ToldApart, added_up, is_small, told_apart

COUNTING_RULES: Final = CountingRules(facts_of, hour_of)

__all__ = [
    "COUNTING_RULES",
    "ToldApart",
    "added_up",
    "facts_of",
    "hour_of",
    "is_small",
    "told_apart",
]
