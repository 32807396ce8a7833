"""What the whole internet may do to a running service, over real sockets and processes."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.pixel.test_workers import Service, children_of

# A usual soft limit has 1,024 descriptors.
SILENT_CONNECTIONS = 1_300


@contextlib.contextmanager
def soft_limit(descriptors: int) -> Iterator[None]:
    """Let the processes that are started in the block begin with that many descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def descriptor_limit_of(pid: int) -> tuple[int, int]:
    """Return how many descriptors a process may have: the soft limit and the hard one."""
    return resource.prlimit(pid, resource.RLIMIT_NOFILE)


async def test_silent_connections_take_no_descriptor_that_is_needed(tmp_path: Path) -> None:
    """The soft limit of descriptors is raised: who connects and says nothing keeps nobody out."""
    service = Service(tmp_path, workers=1)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    host, port = service.http.split(":")
    async with contextlib.AsyncExitStack() as stack:
        with soft_limit(min(hard, 1_024)):
            supervisor = await stack.enter_async_context(service.running())
        for pid in children_of(supervisor.pid):
            assert descriptor_limit_of(pid) == (hard, hard)
        for _ in range(min(SILENT_CONNECTIONS, hard - 300)):
            stack.enter_context(socket.create_connection((host, int(port))))

        assert await service.fetch("m1")
        for admin in service.admins:
            await service.ask(admin)
