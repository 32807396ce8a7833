"""Configurations in a database: SQLite or PostgreSQL, by the same statements.

Read `store` first.  The only room of this service that imports SQLAlchemy.
"""

from injector_service.configurations.store.connecting import connect
from injector_service.configurations.store.store import ConfigurationStore, Written

__all__ = ["ConfigurationStore", "Written", "connect"]
