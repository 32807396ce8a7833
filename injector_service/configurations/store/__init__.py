"""Configurations in a database: SQLite or PostgreSQL, by the same statements.

Read `store` first.  It and `tracking`, which counts in the same database, are the only rooms
of this service that import SQLAlchemy.
"""

from injector_service.configurations.store.connecting import connect
from injector_service.configurations.store.engine import answering
from injector_service.configurations.store.store import ConfigurationStore, Written

__all__ = ["ConfigurationStore", "Written", "answering", "connect"]
