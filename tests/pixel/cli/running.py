"""`pixel-service` as a process, run to its end."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = Path(sys.executable).with_name("pixel-service")


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `pixel-service` with *arguments*; return exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


async def run_well(*arguments: str) -> str:
    """Run a command that must succeed; return its output."""
    status, output, errors = await run(*arguments)
    assert status == 0, errors
    return output
