"""What opens add to statistics, added up before it is written.  See ADR 0034."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import sqlalchemy as sa

from pixel_service.open_log.sql.statistics.opens import CountedOpen
from pixel_service.open_log.sql.statistics.upserting import upsert
from pixel_service.open_log.sql.tables import statistics
from pixel_service.open_log.statistics import Dimension, Kind

HOURS: Final = 0
DAYS: Final = 1
HOURS_OF_DAY: Final = 24
HOUR_US: Final = 3_600_000_000

# Of one configuration and day.  More would be keys of messages rather than tags.
MAX_TAGS: Final = 1_000

OPENS, FIRST, PERSON, MACHINE, COLLAPSED, AT_LEAST, AT_MOST = range(7)
_COLUMNS: Final = 7

_Alike: TypeAlias = tuple[int, str, tuple[tuple[Dimension, str], ...]]
"""What opens that count under the same rows have in common: hour, configuration and values."""

_Key: TypeAlias = tuple[int, int, str, str]
"""Hour, dimension, value, configuration."""


class Tallies:
    """What is added to the rows of statistics in one transaction.

    Opens that are alike are added up first, which takes a third of the time.
    """

    def __init__(
        self,
        connection: sa.Connection,
        *,
        first_hour: int = 0,
        first_day: int = 0,
        max_tags: int = MAX_TAGS,
    ) -> None:
        self._connection = connection
        self._first_hour, self._first_day = first_hour, first_day
        self._max_tags = max_tags
        self._alike: dict[_Alike, list[int]] = {}
        self._tags: dict[tuple[int, str], set[str]] = {}

    def add(self, open_: CountedOpen, sign: int) -> None:
        """Add what *open_* counts by itself; with the *sign* -1 take it back."""
        tally = self._of(open_)
        kind = open_.facts.kind
        tally[OPENS] += sign
        tally[COLLAPSED] += sign * open_.collapsed
        if open_.is_first:
            tally[FIRST] += sign
        if kind is Kind.PERSON:
            tally[PERSON] += sign
        elif kind is Kind.MACHINE:
            tally[MACHINE] += sign

    def hold(self, open_: CountedOpen, column: int, sign: int) -> None:
        """Add that *open_* is the one with which its message counts, or take that back."""
        self._of(open_)[column] += sign

    def _of(self, open_: CountedOpen) -> list[int]:
        alike = (open_.hour, open_.configuration_id, open_.facts.values)
        tally = self._alike.get(alike)
        if tally is None:
            tally = self._alike[alike] = [0] * _COLUMNS
        return tally

    def write(self) -> None:
        """Write everything that is of a time that is kept, in the order of the rows' keys."""
        hours = self._spelt_out()
        days: dict[_Key, list[int]] = {}
        for (hour, dimension, value, configuration_id), tally in hours.items():
            _add(days, (day_of(hour), dimension, value, configuration_id), tally)
        rows = [
            (granularity, dimension, value, start, configuration_id, *tally)
            for granularity, first, tallies in (
                (HOURS, self._first_hour, hours),
                (DAYS, self._first_day, days),
            )
            for (start, dimension, value, configuration_id), tally in tallies.items()
            if start >= first and any(tally)
        ]
        upsert(self._connection, statistics, sorted(rows), is_added=True)

    def _spelt_out(self) -> dict[_Key, list[int]]:
        hours: dict[_Key, list[int]] = {}
        for (hour, configuration_id, values), tally in self._alike.items():
            _add(hours, (hour, int(Dimension.TOTAL), "", configuration_id), tally)
            tags: dict[str, None] = {}
            for dimension, value in values:
                if dimension is Dimension.TAG:
                    tags[self._told_apart(hour, configuration_id, value)] = None
                else:
                    _add(hours, (hour, int(dimension), value, configuration_id), tally)
            for tag in tags:
                _add(hours, (hour, int(Dimension.TAG), tag, configuration_id), tally)
        return hours

    def _told_apart(self, hour: int, configuration_id: str, tag: str) -> str:
        """Return *tag* if it is among the first of its day, else nothing: it stays as it is."""
        day = day_of(hour)
        known = self._tags.get((day, configuration_id))
        if known is None:
            rows = self._connection.execute(
                sa.select(statistics.c.value).where(
                    statistics.c.granularity == DAYS,
                    statistics.c.start_hour == day,
                    statistics.c.dimension == int(Dimension.TAG),
                    statistics.c.configuration_id == configuration_id,
                )
            )
            known = self._tags[day, configuration_id] = {row[0] for row in rows} - {""}
        if tag not in known:
            if len(known) >= self._max_tags:
                return ""
            known.add(tag)
        return tag


def _add(tallies: dict[_Key, list[int]], key: _Key, tally: Sequence[int]) -> None:
    known = tallies.get(key)
    tallies[key] = [*tally] if known is None else [a + b for a, b in zip(known, tally, strict=True)]


def day_of(hour: int) -> int:
    """Return the hour with which the day of *hour* begins."""
    return hour - hour % HOURS_OF_DAY
