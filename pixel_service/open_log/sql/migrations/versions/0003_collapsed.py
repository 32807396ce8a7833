"""Count fetches that are beyond their message's budget."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the count to opens; no row is rewritten for it."""
    op.add_column("opens", sa.Column("collapsed", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget the counts."""
    op.drop_column("opens", "collapsed")
