"""Keep which subscriptions are paused, who serves them, and how their streams ended."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what is known of their streams; no row is rewritten for it."""
    added = (
        sa.Column("pause_us", sa.BigInteger),
        sa.Column("stream_owner", sa.Text, nullable=False, server_default=""),
        sa.Column("end_us", sa.BigInteger),
        sa.Column("end_code", sa.Text, nullable=False, server_default=""),
        sa.Column("end_reason", sa.Text, nullable=False, server_default=""),
    )
    for column in added:
        op.add_column("open_subscriptions", column)
    op.create_table(
        "open_stream_owners",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("alive_us", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_table("open_stream_owners")
    for column in ("end_reason", "end_code", "end_us", "stream_owner", "pause_us"):
        op.drop_column("open_subscriptions", column)
