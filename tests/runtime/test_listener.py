"""Connections that are accepted one by one, each with a place."""

import asyncio
import resource
import socket

import pytest
from structlog.testing import capture_logs

from service_runtime import listener
from service_runtime.listen import listening_sockets
from service_runtime.listener import CutOff, Listener

# Descriptors that are never free.
STANDARD_STREAMS = 3


class Greeting(asyncio.Protocol):
    """Says hello and goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"hello")
        transport.close()


def greet(_address: str | None, _cut_off: CutOff) -> asyncio.Protocol:
    return Greeting()


async def test_who_waits_while_descriptors_have_run_out_is_served_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it is lost, and the log says why nobody was let in."""
    monkeypatch.setattr(listener, "_PAUSE_SECONDS", 0.01)
    sockets = listening_sockets("127.0.0.1:0", backlog=5)
    accepting = Listener(sockets, greet, context=None, handshake_seconds=1)
    client = socket.create_connection(sockets[0].getsockname())
    client.setblocking(False)  # noqa: FBT003 - Python's own
    loop = asyncio.get_running_loop()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logs:
        # Not one that is free now: a thread may close another meanwhile.
        resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_STREAMS, before[1]))
        try:
            while not logs:  # noqa: ASYNC110 - nobody else tells
                await asyncio.sleep(0.001)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        said = await loop.sock_recv(client, 100)
    client.close()
    accepting.close()
    await accepting.end()

    assert said == b"hello"
    assert {each["event"] for each in logs} == {"no connection can be accepted"}
    assert {each["reason"] for each in logs} == {"Too many open files"}
