"""In which hour a fetch arrived, by the ID of its open."""

import binascii
from typing import Final

from pixel_service.intake import microseconds_of_open_id

_HOUR_US: Final = 3_600_000_000


def hour_of(event_id: str) -> int:
    """Return the hour, counted from 1970 UTC; 0 for an ID that is not ours."""
    try:
        return microseconds_of_open_id(event_id.partition(":")[0]) // _HOUR_US
    except (binascii.Error, ValueError):
        return 0
