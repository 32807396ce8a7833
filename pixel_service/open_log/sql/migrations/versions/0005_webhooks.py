"""Keep webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of webhooks and of what they have skipped."""
    op.create_table(
        "open_webhooks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secrets", sa.JSON, nullable=False),
        sa.Column("body_format", sa.Integer, nullable=False),
        sa.Column("skips_refused", sa.Boolean, nullable=False),
        sa.Column("configuration_ids", sa.JSON, nullable=False),
        sa.Column("exclude_agents", sa.JSON, nullable=False),
        sa.Column("min_confidence", sa.Integer, nullable=False),
        sa.Column("first_open_only", sa.Boolean, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("delivered_transaction", sa.BigInteger, nullable=False),
        sa.Column("delivered_sequence", sa.BigInteger, nullable=False),
        sa.Column("fell_behind", sa.Boolean, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.Column("last_success_us", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("failed_attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_us", sa.BigInteger),
        sa.Column("lease_owner", sa.Text, nullable=False),
        sa.Column("lease_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "open_webhook_skips",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("webhook_id", sa.Text, nullable=False, index=True),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("transaction_id", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("before_transaction", sa.BigInteger, nullable=False),
        sa.Column("before_sequence", sa.BigInteger, nullable=False),
        sa.Column("skip_us", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Listed by ID, in the order of its octets, whatever the database's language.
        op.execute('ALTER TABLE open_webhooks ALTER id TYPE text COLLATE "C"')


def downgrade() -> None:
    """Forget the webhooks."""
    op.drop_table("open_webhook_skips")
    op.drop_table("open_webhooks")
