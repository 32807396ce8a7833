"""The page in a process of its own, beside those that serve pixels and record."""

import asyncio
import contextlib
import os
import signal
from http import HTTPStatus
from pathlib import Path

import aiohttp

from examples.pair import HOST, free_ports
from tests.pixel.test_workers import Service, children_of


def has_files_in(pid: int, folder: Path) -> bool:
    """Return whether the process *pid* has a file below *folder* open."""
    for each in Path(f"/proc/{pid}/fd").iterdir():
        # It may be closed since it was listed.
        with contextlib.suppress(FileNotFoundError):
            if each.readlink().is_relative_to(folder):
                return True
    return False


def page_process_of(pid: int, folder: Path) -> int:
    """Return the page process of a supervisor: the one that has no file of the data folder open."""
    (found,) = (
        child
        for child in children_of(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        and not has_files_in(child, folder)
    )
    return found


async def shown(address: str) -> str:
    """Return what the page finds, as soon as it and what it calls are served."""
    while True:
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with aiohttp.ClientSession() as browser:
                headers = {"Origin": f"http://{address}"}
                form = {"by": "message_id", "text": "m1"}
                async with browser.post(
                    f"http://{address}/messages", data=form, headers=headers
                ) as response:
                    if response.status == HTTPStatus.OK:
                        return await response.text()
        # There is nothing to wait for but the next attempt.
        await asyncio.sleep(0.05)


async def test_second_instance_takes_over_the_page(tmp_path: Path) -> None:
    """It serves at the same address, and shows what both have recorded."""
    first, second = Service(tmp_path, workers=1), Service(tmp_path, workers=1)
    second.http = first.http
    page = f"{HOST}:{free_ports(1)}"
    options = ("--reuse-port", f"--page={page}")
    async with contextlib.AsyncExitStack() as ending:
        await ending.enter_async_context(first.running(*options))
        assert await first.fetch("m1")
        await first.streamed(wanted=["m1"])
        async with second.running(*options, is_ready=False):
            await second.ask(second.admins[0])
            await ending.aclose()
            await second.streamed(wanted=["m1"])
            assert "1 message found" in await shown(page)


async def test_page_that_dies_is_started_again_and_nothing_else_notices(tmp_path: Path) -> None:
    """It calls the log process as any client does, and no pixel waits for it."""
    service = Service(tmp_path, workers=1)
    page = f"{HOST}:{free_ports(1)}"
    async with service.running(f"--page={page}") as process:
        assert "0 messages found" in await shown(page)
        os.kill(page_process_of(process.pid, tmp_path), signal.SIGKILL)
        assert await service.fetch("m1")
        await service.streamed(wanted=["m1"])
        assert "1 message found" in await shown(page)
