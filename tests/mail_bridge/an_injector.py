"""An injector as a process: killed, frozen and started again."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from examples.pair import HOST, free_ports, running_service


class AnInjector:
    """Where it is, whether it runs or not."""

    def __init__(self, data: Path) -> None:
        self.address = f"{HOST}:{free_ports(1)}"
        self._data = data
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"--grpc={self.address}", f"--data={self._data}", "--log-level=error"]
        self._process = self._stack.enter_context(
            running_service("injector-service", options, ready_at=self.address)
        )

    def start_again(self) -> None:
        """Start it if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """Kill it, as the system does when memory is short."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        """Have it do nothing, with its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def end(self) -> None:
        """End it, whatever it does."""
        self.thaw()
        self.kill()
        self._stack.close()


@contextlib.contextmanager
def an_injector(data: Path) -> Iterator[AnInjector]:
    """Lend one that runs."""
    injector = AnInjector(data)
    try:
        injector.start()
        yield injector
    finally:
        injector.end()
