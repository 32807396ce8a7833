"""`pixel-service opens find` shows what SearchOpens finds."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.pixel.open_log.log_values import an_open_of, event_ids
from tests.pixel.service_values import a_log, streaming

PROGRAM = str(Path(sys.executable).with_name("pixel-service"))


async def find(address: str, *options: str) -> tuple[int, str, str]:
    """Find what the service at *address* holds; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "opens", "find", f"--target={address}", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def test_opens_are_found_and_the_next_call_goes_on(tmp_path: Path) -> None:
    """A line for each, and where to go on while there may be more."""
    opens = [an_open_of(subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=") for _ in range(3)]
    async with a_log(tmp_path) as log, streaming(log) as service:
        await log.append(opens)
        options = ("--subject=GRÜSSE", "--format=json", "--limit=2")
        status, output, errors = await find(service.address, *options)
        looked_at, going_on = errors.splitlines()
        cursor = going_on.removeprefix("go on with --before-cursor ")
        rest = await find(service.address, *options, f"--before-cursor={cursor}")

    lines = [*output.splitlines(), *rest[1].splitlines()]
    assert [json.loads(line)["eventId"] for line in lines] == event_ids(opens)[::-1]
    assert (status, looked_at) == (0, "3 opens looked at")
    assert (rest[0], rest[2]) == (0, "1 opens looked at\n")


async def test_one_thing_is_looked_for(tmp_path: Path) -> None:
    """Nothing, two things and what is no address are refused in a line."""
    async with a_log(tmp_path) as log, streaming(log) as service:
        nothing = await find(service.address)
        both = await find(service.address, "--message-id=m", "--subject=xy")
        nobody = await find(service.address, "--recipient=nobody")

    assert (nothing[0], both[0], nobody[0]) == (2, 2, 1)
    assert "say one of --message-id, --recipient and --subject" in nothing[2]
    assert "is not an address" in nobody[2]
