"""How many messages were tracked: counted in memory, written to the database now and then.

Read `counter` first, which rewriting calls, then `writer`.  Imports of the configurations'
database how long it is waited for; knows neither messages nor the contract.
"""

from injector_service.tracking.counter import TrackedCounter
from injector_service.tracking.store import TrackedStore
from injector_service.tracking.values import Dimension, Page, TrackedKind
from injector_service.tracking.writer import TrackedWriter

__all__ = [
    "Dimension",
    "Page",
    "TrackedCounter",
    "TrackedKind",
    "TrackedStore",
    "TrackedWriter",
]
