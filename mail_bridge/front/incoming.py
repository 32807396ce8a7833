"""A message while it comes in."""

import asyncio
from typing import Final

from mail_bridge.front import answers
from mail_bridge.front.budget import Budget
from mail_bridge.front.wire import Wire
from mail_bridge.smtp import DotRemover, Reply

# Between two pieces of a message (RFC 5321 section 4.5.3.2.7 has servers wait 5 minutes).
_PIECE_SECONDS: Final = 300.0

# For all of it: 50 MB need half an hour at 230 kbit/s.
_MESSAGE_SECONDS: Final = 1800.0

# What is too large is received to its end, so that the client hears why it was refused, up to
# that many times the largest message.
_MOST_TIMES_TOO_LARGE: Final = 4


class MuchTooLarge(Exception):
    """A message goes on far beyond what is taken."""


class Incoming:
    """Gathers a message's octets, within what one message may have and what all may have."""

    def __init__(self, *, max_octets: int, budget: Budget) -> None:
        self.refusal: Reply | None = None
        """Why the message is not taken; None: so far it is."""
        self._max_octets = max_octets
        self._budget = budget
        self._octets = bytearray()
        self._received = 0

    async def receive_data(self, wire: Wire) -> None:
        """Take the message from what follows DATA.

        Raises:
            Disconnected: the client has gone.
            MuchTooLarge: it sends without end.
            TimeoutError: it is too slow.
        """
        remover = DotRemover()
        rest = None
        async with asyncio.timeout(_MESSAGE_SECONDS):
            while rest is None:
                content, rest = remover.feed(await _piece(wire))
                self._add(content)
        wire.put_back(rest)

    async def receive_chunk(self, wire: Wire, size: int) -> None:
        """Take the *size* octets that follow BDAT.

        Raises:
            Disconnected, MuchTooLarge, TimeoutError: as above.
        """
        async with asyncio.timeout(_MESSAGE_SECONDS):
            while size > 0:
                piece = await _piece(wire, size)
                size -= len(piece)
                self._add(piece)

    def refuse(self, refusal: Reply) -> None:
        """Keep nothing of the message; its octets are only passed over from now on."""
        self.release()
        self._octets.clear()
        self.refusal = refusal

    def taken(self) -> bytes:
        """Return the whole message."""
        message = bytes(self._octets)
        # The message is what is held from now on, in the place of these.
        self._octets.clear()
        return message

    def release(self) -> None:
        """Give back what was held: the message is on its way, or forgotten."""
        if self.refusal is None:
            self._budget.give_back(self._received)

    def _add(self, octets: bytes) -> None:
        if self.refusal is None:
            if self._received + len(octets) > self._max_octets:
                self.refuse(answers.TOO_LARGE)
            elif not self._budget.take(len(octets)):
                self.refuse(answers.NO_ROOM)
            else:
                self._octets += octets
        self._received += len(octets)
        if self._received > _MOST_TIMES_TOO_LARGE * self._max_octets:
            raise MuchTooLarge


async def _piece(wire: Wire, most: int | None = None) -> bytes:
    if wire.is_waiting:
        return await wire.octets(most)
    async with asyncio.timeout(_PIECE_SECONDS):
        return await wire.octets(most)
