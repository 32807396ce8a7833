"""The table, as the migrations of the configurations' database make it."""

import sqlalchemy as sa

metadata = sa.MetaData()

# One row; its key is empty before a pixel service has said anything.
objections = sa.Table(
    "injector_objections",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("change", sa.BigInteger, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    # One after the other, as they are read and written.
    sa.Column("digests", sa.LargeBinary, nullable=False),
)
