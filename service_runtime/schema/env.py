"""Alembic's entry point: runs the steps on the connection that `Schema.upgrade` supplies."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():
    context.run_migrations()
