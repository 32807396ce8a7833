"""How many messages were tracked, as injector services said last."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from pixel_service.open_log.sql.statistics.state import State, locked_state
from pixel_service.open_log.sql.statistics.tallies import DAYS, HOUR_US, HOURS, day_of
from pixel_service.open_log.sql.statistics.upserting import upsert
from pixel_service.open_log.sql.tables import tracked_counts, tracked_sources
from pixel_service.open_log.statistics import TrackedCount, TrackedPage

# Counts that are looked up with one statement: four parameters each.
_LOOKUP: Final = 100


def revision_of(connection: sa.Connection, source_id: str) -> int:
    """Return up to which revision the counts of a source are here; 0: none are."""
    revision = connection.execute(
        sa.select(tracked_sources.c.revision).where(tracked_sources.c.source_id == source_id)
    ).scalar_one_or_none()
    return revision or 0


def tracked_until_us(connection: sa.Connection, state: State) -> int | None:
    """Return up to when the counts of every source are here; None without sources.

    One that has said nothing for as long as hours are kept is none any more.
    """
    found: int | None = connection.execute(
        sa.select(sa.func.min(tracked_sources.c.counted_us)).where(
            tracked_sources.c.counted_us >= state.first_hour * HOUR_US
        )
    ).scalar_one()
    return found


def set_tracked(connection: sa.Connection, page: TrackedPage, *, counted_us: int) -> bool:
    """Replace counts of a source; return false, and do nothing, if they do not follow."""
    # Whatever forgets counts must not do so in between.
    state = locked_state(connection)
    if revision_of(connection, page.source_id) != page.after_revision:
        return False
    # What is older was added to its day, and is not here any more to be replaced.
    kept = [each for each in page.counts if each.start_hour >= state.first_hour]
    _replace(connection, page.source_id, kept)
    upsert(
        connection,
        tracked_sources,
        [(page.source_id, page.revision, counted_us)],
        is_added=False,
    )
    return True


def _replace(connection: sa.Connection, source_id: str, counts: Sequence[TrackedCount]) -> None:
    hours: dict[tuple[int, str, int, str], int] = {
        (int(each.dimension), each.value, each.start_hour, each.configuration_id): each.messages
        for each in counts
    }
    known = _known(connection, source_id, sorted(hours))
    days: dict[tuple[int, str, int, str], int] = {}
    for key, messages in hours.items():
        dimension, value, hour, configuration_id = key
        day = (dimension, value, day_of(hour), configuration_id)
        days[day] = days.get(day, 0) + messages - known.get(key, 0)
    for granularity, tallies, is_added in ((HOURS, hours, False), (DAYS, days, True)):
        rows = [(granularity, *key, source_id, messages) for key, messages in tallies.items()]
        upsert(connection, tracked_counts, sorted(rows), is_added=is_added)


def _known(
    connection: sa.Connection, source_id: str, keys: Sequence[tuple[int, str, int, str]]
) -> dict[tuple[int, str, int, str], int]:
    place = (
        tracked_counts.c.dimension,
        tracked_counts.c.value,
        tracked_counts.c.start_hour,
        tracked_counts.c.configuration_id,
    )
    known = {}
    for start in range(0, len(keys), _LOOKUP):
        rows = connection.execute(
            sa.select(*place, tracked_counts.c.messages_tracked).where(
                tracked_counts.c.granularity == HOURS,
                tracked_counts.c.source_id == source_id,
                sa.tuple_(*place).in_(keys[start : start + _LOOKUP]),
            )
        )
        for *key, messages in rows:
            dimension, value, hour, configuration_id = key
            known[dimension, value, hour, configuration_id] = messages
    return known
