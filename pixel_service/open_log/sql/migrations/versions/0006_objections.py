"""Keep who has objected."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the table of objections."""
    op.create_table(
        "open_objections",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("subject", sa.Integer, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Forget who has objected."""
    op.drop_table("open_objections")
