"""Opens as they are recorded, for those who look at the page *Now*.

All who look with one key share what the service is asked for, however many they are.  That ends
a while after the last of them has left.
"""

from pixel_service.page.live.feeds import Feed, FeedLimits, Feeds, TooManyFeeds
from pixel_service.page.live.recent import LAST_OPENS, MINUTES, RecentOpens

__all__ = ["LAST_OPENS", "MINUTES", "Feed", "FeedLimits", "Feeds", "RecentOpens", "TooManyFeeds"]
