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
    sa.Column("objections_change", sa.BigInteger, nullable=False, server_default="0"),
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

# `session_token` is empty while no stream was ever given the subscription; `stream_owner` is
# whose process serves the stream that has it, and empty when none does.
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
    sa.Column("pause_us", sa.BigInteger),
    sa.Column("stream_owner", sa.Text, nullable=False, server_default=""),
    sa.Column("end_us", sa.BigInteger),
    sa.Column("end_code", sa.Text, nullable=False, server_default=""),
    sa.Column("end_reason", sa.Text, nullable=False, server_default=""),
)

# When each process that serves streams of subscriptions was last alive.
stream_owners: Final = sa.Table(
    "open_stream_owners",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("alive_us", sa.BigInteger, nullable=False),
)

# What one value of one dimension counts in an hour (granularity 0) or a day (1), which begins
# `start_hour` hours after 1970.  In this order, because a series of one value is read most.
statistics: Final = sa.Table(
    "open_statistics",
    metadata,
    sa.Column("granularity", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("dimension", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("start_hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("configuration_id", sa.Text, primary_key=True),
    sa.Column("opens", sa.BigInteger, nullable=False),
    sa.Column("first_opens", sa.BigInteger, nullable=False),
    sa.Column("person_opens", sa.BigInteger, nullable=False),
    sa.Column("machine_opens", sa.BigInteger, nullable=False),
    sa.Column("collapsed_opens", sa.BigInteger, nullable=False),
    sa.Column("opened_at_least", sa.BigInteger, nullable=False),
    sa.Column("opened_at_most", sa.BigInteger, nullable=False),
    # For short times of many values, for the tags of a day, and for retention.
    sa.Index("open_statistics_start", "granularity", "dimension", "start_hour", "configuration_id"),
    sqlite_with_rowid=False,
)

# The opens with which a message counts as opened, at least and at most; zero if there is none.
# A row goes when retention removes the message's last open.
statistics_messages: Final = sa.Table(
    "open_statistics_messages",
    metadata,
    sa.Column("message_key", sa.LargeBinary, primary_key=True),
    sa.Column("configuration_id", sa.Text, primary_key=True),
    sa.Column("least_transaction", sa.BigInteger, nullable=False),
    sa.Column("least_sequence", sa.BigInteger, nullable=False),
    sa.Column("most_transaction", sa.BigInteger, nullable=False),
    sa.Column("most_sequence", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# One row, locked by whoever changes statistics: `sql.statistics.state` says what is in it.
statistics_state: Final = sa.Table(
    "open_statistics_state",
    metadata,
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
    sa.Column("transaction_id", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("counted_us", sa.BigInteger, nullable=False),
    sa.Column("repair_transaction", sa.BigInteger),
    sa.Column("repair_sequence", sa.BigInteger),
    sa.Column("changes", sa.BigInteger, nullable=False),
    sa.Column("first_hour", sa.Integer, nullable=False),
    sa.Column("first_day", sa.Integer, nullable=False),
)

# How many messages an injector service's database (`source_id`) says were tracked.  The count
# of an hour is replaced by each newer one, and its day grows by the difference.
tracked_counts: Final = sa.Table(
    "open_statistics_tracked",
    metadata,
    sa.Column("granularity", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("dimension", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("start_hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("configuration_id", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("messages_tracked", sa.BigInteger, nullable=False),
    sa.Index("open_statistics_tracked_start", "granularity", "dimension", "start_hour"),
    sqlite_with_rowid=False,
)

# Up to which revision, and which time, the counts of a source are here.
tracked_sources: Final = sa.Table(
    "open_statistics_sources",
    metadata,
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("counted_us", sa.BigInteger, nullable=False),
)

# `secrets` is a list of [text, end in microseconds or null], the newest first.
webhooks: Final = sa.Table(
    "open_webhooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secrets", sa.JSON, nullable=False),
    sa.Column("body_format", sa.Integer, nullable=False),
    sa.Column("skips_refused", sa.Boolean, nullable=False),
    sa.Column("configuration_ids", sa.JSON, nullable=False),
    sa.Column("exclude_agents", sa.JSON, nullable=False),
    sa.Column("min_confidence", sa.Integer, nullable=False),
    sa.Column("first_open_only", sa.Boolean, nullable=False),
    sa.Column("state", sa.Integer, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("delivered_transaction", sa.BigInteger, nullable=False),
    sa.Column("delivered_sequence", sa.BigInteger, nullable=False),
    sa.Column("fell_behind", sa.Boolean, nullable=False),
    sa.Column("create_us", sa.BigInteger, nullable=False),
    sa.Column("last_success_us", sa.BigInteger),
    sa.Column("last_error", sa.Text, nullable=False),
    sa.Column("failed_attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_us", sa.BigInteger),
    sa.Column("lease_owner", sa.Text, nullable=False),
    sa.Column("lease_us", sa.BigInteger, nullable=False),
)

# A row goes with its open, and with its webhook.
webhook_skips: Final = sa.Table(
    "open_webhook_skips",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("webhook_id", sa.Text, nullable=False, index=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("transaction_id", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("before_transaction", sa.BigInteger, nullable=False),
    sa.Column("before_sequence", sa.BigInteger, nullable=False),
    sa.Column("skip_us", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
)

# Keys are keyed hashes of who has objected.
objections: Final = sa.Table(
    "open_objections",
    metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("subject", sa.Integer, nullable=False),
    sa.Column("create_us", sa.BigInteger, nullable=False),
)
