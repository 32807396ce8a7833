"""What waits for the disk, and who waits for it."""

from collections.abc import Callable, Sequence

import structlog

from service_runtime.frames import frames_of

logger = structlog.get_logger()

Waiting = tuple[bytes | None, Callable[[], None] | None]
"""What to append, None: nothing; and who waits for it."""


class Mark(bytes):
    """What is appended and is no entry."""


def release(waiting: Sequence[Waiting]) -> None:
    """Tell everybody who waits that it is over."""
    for _, done in waiting:
        if done is None:
            continue
        try:
            done()
        except Exception as error:  # noqa: BLE001 - the others wait, and the journal goes on
            logger.error("journal's answer failed", frames=frames_of(error))  # noqa: TRY400 - its text may hold what was fetched
