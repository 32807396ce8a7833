"""The pixel service on a disk that breaks; run with `python -m`, and the service's arguments.

From SIGUSR1 until SIGUSR2 nothing of the log can be read.
"""

import signal

from pixel_service.cli.main import main
from tests.pixel.open_log.lossy_disk import LossyDisk


def serve_on_breaking_disk() -> None:
    disk = LossyDisk()

    def tell(number: int, _: object) -> None:
        disk.is_unreadable = number == signal.SIGUSR1

    signal.signal(signal.SIGUSR1, tell)
    signal.signal(signal.SIGUSR2, tell)
    main()


if __name__ == "__main__":
    serve_on_breaking_disk()
