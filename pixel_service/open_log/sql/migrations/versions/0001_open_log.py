"""Create the open log."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Wakes the readers in other processes.  A trigger and not a call by the writer, so
# that no writer can forget it.  One per statement: a batch is one statement.
POSTGRES_NEWS_FUNCTION = """
CREATE FUNCTION opens_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('emailopens_opens', pg_current_xact_id()::text);
  RETURN NULL;
END
$$
"""
POSTGRES_NEWS_TRIGGER = """
CREATE TRIGGER opens_tell AFTER INSERT ON opens
FOR EACH STATEMENT EXECUTE FUNCTION opens_tell()
"""


def upgrade() -> None:
    """Create the tables, and give the log its identity."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    open_log = _create_open_log()
    _create_opens(is_postgres=is_postgres)
    _create_open_counts()
    _create_open_subscriptions()
    system_identifier = ""
    if is_postgres:
        _prepare_postgres()
        system_identifier = str(
            op.get_bind().scalar(sa.text("SELECT system_identifier FROM pg_control_system()"))
        )
    _identify(open_log, system_identifier)


def _create_open_log() -> sa.Table:
    return op.create_table(
        "open_log",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("log_id", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("cursor_key", sa.LargeBinary, nullable=False),
        sa.Column("trimmed_transaction", sa.BigInteger, nullable=False),
        sa.Column("trimmed_sequence", sa.BigInteger, nullable=False),
        sa.Column("counted_sequence", sa.BigInteger, nullable=False),
        sa.Column("system_identifier", sa.Text, nullable=False),
    )


def _create_opens(*, is_postgres: bool) -> None:
    op.create_table(
        "opens",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=not is_postgres,
        ),
        sa.Column("transaction_id", sa.BigInteger, nullable=False),
        sa.Column("recorded_us", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False, unique=True),
        sa.Column("configuration_id", sa.Text, nullable=False),
        sa.Column("agent", sa.Integer, nullable=False),
        sa.Column("confidence", sa.Integer, nullable=False),
        sa.Column("open_number", sa.Integer, nullable=False),
        sa.Column("burst", sa.Integer, nullable=False),
        sa.Column("message_key", sa.LargeBinary),
        sa.Column("notification", sa.LargeBinary, nullable=False),
    )


def _create_open_counts() -> None:
    op.create_table(
        "open_counts",
        sa.Column("message_key", sa.LargeBinary, primary_key=True),
        sa.Column("configuration_id", sa.Text, primary_key=True),
        sa.Column("opens", sa.Integer, nullable=False),
        sa.Column("bursts", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_open_subscriptions() -> None:
    op.create_table(
        "open_subscriptions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("configuration_ids", sa.JSON, nullable=False),
        sa.Column("exclude_agents", sa.JSON, nullable=False),
        sa.Column("min_confidence", sa.Integer, nullable=False),
        sa.Column("first_open_only", sa.Boolean, nullable=False),
        sa.Column("acknowledged_transaction", sa.BigInteger, nullable=False),
        sa.Column("acknowledged_sequence", sa.BigInteger, nullable=False),
        sa.Column("create_us", sa.BigInteger, nullable=False),
        sa.Column("acknowledge_us", sa.BigInteger, nullable=False),
        sa.Column("consumer_name", sa.Text, nullable=False),
        sa.Column("session_token", sa.Text, nullable=False),
    )


def _identify(open_log: sa.Table, system_identifier: str) -> None:
    op.bulk_insert(
        open_log,
        [
            {
                "id": 1,
                "log_id": secrets.token_hex(16),
                "epoch": 1,
                "cursor_key": secrets.token_bytes(32),
                "trimmed_transaction": 0,
                "trimmed_sequence": 0,
                "counted_sequence": 0,
                "system_identifier": system_identifier,
            }
        ],
    )


def _prepare_postgres() -> None:
    """Number the opens, order them by transaction, announce new ones."""
    op.execute("CREATE SEQUENCE opens_sequence OWNED BY opens.sequence")
    op.execute("ALTER TABLE opens ALTER sequence SET DEFAULT nextval('opens_sequence')")
    op.execute(
        "ALTER TABLE opens ALTER transaction_id SET DEFAULT pg_current_xact_id()::text::bigint"
    )
    # Listed by ID, in the order of its octets, whatever the database's language.
    op.execute('ALTER TABLE open_subscriptions ALTER id TYPE text COLLATE "C"')
    op.create_primary_key("opens_pkey", "opens", ["transaction_id", "sequence"])
    op.create_index("opens_recorded_us", "opens", ["recorded_us"])
    op.execute(POSTGRES_NEWS_FUNCTION)
    op.execute(POSTGRES_NEWS_TRIGGER)


def downgrade() -> None:
    """Remove everything, opens included."""
    for table in ("open_subscriptions", "open_counts", "opens", "open_log"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION opens_tell()")
