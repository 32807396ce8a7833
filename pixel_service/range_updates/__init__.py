"""Address ranges that stay fresh: where they are published, fetched and checked.

`ranges.toml` says where.  `update` fetches what makes up the ranges of one name and puts them
where the service looks for them, if they are what they should be; `RangeRefreshing` does so
every day.  Loads an HTTP client, so
endpoint processes do without it.
"""

from pixel_service.range_updates.catalogue import CATALOGUE_FILE, PublishedRanges, load_catalogue
from pixel_service.range_updates.refreshing import RangeRefreshing
from pixel_service.range_updates.updating import Outcome, Update, update, update_from

__all__ = [
    "CATALOGUE_FILE",
    "Outcome",
    "PublishedRanges",
    "RangeRefreshing",
    "Update",
    "load_catalogue",
    "update",
    "update_from",
]
