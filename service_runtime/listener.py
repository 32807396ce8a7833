"""Accepts connections each of which has its place before it has agreed on keys.

An event loop that serves TLS by itself shows a connection only after its handshake: whoever
begins thousands and ends none of them meets no limit.
"""

import asyncio
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

import structlog

# How long a connection that is closed waits for its client to agree; many never do.
_SHUTDOWN_SECONDS: Final = 2.0

# Accepted in one turn of the event loop; others wait no longer than that takes.
_MOST_AT_ONCE: Final = 100

# Where connections cannot be accepted, as a rule because descriptors have run out: until the
# next attempt.
_PAUSE_SECONDS: Final = 1.0

logger = structlog.get_logger()


CutOff = Callable[[], None]
"""Ends a connection as long as it has not been handed over."""

Admit = Callable[[str | None, CutOff], asyncio.Protocol | None]
"""Returns what speaks on a new connection from an address; None if there is no place for it.

If its handshake fails it is told of a connection that is lost without having been made.
"""


class Listener:
    """Accepts connections at sockets, and hands them over when keys are agreed on."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        admit: Admit,
        *,
        context: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        """Begin: accept at *sockets* until `close`, which closes them.

        Args:
            sockets: where connections wait.
            admit: says who may come in.
            context: what is served; None: nothing is to be agreed on.
            handshake_seconds: how long agreeing may take.
        """
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._admit = admit
        self._context = context
        self._handshake_seconds = None if context is None else handshake_seconds
        self._shutdown_seconds = None if context is None else _SHUTDOWN_SECONDS
        # By their tasks, which an event loop holds weakly.
        self._begun: dict[asyncio.Task[None], tuple[socket.socket, str | None]] = {}
        self._is_closed = False
        for each in sockets:
            self._go_on(each)

    @property
    def begun(self) -> list[str | None]:
        """From where connections have come that were not handed over yet."""
        return [address for _, address in self._begun.values()]

    def close(self) -> None:
        """Accept no more."""
        self._is_closed = True
        for each in self._sockets:
            if each.fileno() >= 0:
                self._loop.remove_reader(each)
                each.close()

    async def end(self) -> None:
        """Cut off those that have not agreed on keys."""
        begun = dict(self._begun)
        for accepted, _ in begun.values():
            _cut_off(accepted)
        await asyncio.gather(*begun, return_exceptions=True)

    def _go_on(self, listening: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                accepted, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.error("no connection can be accepted", reason=error.strerror)  # noqa: TRY400 - the reason is all
                self._loop.remove_reader(listening)
                self._loop.call_later(_PAUSE_SECONDS, self._go_on, listening)
                return
            self._take(accepted, str(peer[0]) if peer else None)

    def _take(self, accepted: socket.socket, address: str | None) -> None:
        protocol = self._admit(address, functools.partial(_cut_off, accepted))
        if protocol is None:
            accepted.close()
            return
        accepted.setblocking(False)  # noqa: FBT003 - Python's own
        task = self._loop.create_task(self._hand_over(accepted, protocol))
        self._begun[task] = (accepted, address)
        task.add_done_callback(self._begun.pop)

    async def _hand_over(self, accepted: socket.socket, protocol: asyncio.Protocol) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._handshake_seconds,
                ssl_shutdown_timeout=self._shutdown_seconds,
            )
        except OSError as error:
            # The client speaks something else, has left, or took too long.
            protocol.connection_lost(error)
        except BaseException:
            protocol.connection_lost(None)
            raise


def _cut_off(accepted: socket.socket) -> None:
    """End a connection of which the event loop has the descriptor: it will see the end."""
    try:
        accepted.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended, or has been handed over and closed since.
        return
