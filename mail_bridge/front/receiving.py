"""The commands that bring a message: DATA (RFC 5321) and BDAT (RFC 3030)."""

import re
from collections.abc import Coroutine
from typing import Final

from mail_bridge.front import answers
from mail_bridge.front.envelope import OpenEnvelope
from mail_bridge.front.farewell import Farewell
from mail_bridge.front.handing_on import hand_on
from mail_bridge.front.incoming import Incoming, MuchTooLarge
from mail_bridge.front.login import Login
from mail_bridge.front.served import Served
from mail_bridge.front.wire import Wire
from mail_bridge.smtp import Reply, resembles_end

# More digits than any size has.
_CHUNK: Final = re.compile(rb"([0-9]{1,18})(?:[ \t]++(LAST))?+", re.IGNORECASE)


class Receiving:
    """Takes a message in, hands it on, and says what became of it."""

    def __init__(self, wire: Wire, served: Served, envelope: OpenEnvelope, login: Login) -> None:
        self.has_chunking_after = False
        """Whether the next hop takes messages by their size as well."""
        self._wire = wire
        self._served = served
        self._envelope = envelope
        self._login = login
        self._incoming: Incoming | None = None

    def reset(self) -> None:
        """Forget a message that has begun, and who it is for."""
        if self._incoming is not None:
            self._incoming.release()
            self._incoming = None
        self._envelope.reset()

    async def data(self, argument: bytes) -> Reply | None:
        """Receive a message that a dot ends."""
        if argument:
            return answers.ARGUMENT_WRONG
        refusal = self._refusal_of_order()
        if refusal is not None:
            return refusal
        if self._incoming is not None:
            return answers.CHUNKS_BEGUN
        self._wire.say(answers.SEND_MESSAGE)
        await self._wire.flush()
        self._incoming = self._begun()
        await self._receive(self._incoming.receive_data(self._wire))
        await self._finish(self._incoming)
        return None

    async def bdat(self, argument: bytes) -> Reply | None:
        """Receive a piece of a message, or the last one, by its size.

        Raises:
            Farewell: there is no size, so nobody knows where the next command begins; or the
                message goes on and on, as for DATA.
        """
        found = _CHUNK.fullmatch(argument)
        if found is None:
            raise Farewell(answers.CHUNK_UNKNOWN, "chunk", interrupts=True)
        refusal = self._refusal_of_order()
        # What is refused comes all the same (RFC 3030 section 2).
        incoming = self._incoming or self._begun()
        if refusal is None:
            self._incoming = incoming
        else:
            incoming.refuse(refusal)
        # What was answered so far does not wait for a message that came with its envelope.
        await self._wire.flush()
        await self._receive(incoming.receive_chunk(self._wire, int(found[1])))
        if refusal is not None or found[2] is None:
            return incoming.refusal or answers.CHUNK_OK
        await self._finish(incoming)
        return None

    def _refusal_of_order(self) -> Reply | None:
        if not self._envelope.is_open:
            return answers.MAIL_FIRST
        return None if self._envelope.recipients else answers.NO_RECIPIENTS

    def _begun(self) -> Incoming:
        return Incoming(
            max_octets=self._envelope.max_message_octets,
            budget=self._served.budget,
        )

    async def _receive(self, receiving: Coroutine[object, object, None]) -> None:
        try:
            await receiving
        except MuchTooLarge:
            self._say_to_all(answers.TOO_LARGE)
            raise Farewell(answers.NO_MESSAGE_END, "message", interrupts=True) from None

    async def _finish(self, incoming: Incoming) -> None:
        message = incoming.taken()
        refusal = incoming.refusal
        if refusal is None and not self.has_chunking_after and resembles_end(message):
            refusal = answers.END_UNCLEAR
        if refusal is not None:
            self._served.metrics.message_refused(answers.REASONS[refusal])
            self._say_to_all(refusal)
        else:
            self._served.metrics.message_received(len(message))
            await hand_on(
                self._envelope.transaction(message),
                wire=self._wire,
                delivery=self._served.delivery,
                connection=self._login.connection,
            )
        self.reset()

    def _say_to_all(self, refusal: Reply) -> None:
        count = 1 if self._envelope.has_one_answer else self._envelope.recipients
        for _ in range(count):
            self._wire.say(refusal)
