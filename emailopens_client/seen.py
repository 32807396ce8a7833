"""Remembers what was delivered, to tell a delivery again from a new one."""

from typing import Final

# More than a subscription may have outstanding by default (10,000), and a batch.
# About 10 MB.
MAX_REMEMBERED: Final = 20_000


class SeenEvents:
    """Event IDs that were delivered recently, the oldest forgotten first."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def add(self, event_id: str) -> bool:
        """Remember *event_id*; return whether it is new."""
        if event_id in self._ids:
            return False
        self._ids[event_id] = None
        if len(self._ids) > MAX_REMEMBERED:
            del self._ids[next(iter(self._ids))]
        return True
