"""Keep which change of the objections was the last one."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the number of the last change; no row of an open is touched."""
    op.add_column(
        "open_log",
        sa.Column("objections_change", sa.BigInteger, nullable=False, server_default="0"),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_column("open_log", "objections_change")
