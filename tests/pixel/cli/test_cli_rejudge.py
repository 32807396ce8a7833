"""`pixel-service evidence rejudge` shows differences first, and writes what it is told to."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pixel_service.privacy import decode_open
from pixel_service.recording.notifying import opens_of
from tests.pixel.recording.kept_values import kept
from tests.pixel.service_values import StreamService, a_log, streaming

PROGRAM = str(Path(sys.executable).with_name("pixel-service"))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[StreamService]:
    async with a_log(tmp_path) as log, streaming(log) as running:
        for number in range(3):
            await log.append(opens_of(decode_open(kept(f"m{number}"))))
        yield running


async def rejudge(service: StreamService, *options: str) -> tuple[int, str, str]:
    """Return exit status, output and errors.

    Among the errors may be that the service is being waited for, on a machine that has much
    to do.
    """
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "evidence", "rejudge", f"--target={service.address}", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def test_differences_are_shown_before_anything_is_written(service: StreamService) -> None:
    """`--apply` finds what was shown without it, and writes it; then there is nothing to do."""
    shown = await rejudge(service)
    applied = await rejudge(service, "--apply")
    last = await rejudge(service)

    status, output, errors = shown
    assert status == 0
    assert re.search(r"^ +3  PERSON LOW +PERSON MEDIUM +\S+:0 \S+:0 \S+:0$", output, re.MULTILINE)
    assert "rejudged   3" in output
    assert "--apply does" in errors
    assert applied[:2] == (0, output)
    assert "--apply does" not in applied[2]
    assert "rejudged   0" in last[1]
    assert "changed    0" in last[1]


async def test_wrong_cursor_is_one_line(service: StreamService) -> None:
    """What is wrong is said, and the status is an error's."""
    status, output, errors = await rejudge(service, "--after-cursor=nonsense")

    assert status == 1
    assert output == ""
    said = [line for line in errors.splitlines() if not line.startswith("waiting for the service")]
    assert len(said) == 1
