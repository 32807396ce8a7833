"""The tables, as the migrations make them.  Times are microseconds since 1970 UTC."""

from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData()

# One row.  `trimmed_*` is the position of the last open that retention removed; see
# `sqlite.counts` for `counted_sequence`.  The system identifier tells a PostgreSQL
# cluster from the one that it was restored from, whose transaction numbers mean
# nothing here.
open_log: Final = sa.Table(
    "open_log",
    metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
    sa.Column("log_id", sa.Text, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("cursor_key", sa.LargeBinary, nullable=False),
    sa.Column("trimmed_transaction", sa.BigInteger, nullable=False),
    sa.Column("trimmed_sequence", sa.BigInteger, nullable=False),
    sa.Column("counted_sequence", sa.BigInteger, nullable=False),
    sa.Column("system_identifier", sa.Text, nullable=False),
)

# One row per open and configuration, in the order of (transaction_id, sequence).
# An empty notification is an open that is only counted, or was erased.  On SQLite
# the transaction is 0 throughout, which takes one octet.
opens: Final = sa.Table(
    "opens",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("transaction_id", sa.BigInteger, nullable=False),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("configuration_id", sa.Text, nullable=False),
    sa.Column("agent", sa.Integer, nullable=False),
    sa.Column("confidence", sa.Integer, nullable=False),
    sa.Column("open_number", sa.Integer, nullable=False),
    sa.Column("burst", sa.Integer, nullable=False),
    sa.Column("message_key", sa.LargeBinary),
    sa.Column("notification", sa.LargeBinary, nullable=False),
    sa.Column("collapsed", sa.Integer, nullable=False, server_default="0"),
)

# What the next open of a message is numbered from.  A row goes when retention
# removes the message's last open.
open_counts: Final = sa.Table(
    "open_counts",
    metadata,
    sa.Column("message_key", sa.LargeBinary, primary_key=True),
    sa.Column("configuration_id", sa.Text, primary_key=True),
    sa.Column("opens", sa.Integer, nullable=False),
    sa.Column("bursts", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Up to where the journals of processes are recorded, those that are still there.
journals: Final = sa.Table(
    "open_journals",
    metadata,
    sa.Column("journal_id", sa.Text, primary_key=True),
    sa.Column("segment", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

# `session_token` is empty while no stream was ever given the subscription.
subscriptions: Final = sa.Table(
    "open_subscriptions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("configuration_ids", sa.JSON, nullable=False),
    sa.Column("exclude_agents", sa.JSON, nullable=False),
    sa.Column("min_confidence", sa.Integer, nullable=False),
    sa.Column("first_open_only", sa.Boolean, nullable=False),
    sa.Column("acknowledged_transaction", sa.BigInteger, nullable=False),
    sa.Column("acknowledged_sequence", sa.BigInteger, nullable=False),
    sa.Column("create_us", sa.BigInteger, nullable=False),
    sa.Column("acknowledge_us", sa.BigInteger, nullable=False),
    sa.Column("consumer_name", sa.Text, nullable=False),
    sa.Column("session_token", sa.Text, nullable=False),
)
