"""Count opens for statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COUNTS = (
    "opens",
    "first_opens",
    "person_opens",
    "machine_opens",
    "collapsed_opens",
    "opened_at_least",
    "opened_at_most",
)
_KEPT = (("changes", sa.BigInteger), ("first_hour", sa.Integer), ("first_day", sa.Integer))


def upgrade() -> None:
    """Create the tables; what the log holds is counted from its beginning."""
    op.create_table(
        "open_statistics",
        sa.Column("granularity", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("dimension", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("start_hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("configuration_id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "open_statistics_start",
        "open_statistics",
        ["granularity", "dimension", "start_hour", "configuration_id"],
    )
    op.create_table(
        "open_statistics_messages",
        sa.Column("message_key", sa.LargeBinary, primary_key=True),
        sa.Column("configuration_id", sa.Text, primary_key=True),
        sa.Column("least_transaction", sa.BigInteger, nullable=False),
        sa.Column("least_sequence", sa.BigInteger, nullable=False),
        sa.Column("most_transaction", sa.BigInteger, nullable=False),
        sa.Column("most_sequence", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    state = op.create_table(
        "open_statistics_state",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("transaction_id", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("counted_us", sa.BigInteger, nullable=False),
        sa.Column("repair_transaction", sa.BigInteger),
        sa.Column("repair_sequence", sa.BigInteger),
        *(sa.Column(name, kind, nullable=False) for name, kind in _KEPT),
    )
    numbers = ("transaction_id", "sequence", "counted_us", *(name for name, _ in _KEPT))
    op.bulk_insert(state, [{"id": 1, **dict.fromkeys(numbers, 0)}])
    _create_tracked()


def _create_tracked() -> None:
    op.create_table(
        "open_statistics_tracked",
        sa.Column("granularity", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("dimension", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("start_hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("configuration_id", sa.Text, primary_key=True),
        sa.Column("source_id", sa.Text, primary_key=True),
        sa.Column("messages_tracked", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "open_statistics_tracked_start",
        "open_statistics_tracked",
        ["granularity", "dimension", "start_hour"],
    )
    op.create_table(
        "open_statistics_sources",
        sa.Column("source_id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("counted_us", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Forget the counts."""
    for table in ("sources", "tracked", "state", "messages"):
        op.drop_table(f"open_statistics_{table}")
    op.drop_table("open_statistics")
