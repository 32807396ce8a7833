"""Create the configurations, or take over those from before there were steps."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Octet order on both backends; PostgreSQL would sort by its locale.
_ID = sa.String(63).with_variant(sa.String(63, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables, unless a program without steps has."""
    if sa.inspect(op.get_bind()).has_table("injector_state"):
        # It made the same tables, of which there was one version.
        with op.batch_alter_table("injector_state") as state:
            state.drop_column("schema_version")
        return
    _create_state()
    _create_configurations()
    _create_senders()


def _create_state() -> None:
    state = op.create_table(
        "injector_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "generation": 0}])


def _create_configurations() -> None:
    op.create_table(
        "injector_configurations",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("open_notifications_enabled", sa.Boolean, nullable=False),
        sa.Column("open_statistics_enabled", sa.Boolean, nullable=False),
        sa.Column("pixel_base_url", sa.Text, nullable=False),
        sa.Column("pixel_placement", sa.Text, nullable=False),
        sa.Column("privacy_level", sa.Integer, nullable=False),
        sa.Column("notified_headers", sa.JSON, nullable=False),
        sa.Column("senders", sa.JSON, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("update_time_us", sa.BigInteger, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
    )


def _create_senders() -> None:
    op.create_table(
        "injector_senders",
        sa.Column("sender_key", sa.Text, primary_key=True),
        sa.Column(
            "configuration_id",
            _ID,
            sa.ForeignKey("injector_configurations.id", ondelete="CASCADE"),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_injector_senders_configuration_id", "injector_senders", ["configuration_id"]
    )


def downgrade() -> None:
    """Remove everything, configurations included."""
    for table in ("injector_senders", "injector_configurations", "injector_state"):
        op.drop_table(table)
