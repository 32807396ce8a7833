"""The pixel service on a disk that breaks; run with `python -m`, and the service's arguments.

From SIGUSR1 until SIGUSR2 nothing can be synced.
"""

import errno
import os
import signal
from collections.abc import Callable

from pixel_service.cli.main import main


def serve_on_breaking_disk() -> None:
    is_broken = False

    def tell(number: int, _: object) -> None:
        nonlocal is_broken
        is_broken = number == signal.SIGUSR1

    def breakable(sync: Callable[[int], None]) -> Callable[[int], None]:
        def call(descriptor: int) -> None:
            if is_broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(descriptor)

        return call

    os.fsync, os.fdatasync = breakable(os.fsync), breakable(os.fdatasync)  # type: ignore[assignment] # as they are called here
    signal.signal(signal.SIGUSR1, tell)
    signal.signal(signal.SIGUSR2, tell)
    main()


if __name__ == "__main__":
    serve_on_breaking_disk()
