"""Count the messages that were tracked."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Octet order on both backends; PostgreSQL would sort by its locale.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables, and name the database."""
    state = op.create_table(
        "injector_tracking_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "source_id": secrets.token_hex(16), "revision": 0}])
    op.create_table(
        "injector_tracked_counts",
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("configuration_id", _TEXT, primary_key=True),
        sa.Column("dimension", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", _TEXT, primary_key=True),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "ix_injector_tracked_counts_revision", "injector_tracked_counts", ["revision"], unique=True
    )
    op.create_table(
        "injector_tracking_writers",
        sa.Column("writer_id", sa.Text, primary_key=True),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("hour", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Forget what was counted."""
    for table in (
        "injector_tracking_writers",
        "injector_tracked_counts",
        "injector_tracking_state",
    ):
        op.drop_table(table)
