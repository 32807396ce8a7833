"""Appending to PostgreSQL: one statement for a batch, so one round trip and one sync."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from pixel_service.errors import LogUnavailable
from pixel_service.open_log.numbering import BurstWindow
from pixel_service.open_log.postgres.numbering_plan import plan_numbers, remember_bursts
from pixel_service.open_log.values import JournalPosition, OpenRecord

# How often a batch is tried again without those of its opens that are there
# already.  Once is enough unless the same opens are being appended elsewhere now.
_MAX_ATTEMPTS: Final = 5

# The counts are locked in the order of their keys, so that no two batches ever wait
# for each other at once.  The rows are in the batch's order (rule 5 of the package);
# `transaction_id` and `sequence` are defaults of their columns.
_APPEND: Final = """
WITH counted AS (
  INSERT INTO open_counts AS c (message_key, configuration_id, opens, bursts)
  SELECT * FROM unnest($1::bytea[], $2::text[], $3::int[], $4::int[])
  ON CONFLICT (message_key, configuration_id)
  DO UPDATE SET opens = c.opens + excluded.opens, bursts = c.bursts + excluded.bursts
  RETURNING message_key, configuration_id, opens, bursts
), inserted AS (
  INSERT INTO opens (recorded_us, event_id, configuration_id, agent, confidence, message_key,
                     notification, collapsed, open_number, burst)
  SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint,
         b.event_id, b.configuration_id, b.agent, b.confidence, b.message_key, b.notification,
         b.collapsed, coalesce(c.opens - b.opens_after, 0),
         CASE WHEN c.bursts IS NULL THEN 0
              WHEN b.burst BETWEEN 1 AND c.bursts THEN b.burst
              ELSE greatest(1, c.bursts - b.bursts_after) END
  FROM unnest($5::text[], $6::text[], $7::int[], $8::int[], $9::bytea[], $10::bytea[],
              $11::int[], $12::int[], $13::int[], $17::int[]) WITH ORDINALITY
       AS b (event_id, configuration_id, agent, confidence, message_key, notification,
             opens_after, burst, bursts_after, collapsed, place)
  LEFT JOIN counted c USING (message_key, configuration_id)
  ORDER BY b.place
), recorded AS (
  INSERT INTO open_journals (journal_id, segment, sequence)
  SELECT $14::text, $15::bigint, $16::bigint WHERE $14::text IS NOT NULL
  ON CONFLICT (journal_id)
  DO UPDATE SET segment = excluded.segment, sequence = excluded.sequence
)
SELECT message_key, configuration_id, bursts FROM counted
"""
_RECORDED: Final = """
INSERT INTO open_journals (journal_id, segment, sequence) VALUES ($1, $2, $3)
ON CONFLICT (journal_id) DO UPDATE SET segment = excluded.segment, sequence = excluded.sequence
"""
_THERE: Final = "SELECT event_id FROM opens WHERE event_id = ANY($1::text[])"


async def append(
    connection: asyncpg.Connection,
    opens: Sequence[OpenRecord],
    window: BurstWindow,
    journal: JournalPosition | None = None,
) -> None:
    """Append *opens* in one transaction, without those whose event ID is there.

    Raises:
        LogUnavailable: somebody else keeps appending the same opens.
    """
    left: Sequence[OpenRecord] = opens
    for _ in range(_MAX_ATTEMPTS):
        if not left:
            if journal is not None:
                await connection.execute(_RECORDED, *_values_of(journal))
            return
        try:
            await _append(connection, left, window, journal)
        except asyncpg.UniqueViolationError:
            left = await _without_duplicates(connection, left)
        else:
            return
    raise LogUnavailable("the same opens are being appended elsewhere")


async def _append(
    connection: asyncpg.Connection,
    opens: Sequence[OpenRecord],
    window: BurstWindow,
    journal: JournalPosition | None,
) -> None:
    plan = plan_numbers(opens, window)
    counted = await connection.fetch(
        _APPEND,
        [key for key, _ in plan.totals],
        [configuration_id for _, configuration_id in plan.totals],
        [total.opens for total in plan.totals.values()],
        [total.bursts for total in plan.totals.values()],
        [open_.event_id for open_ in opens],
        [open_.configuration_id for open_ in opens],
        [open_.agent for open_ in opens],
        [open_.confidence for open_ in opens],
        [open_.message_key for open_ in opens],
        [open_.notification if open_.notified else b"" for open_ in opens],
        [place.opens_after for place in plan.places],
        [place.burst for place in plan.places],
        [place.bursts_after for place in plan.places],
        *_values_of(journal),
        [open_.collapsed for open_ in opens],
    )
    bursts = {(key, configuration_id): count for key, configuration_id, count in counted}
    remember_bursts(opens, plan, bursts, window)


def _values_of(journal: JournalPosition | None) -> tuple[str | None, int, int]:
    """Return the parameters that write *journal*; the first is None to write nothing."""
    return (
        (None, 0, 0) if journal is None else (journal.journal_id, journal.segment, journal.sequence)
    )


async def _without_duplicates(
    connection: asyncpg.Connection, opens: Sequence[OpenRecord]
) -> list[OpenRecord]:
    rows = await connection.fetch(_THERE, [open_.event_id for open_ in opens])
    there = {row[0] for row in rows}
    fresh: dict[str, OpenRecord] = {}
    for open_ in opens:
        if open_.event_id not in there:
            fresh.setdefault(open_.event_id, open_)
    return list(fresh.values())
