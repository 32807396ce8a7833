"""Remember up to where each journal is recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of journals."""
    op.create_table(
        "open_journals",
        sa.Column("journal_id", sa.Text, primary_key=True),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Forget the journals: what waits in them is recorded again, and skipped by event ID."""
    op.drop_table("open_journals")
