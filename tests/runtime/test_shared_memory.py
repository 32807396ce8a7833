"""Memory that processes share is theirs together, where the system lets them."""

import errno
import multiprocessing
import os
from typing import NoReturn

import pytest

from service_runtime.shared_memory import SharedMemory


def _write(memory: SharedMemory, text: bytes) -> None:
    memory.octets[: len(text)] = text


def written_by_another(memory: SharedMemory) -> bytes:
    """Have another process write into *memory*; return what is there then."""
    process = multiprocessing.get_context("spawn").Process(target=_write, args=(memory, b"seen"))
    process.start()
    process.join()
    assert process.exitcode == 0
    return memory.octets[:4]


def test_processes_see_what_others_write() -> None:
    """It is empty at first, and what a process writes is there for the one that started it."""
    memory = SharedMemory(4_096)
    assert memory.octets[:] == bytes(4_096)

    assert written_by_another(memory) == b"seen"
    memory.close()


def test_where_nothing_can_be_shared_each_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that does not allow it keeps no service from running."""

    def refused(*_: object) -> NoReturn:
        raise OSError(errno.ENOSYS, "not here")

    monkeypatch.setattr(os, "memfd_create", refused)
    memory = SharedMemory(4_096)

    assert written_by_another(memory) == bytes(4)
    memory.close()
