"""The tables of a service: which version they are of, and how they become the newest.

A service has one folder with a step a file, named after its number (Alembic's scripts);
`env` is Alembic's entry point to them.  Imports SQLAlchemy and Alembic alone.
"""

from service_runtime.schema.schema import Schema, SchemaTooNew

__all__ = ["Schema", "SchemaTooNew"]
