"""One process of a service, as the one that has started it sees it, and as it sees itself."""

import asyncio
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from service_runtime.background import kept_running
from service_runtime.drain import Drain
from service_runtime.process import STOP_SIGNALS

# Started afresh and not forked: neither gRPC nor SQLite survives a fork.
_SPAWN: Final = multiprocessing.get_context("spawn")

# What a process has beyond its grace to end by itself.
_LAST_SECONDS: Final = 5.0

# How often a process says that its event loop runs.
_BEAT: Final = b"."
_BEAT_SECONDS: Final = 1.0
_MOST_BEATS: Final = 4_096

# How a process is told to end.  Not by SIGTERM: service managers send that to all processes
# at once, and their order is the parent's business.
END: Final = signal.SIGUSR1

# How a process is told that its successor is ready: it lets clients go over, and ends.
LEAVE: Final = signal.SIGHUP


class Report:
    """What a process tells the one that has started it."""

    def __init__(
        self, connection: "Connection[str, str]", pulse: "Connection[bytes, bytes]"
    ) -> None:
        self._connection = connection
        self._pulse = pulse

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Say that everything is served, and inside the block that it goes on."""
        self._send("")
        async with kept_running("pulse", self._beat):
            yield

    async def _beat(self) -> None:
        # A parent that does not read must not keep us: what does not fit is left out.
        os.set_blocking(self._pulse.fileno(), False)
        while True:
            with contextlib.suppress(OSError):
                os.write(self._pulse.fileno(), _BEAT)
            await asyncio.sleep(_BEAT_SECONDS)

    def refuse(self, reason: str) -> None:
        """Say that it cannot run as it was told: starting it again would not help."""
        self._send(reason or "for no reason that it says")

    def _send(self, text: str) -> None:
        # Nobody hears it when the parent has gone.
        with contextlib.suppress(OSError):
            self._connection.send(text)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process of the service."""

    name: str
    work: Callable[[Report], None]
    """What it does: a function of a module, or a partial of one."""

    overlaps: bool
    """Whether its successor may start before it has ended."""

    ends_last: bool = False
    """Whether it goes on until all others have ended."""


class Child:
    """One process, from its start to its end."""

    def __init__(self, worker: Worker) -> None:
        self._loop = asyncio.get_running_loop()
        self._inbox, outbox = _SPAWN.Pipe(duplex=False)
        self._pulse, pulse = _SPAWN.Pipe(duplex=False)
        os.set_blocking(self._pulse.fileno(), False)
        self._process = _SPAWN.Process(
            target=_work, args=(worker.work, outbox, pulse), name=worker.name
        )
        self._process.start()
        outbox.close()
        pulse.close()
        self._silent_looks = 0
        self.refusal = ""
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._inbox.fileno(), self._hear)
        self._loop.add_reader(self._process.sentinel, self._end)

    async def wait_for_change(self, ending: "asyncio.Future[Any]") -> None:
        """Return when it is ready, or has ended, or when *ending* is done."""
        awaited: set[asyncio.Future[Any]] = (
            {self.ended, ending} if self.ready.done() else {self.ended, self.ready, ending}
        )
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def is_silent(self, *, looks: int) -> bool:
        """Look at the pulse; return whether there was none at that many looks in a row.

        Looks and not seconds: whoever looks may have stood still, too.
        """
        try:
            has_pulse = bool(os.read(self._pulse.fileno(), _MOST_BEATS))
        except OSError:
            has_pulse = False
        is_expected = self.ready.done() and not self.ended.done()
        self._silent_looks = self._silent_looks + 1 if is_expected and not has_pulse else 0
        return self._silent_looks >= looks

    def end_at_once(self) -> None:
        """End it without asking, and without waiting for that."""
        if self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGKILL)

    def _hear(self) -> None:
        try:
            self.refusal = self._inbox.recv()
        except (EOFError, OSError):
            self._loop.remove_reader(self._inbox.fileno())
            return
        if not self.refusal and not self.ready.done():
            self.ready.set_result(None)

    def _end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        while not self._inbox.closed and self._inbox.poll():
            try:
                self.refusal = self._inbox.recv()
            except (EOFError, OSError):
                break
        self._loop.remove_reader(self._inbox.fileno())
        self._inbox.close()
        self._pulse.close()
        self._process.join()
        if not self.ended.done():
            self.ended.set_result(None)

    async def stop(self, number: signal.Signals, drain: Drain) -> None:
        """End it with a signal; if it does not end within its grace, without asking."""
        if not self.ended.done() and self._process.pid is not None:
            os.kill(self._process.pid, number)
            seconds = 2 * drain.grace.total_seconds() + _LAST_SECONDS
            await asyncio.wait({self.ended}, timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if not self.ended.done():
            self._process.kill()
            self._end()


def _work(
    work: Callable[[Report], None],
    connection: "Connection[str, str]",
    pulse: "Connection[bytes, bytes]",
) -> None:
    """Be a worker."""
    # What stops the service reaches the whole group; the parent says when to end, once.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    work(Report(connection, pulse))


def _end_with(sentinel: int) -> None:
    """Ask this process to end when its parent is gone: nobody would replace it."""
    wait([sentinel])
    os.kill(os.getpid(), END)
