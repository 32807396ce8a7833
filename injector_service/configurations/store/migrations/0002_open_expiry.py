"""Let a configuration say after how many days opens are no longer recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the days: 0, for ever, in configurations from before."""
    op.add_column(
        "injector_configurations",
        sa.Column("open_expiry_days", sa.Integer, nullable=False, server_default="0"),
    )


def downgrade() -> None:
    """Forget the days."""
    op.drop_column("injector_configurations", "open_expiry_days")
