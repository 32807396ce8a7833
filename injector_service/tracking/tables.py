"""The tables, as the migrations of the configurations' database make them."""

from typing import Final

import sqlalchemy as sa

metadata = sa.MetaData()

# Octet order on both backends; PostgreSQL would sort by its locale.
_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# One row.  Every write raises `revision` first, which makes writers wait for each other:
# whoever reads up to a revision misses none below it.
tracking_state = sa.Table(
    "injector_tracking_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

tracked_counts = sa.Table(
    "injector_tracked_counts",
    metadata,
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("configuration_id", _TEXT, primary_key=True),
    sa.Column("dimension", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", _TEXT, primary_key=True),
    sa.Column("messages", sa.BigInteger, nullable=False),
    # Each row has one of its own.
    sa.Column("revision", sa.BigInteger, nullable=False, index=True, unique=True),
)

# Which of its batches each process has written, so that one whose commit was not answered
# is not added twice.
tracking_writers = sa.Table(
    "injector_tracking_writers",
    metadata,
    sa.Column("writer_id", sa.Text, primary_key=True),
    sa.Column("batch", sa.BigInteger, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
)
