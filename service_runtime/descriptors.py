"""File descriptors: as many as the system lets a process have."""

import contextlib
import resource
from typing import Final

# For everything but connections of strangers: segments, databases, pipes, operators' tools.
_RESERVED: Final = 200

# The least that is left for connections, however few descriptors there are.
_FEWEST_CONNECTIONS: Final = 50

# What no limit counts as, and the most that is asked for.
_ENOUGH: Final = 1_000_000


def raise_descriptor_limit() -> None:
    """Raise the soft limit of this process, and of those that it starts, to the hard one.

    The usual soft limit of 1,024 is for programs that use select(2).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS has limits that it does not name; then there is what there was.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def descriptors_for_connections() -> int:
    """Return how many connections a process may have with descriptors left for its work."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _ENOUGH
    return max(soft - _RESERVED, _FEWEST_CONNECTIONS)
