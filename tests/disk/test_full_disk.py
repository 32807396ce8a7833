"""File systems of real size that are full: pixels are answered, opens arrive afterwards.

Not part of a plain `pytest`: `make test-disk` runs it, as root.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixel_service.journal import Journals
from service_runtime.key_ring import write_key_ring
from tests.pixel.recording.test_outage import Load, until_answered
from tests.pixel.test_full_disk import until_said
from tests.pixel.test_workers import RING, Service

_DISK = "64m"

# A file is filled by writes of that many octets, and then of one.
_WRITE = 2**20


class Disk:
    """A small disk of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Leave no octet free for the time of the block."""
        with self._ballast.open("wb", buffering=0) as ballast:
            for octets in (bytes(_WRITE), bytes(4_096), bytes(1)):
                with contextlib.suppress(OSError):
                    while ballast.write(octets):
                        pass
        try:
            yield
        finally:
            self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False).returncode:  # noqa: S603 - the system's own
        pytest.skip("no file system can be mounted here; mount says why")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S603, S607 - the system's own


@pytest.fixture(params=["journal", "log", "both"])
def places(request: pytest.FixtureRequest, tmp_path: Path, disk: Disk) -> dict[str, Path]:
    """Say where the journal and the log are; one of them, or both, on the small disk."""
    places = {name: tmp_path / name for name in ("journal", "log")}
    small = places if request.param == "both" else [request.param]
    places |= {name: disk.folder / name for name in small}
    for folder in places.values():
        folder.mkdir()
    write_key_ring(places["journal"] / "token_keys", RING)
    return places


def options(places: dict[str, Path]) -> list[str]:
    return [f"--data={places['journal']}", f"--log-url=sqlite:///{places['log']}/opens.db"]


async def test_service_that_starts_on_a_full_disk_answers(
    tmp_path: Path, disk: Disk, places: dict[str, Path]
) -> None:
    """From the first second on, and all that it answered is streamed once there is space."""
    service = Service(tmp_path, workers=1)
    at_endpoint, at_log = service.admins
    load = Load(address=service.http, ring=RING)
    with contextlib.ExitStack() as stack:
        stack.enter_context(disk.full())
        async with service.running(*options(places), is_ready=False):
            await until_answered(service.http)
            async with load.running():
                await load.go_on(500)
                if places["log"].is_relative_to(disk.folder):
                    await until_said(at_log, "opens are recorded: no")
                if places["journal"].is_relative_to(disk.folder):
                    await until_said(at_endpoint, "opens are durable: no")
                files = len(list(disk.folder.rglob("*")))
                stack.close()
                await until_said(at_endpoint, "opens are durable: yes")
                await until_said(at_log, "opens are recorded: yes")
                await load.go_on(50)
            there = await service.streamed(wanted=[each for one in load.answered for each in one])

    load.assert_each_once_and_in_order(there)
    # However often writing has failed.
    assert files < 20


async def test_disk_that_fills_is_not_felt(
    tmp_path: Path, disk: Disk, places: dict[str, Path]
) -> None:
    """What is on it already has room: a segment; the log waits; afterwards everything arrives."""
    service = Service(tmp_path, workers=1)
    at_endpoint, at_log = service.admins
    load = Load(address=service.http, ring=RING)
    async with service.running(*options(places), is_ready=False):
        await until_answered(service.http)
        async with load.running():
            await until_said(at_log, "opens are recorded: yes")
            await load.go_on(50)
            with disk.full():
                for journal in Journals(places["journal"] / "journal").found():
                    # Which it cannot have.
                    with contextlib.suppress(OSError):
                        journal.ask_for_new_segment()
                if places["log"].is_relative_to(disk.folder):
                    await until_said(at_log, "opens are recorded: no")
                await load.go_on(500)
                await until_said(at_endpoint, "opens are durable: yes")
            await until_said(at_log, "opens are recorded: yes")
        there = await service.streamed(wanted=[each for one in load.answered for each in one])

    load.assert_each_once_and_in_order(there)
