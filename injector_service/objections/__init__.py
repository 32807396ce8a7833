"""Which recipients have objected to being tracked, as a pixel service says.

Read `objected` first, which rewriting asks, then `follower`, which tells it. What is known is
kept in the configurations' database, so that a start needs no pixel service.
"""

from injector_service.objections.follower import Follower, following
from injector_service.objections.objected import NOBODY, Objected
from injector_service.objections.store import ObjectedStore

__all__ = ["NOBODY", "Follower", "Objected", "ObjectedStore", "following"]
