"""A log that was dumped and restored into another PostgreSQL cluster.

Transactions are numbered anew there, so the stored numbers mean nothing: readers would
wait for the new cluster to reach them.  The log is given new positions, all before
what comes, and a new epoch, which makes cursors of the old positions foreign.
"""

from typing import Final

import sqlalchemy as sa

_IS_RESTORED: Final = (
    "SELECT system_identifier <> (SELECT system_identifier::text FROM pg_control_system()) "
    "FROM open_log"
)

# A subscription goes on with the first open, by the new order, that it has not
# acknowledged by the old one: some come twice, none is missed.
_MOVE_SUBSCRIPTIONS: Final = """
UPDATE open_subscriptions s SET
  acknowledged_transaction = 0,
  acknowledged_sequence = coalesce(
    (SELECT min(o.sequence) - 1 FROM opens o
     WHERE (o.transaction_id, o.sequence) > (s.acknowledged_transaction, s.acknowledged_sequence)),
    (SELECT max(o.sequence) FROM opens o),
    (SELECT trimmed_sequence FROM open_log)),
  session_token = '',
  stream_owner = ''
"""

# So does a webhook.
_MOVE_WEBHOOKS: Final = """
UPDATE open_webhooks w SET
  delivered_transaction = 0,
  delivered_sequence = coalesce(
    (SELECT min(o.sequence) - 1 FROM opens o
     WHERE (o.transaction_id, o.sequence) > (w.delivered_transaction, w.delivered_sequence)),
    (SELECT max(o.sequence) FROM opens o),
    (SELECT trimmed_sequence FROM open_log)),
  revision = revision + 1,
  lease_owner = ''
"""
_MOVE_SKIPS: Final = """
UPDATE open_webhook_skips SET
  transaction_id = 0, before_transaction = 0, before_sequence = sequence - 1
"""
# Opens are in the order of their sequence numbers now.  Those that are not counted, and would
# come before others that are, come after all: they are few, written at the same moment.
_MOVE_UNCOUNTED: Final = """
WITH late AS (
  SELECT o.transaction_id, o.sequence,
         row_number() OVER (ORDER BY o.transaction_id, o.sequence) AS place
  FROM opens o, open_statistics_state s
  WHERE (o.transaction_id, o.sequence) > (s.transaction_id, s.sequence) AND o.sequence < (
    SELECT max(c.sequence) FROM opens c
    WHERE (c.transaction_id, c.sequence) <= (s.transaction_id, s.sequence))
)
UPDATE opens o SET sequence = late.place + (SELECT max(sequence) FROM opens)
FROM late WHERE o.transaction_id = late.transaction_id AND o.sequence = late.sequence
"""
_GO_ON_NUMBERING: Final = (
    "SELECT setval('opens_sequence', "
    "greatest(last_value, (SELECT max(sequence) FROM opens)), is_called) FROM opens_sequence"
)

# Of two opens of a message another one may be the first now: the walk finds out.
_MOVE_STATISTICS: Final = """
UPDATE open_statistics_state s SET
  transaction_id = 0,
  sequence = coalesce((SELECT max(o.sequence) FROM opens o
                       WHERE (o.transaction_id, o.sequence) <= (s.transaction_id, s.sequence)), 0),
  repair_transaction = 0,
  repair_sequence = 0
"""
_MOVE_HOLDERS: Final = (
    "UPDATE open_statistics_messages SET least_transaction = 0, most_transaction = 0"
)

# Before everything: in the new order nothing was trimmed.
_MOVE_TRIMMED: Final = """
UPDATE open_log SET
  trimmed_transaction = 0,
  trimmed_sequence = coalesce((SELECT min(sequence) - 1 FROM opens), trimmed_sequence),
  epoch = epoch + 1,
  system_identifier = (SELECT system_identifier::text FROM pg_control_system())
"""


def is_restored(connection: sa.Connection) -> bool:
    """Return whether the log was written in another cluster than this one."""
    return bool(connection.exec_driver_sql(_IS_RESTORED).scalar_one())


def adopt(connection: sa.Connection) -> None:
    """Give a restored log positions that mean something here."""
    connection.exec_driver_sql(_MOVE_SUBSCRIPTIONS)
    connection.exec_driver_sql(_MOVE_WEBHOOKS)
    connection.exec_driver_sql(_MOVE_SKIPS)
    for statement in (_MOVE_UNCOUNTED, _GO_ON_NUMBERING, _MOVE_STATISTICS, _MOVE_HOLDERS):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("UPDATE opens SET transaction_id = 0")
    connection.exec_driver_sql(_MOVE_TRIMMED)
