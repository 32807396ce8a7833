"""Alembic's entry point: runs the steps on the connection that `schema.migrate` supplies."""

from alembic import context

from pixel_service.open_log.sql.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
