"""How the service is, as this machine's log process sees it."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import importlib.metadata
from collections.abc import Callable, Sequence

from pixel_service.journal import Journals
from service_runtime.admin_server import Condition


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """What holds, and what waits."""

    conditions: Sequence[Condition]
    """Those of readiness."""

    journals: int
    """How many journals of this machine are recorded."""

    waiting_octets: int
    """Size of their segments, also of those that are being written."""

    oldest_waiting: dt.timedelta | None
    """Age of the oldest open that is kept and not recorded yet; None if there is none."""

    start_time: dt.datetime
    version: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatusReporter:
    """Finds out how the service is."""

    journals: Journals
    conditions: Callable[[], Sequence[Condition]]
    late_seconds: Callable[[], float]
    """Returns the age of the oldest open that is not recorded; 0: there is none."""

    start_time: dt.datetime

    async def status(self) -> ServiceStatus:
        """Return how things stand."""
        late_seconds = self.late_seconds()
        journals, waiting_octets = await asyncio.to_thread(self._waiting)
        return ServiceStatus(
            conditions=self.conditions(),
            journals=journals,
            waiting_octets=waiting_octets,
            oldest_waiting=dt.timedelta(seconds=late_seconds) if late_seconds else None,
            start_time=self.start_time,
            version=importlib.metadata.version("emailopens"),
        )

    def _waiting(self) -> tuple[int, int]:
        found = self.journals.found()
        octets = 0
        for path in (path for journal in found for path in journal.segments()):
            # One that is recorded meanwhile is removed.
            with contextlib.suppress(FileNotFoundError):
                octets += path.stat().st_size
        return len(found), octets
