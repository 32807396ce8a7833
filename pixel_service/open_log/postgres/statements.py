"""The statements that read and trim a log on PostgreSQL.

The rules of their order are in the package's own docstring.
"""

from typing import Final

# Rule 2: what is below it can be read.
HORIZON: Final = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

# The outer row is always there, so that one round trip also tells what was trimmed.
ENTRIES: Final = f"""
SELECT o.transaction_id, o.sequence, o.configuration_id, o.agent, o.confidence, o.open_number,
       o.burst, o.notification, l.trimmed_transaction, l.trimmed_sequence
FROM open_log l LEFT JOIN LATERAL (
  SELECT * FROM opens
  WHERE (transaction_id, sequence) > ($1, $2) AND transaction_id < {HORIZON}
  ORDER BY transaction_id, sequence LIMIT $3
) o ON true
ORDER BY o.transaction_id, o.sequence
"""  # noqa: S608 - constants only

# With what follows the notification in ENTRIES, so that both have one reader.
EARLIER_ENTRIES: Final = f"""
SELECT transaction_id, sequence, configuration_id, agent, confidence, open_number, burst,
       notification, 0, 0
FROM opens
WHERE (transaction_id, sequence) <= ($1, $2) AND transaction_id < {HORIZON}
ORDER BY transaction_id DESC, sequence DESC LIMIT $3
"""  # noqa: S608 - constants only

ENDS: Final = f"""
SELECT l.trimmed_transaction, l.trimmed_sequence, o.transaction_id, o.sequence
FROM open_log l LEFT JOIN LATERAL (
  SELECT transaction_id, sequence FROM opens WHERE transaction_id < {HORIZON}
  ORDER BY transaction_id DESC, sequence DESC LIMIT 1
) o ON true
"""  # noqa: S608 - constants only

# Also of those that readers may not see yet: whoever erases must not miss them.
LAST: Final = """
SELECT transaction_id, sequence FROM opens
ORDER BY transaction_id DESC, sequence DESC LIMIT 1
"""

END_TIMES: Final = f"""
SELECT (SELECT recorded_us FROM opens WHERE transaction_id < {HORIZON}
        ORDER BY transaction_id, sequence LIMIT 1),
       (SELECT recorded_us FROM opens WHERE transaction_id < {HORIZON}
        ORDER BY transaction_id DESC, sequence DESC LIMIT 1)
"""  # noqa: S608 - constants only

# Transactions take their number after their statement has begun, so among those
# recorded since a time the lowest position need not be the earliest record; but it
# is among those recorded soon after.  No statement of ours runs for 20 s.
POSITION_AT: Final = """
WITH earliest AS (
  SELECT recorded_us FROM opens WHERE recorded_us >= $1 ORDER BY recorded_us LIMIT 1
)
SELECT transaction_id, sequence FROM opens
WHERE recorded_us >= (SELECT recorded_us FROM earliest)
  AND recorded_us <= (SELECT recorded_us FROM earliest) + 20000000
ORDER BY transaction_id, sequence LIMIT 1
"""

# Size without what is deleted and not yet vacuumed, which the tables' own size has:
# opens times what a row takes, with 120 octets for its indexes and counts.
OCTETS: Final = """
SELECT coalesce(avg(pg_column_size(o.*) + 120), 0)::bigint
FROM (SELECT * FROM opens ORDER BY transaction_id DESC, sequence DESC LIMIT 1000) o
"""

# Since when something recorded has waited for a transaction that is still running.
HELD_BACK: Final = f"""
SELECT coalesce(
  extract(epoch FROM clock_timestamp()) - min(recorded_us) / 1000000.0, 0)::float8
FROM opens WHERE transaction_id >= {HORIZON}
"""  # noqa: S608 - constants only

# First of what trims, because it locks what whoever changes statistics locks first.
NOTE_REMOVAL: Final = "UPDATE open_statistics_state SET changes = changes + 1"

TRIM_STEP: Final = """
WITH doomed AS (
  SELECT transaction_id, sequence, message_key, configuration_id, open_number FROM opens
  WHERE (transaction_id, sequence) <= ($1, $2) ORDER BY transaction_id, sequence LIMIT $3
), last AS (
  SELECT transaction_id, sequence FROM doomed ORDER BY transaction_id DESC, sequence DESC LIMIT 1
), gone AS (
  DELETE FROM opens o USING doomed d
  WHERE o.transaction_id = d.transaction_id AND o.sequence = d.sequence
), forgotten AS (
  DELETE FROM open_counts c USING doomed d
  WHERE c.message_key = d.message_key AND c.configuration_id = d.configuration_id
    AND c.opens = d.open_number
  RETURNING c.message_key, c.configuration_id
), unheld AS (
  DELETE FROM open_statistics_messages m USING forgotten f
  WHERE m.message_key = f.message_key AND m.configuration_id = f.configuration_id
), marked AS (
  UPDATE open_log SET trimmed_transaction = last.transaction_id, trimmed_sequence = last.sequence
  FROM last
), unlisted AS (
  DELETE FROM open_webhook_skips s USING last
  WHERE (s.transaction_id, s.sequence) <= (last.transaction_id, last.sequence)
)
SELECT count(*) FROM doomed
"""

STORED: Final = """
SELECT transaction_id, sequence, message_key, notification FROM opens
WHERE (transaction_id, sequence) > ($1, $2) ORDER BY transaction_id, sequence LIMIT $3
"""
