"""Processes and the one that keeps them running."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from service_runtime import workers
from service_runtime.drain import Drain
from service_runtime.process import run
from service_runtime.worker_process import END, Report, Worker
from service_runtime.workers import run_workers

# One that runs says so every second.
LOOKS = 4


def work(report: Report) -> None:
    """Serve nothing, until told to end."""

    async def serve(drain: Drain) -> None:
        async with report.serving():
            await drain.wait()

    run(serve, stop_signals=(END,))


def child() -> int | None:
    """Return the PID of the process that does the work, if there is one."""
    pid = os.getpid()
    for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        # It may go while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes():
                return int(each)
    return None


async def until_another(than: int | None) -> int:
    """Wait until another process than that one does the work; return its PID."""
    while True:
        found = child()
        if found is not None and found != than:
            return found
        await asyncio.sleep(0.02)


async def test_process_that_does_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspended or stuck: clients that the system gave to it would wait in vain."""
    monkeypatch.setattr(workers, "_SILENT_LOOKS", LOOKS)
    drain, is_ready = Drain(), asyncio.Event()
    running = asyncio.create_task(
        run_workers(
            [Worker(name="w", work=work, overlaps=True)],
            drain=drain,
            on_ready=is_ready.set,
            on_end=lambda: None,
            replacing=asyncio.Event(),
        )
    )
    await is_ready.wait()
    first = await until_another(None)
    os.kill(first, signal.SIGSTOP)
    second = await until_another(first)
    drain.begin()
    await running

    assert second != first
    assert child() is None
