"""Which entries of the log a reader wants."""

import dataclasses
from collections.abc import Sequence

from pixel_service.open_log import LogEntry, OpenFilter, Page

_NO_FILTER = OpenFilter()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Configurations and evidence by which entries are selected."""

    configuration_ids: frozenset[str] = frozenset()
    """Empty: all."""

    filter: OpenFilter = _NO_FILTER

    @property
    def is_everything(self) -> bool:
        """Whether every entry matches."""
        return not self.configuration_ids and self.filter == _NO_FILTER

    def of(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        """Return those of *entries* that match, in their order."""
        if self.is_everything:
            return entries
        return [entry for entry in entries if self._matches(entry)]

    def _matches(self, entry: LogEntry) -> bool:
        return (
            (not self.configuration_ids or entry.configuration_id in self.configuration_ids)
            and entry.agent not in self.filter.exclude_agents
            and entry.confidence >= self.filter.min_confidence
            and (entry.first_open or not self.filter.first_open_only)
        )


def selected(page: Page, selection: Selection, *, limit: int) -> Page:
    """Return what matches of *page*, no more than *limit* entries.  All of it if it may be."""
    matching = selection.of(page.entries)
    if len(matching) <= limit:
        return dataclasses.replace(page, entries=matching)
    entries = matching[:limit]
    return Page(entries=entries, after=entries[-1].position, at_head=False)
