"""Remember who has objected to being tracked."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table, with a row that knows of nothing."""
    table = op.create_table(
        "injector_objections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("digests", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(table, [{"id": 1, "change": 0, "key": b"", "digests": b""}])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("injector_objections")
