"""Mail servers that are unpacked and not installed: Debian has no place for two.

What such a server sees of the file system is its own: users that nobody else has, its libraries.
What everybody else sees stays as it is.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from examples.pair import HOST

# They start at once; these only end what hangs.
START_SECONDS: Final = 60
STOP_SECONDS: Final = 30


def write_users(folder: Path, users: Mapping[str, int]) -> None:
    """Write passwd and group into *folder*, with *users* and their groups of the same numbers."""
    for file, line in (
        ("passwd", "{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"),
        ("group", "{name}:x:{number}:\n"),
    ):
        own = "".join(line.format(name=name, number=number) for name, number in users.items())
        (folder / file).write_text(Path("/etc", file).read_text("utf-8") + own, "utf-8")


@contextlib.contextmanager
def running_unpacked(script: str, *, folder: Path, port: int) -> Iterator[None]:
    """Run *script* with mounts of its own inside the block, from when *port* is open on.

    Skips where nothing can be mounted.
    """
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - our own text
            ["unshare", "--mount", "bash", "-euc", script],  # noqa: S607 - the system's own
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        _wait_until_listening(process, port, folder / "said")
        yield
    finally:
        # With the processes that it has started, which may be in the middle of a delivery.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        said = log.read_text("utf-8", "replace")
        if process.poll() is not None and ("unshare" in said or "mount" in said):
            pytest.skip(f"nothing can be mounted here: {said}")
        assert process.poll() is None, said
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        assert time.monotonic() < deadline, said
        # Nothing tells when it listens.
        time.sleep(0.02)
