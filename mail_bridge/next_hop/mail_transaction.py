"""One mail transaction: MAIL, RCPT for each recipient, and the message (RFC 5321 section 3.3).

As much of it goes out together as the next hop allows (RFC 2920).  What it refuses is the answer
for whom it refuses; what nobody expects of a server ends the transaction, and the connection.
"""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from mail_bridge.next_hop.copy import AWAY, Copy
from mail_bridge.next_hop.protocol import NextHopProtocol
from mail_bridge.next_hop.server import NextHopServer
from mail_bridge.next_hop.wire import Wire
from mail_bridge.smtp import Extensions, Piece, Reply, parse_envelope, resembles_end
from mail_bridge.transaction import NextHopAway

# "Start mail input".
_GO_ON: Final = 354

# "Requested action aborted: error in processing".
_TRY_AGAIN: Final = 451

_REFUSALS: Final = (4, 5)

# Of the syntax of parameters, of one that is not implemented or not known (RFC 5321 section 4.2.2).
_OF_PARAMETERS: Final = (501, 504, 555)

# The client asks again what is announced, and says or does without.
_NOT_NOW: Final = Reply(_TRY_AGAIN, (b"4.3.0 The next hop announces something else now",))

_KEYWORDS: Final = {b"MAIL": b"FROM:", b"RCPT": b"TO:"}


class Closing(NextHopAway):
    """The next hop is about to close the connection, and says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__("is closing the connection")
        # A client that is told 421 itself would take it for the end of its own connection, and
        # would not hear what became of the other recipients.
        self.reply = Reply(_TRY_AGAIN, reply.lines)


class MailTransaction:
    """Sends one copy over a connection."""

    def __init__(
        self,
        copy: Copy,
        *,
        wire: Wire,
        extensions: Extensions,
        server: NextHopServer,
        deadline: float,
    ) -> None:
        self.has_begun_message = False
        """Whether octets of the message are on their way, which may be delivered then."""
        self.is_complete = False
        """Whether the next hop has answered for the message, and forgotten the transaction."""
        self.is_mail_deferred = False
        """Whether the next hop takes no message now, or none more over this connection."""
        self.failure: NextHopAway | None = None
        """Why it ended early, if it did."""
        self._copy = copy
        copy.forget_answers()
        self._wire = wire
        self._server = server
        self._deadline = deadline
        self._extensions = extensions
        self._is_pipelined = b"PIPELINING" in extensions
        # What DATA cannot carry goes by BDAT (RFC 3030), and nothing else, because that is what
        # more servers get right.
        self._is_chunked = b"CHUNKING" in extensions and not copy.message.is_text
        self._must_wait = self._is_chunked or (copy.all_or_none and len(copy.recipients) > 1)

    def replies(self) -> Sequence[Reply]:
        """Return the answer for each recipient."""
        failure = self.failure
        return self._copy.replies(failure.reply if isinstance(failure, Closing) else AWAY)

    async def run(self, *, reset: bool) -> None:
        """Send it; *reset* what the connection was used for before.

        Raises:
            NextHopAway: the answers are not known that are None.
        """
        if not self._is_chunked and self._has_false_end():
            raise NextHopAway("no longer takes messages by their size")
        has_data = self._is_pipelined and not self._must_wait
        data = await self._send_envelope(reset=reset, has_data=has_data)
        accepted = [place for place, answer in enumerate(self._copy.answers) if answer is None]
        if not accepted:
            if data is not None and data.code == _GO_ON:
                # It waits for a message to nobody (RFC 2920 section 3.1).
                raise NextHopAway("takes a message without recipients")
            return
        if data is None and not self._is_chunked:
            (data,) = await self._ask([b"DATA"])
        if data is not None and data.code != _GO_ON:
            self._answer(accepted, _refusal("DATA", data))
            return
        await self._send_message(accepted)

    def _has_false_end(self) -> bool:
        """Return whether a server might take what DATA carries for ended too early.

        Such messages are refused in front where the next hop has no CHUNKING.  It may have had it
        by then, and what is taken out of a message may bring a dot to a lone CR or LF.
        """
        message = self._copy.message
        return not message.is_text and resembles_end(b"".join(message.pieces(self._copy.changes)))

    async def _send_envelope(self, *, reset: bool, has_data: bool) -> Reply | None:
        """Send all commands but DATA, or with it; return the reply to that."""
        resets = [b"RSET"] * reset
        xforward = [b"XFORWARD " + each for each in self._copy.xforward]
        recipients = [b"RCPT " + each for each in self._copy.recipients]
        commands = [*resets, *xforward, b"MAIL " + self._copy.mail, *recipients]
        replies = await self._ask([*commands, *[b"DATA"] * has_data])
        for reply in replies[: len(resets)]:
            if not reply.is_positive:
                raise NextHopAway(f"answers RSET with {reply.code}")
        # What is said of XFORWARD changes nothing: it only tells the next hop's log and rules
        # where mail came from.
        mail, *of_recipients = replies[len(resets) + len(xforward) : len(commands)]
        self.is_mail_deferred = mail.is_deferral
        for place, reply in enumerate(of_recipients):
            if not mail.is_positive:
                self._copy.answers[place] = self._refusal_of(b"MAIL", self._copy.mail, mail)
            elif not reply.is_positive:
                line = self._copy.recipients[place]
                self._copy.answers[place] = self._refusal_of(b"RCPT", line, reply)
        if self._copy.all_or_none:
            self._refuse_all()
        return replies[-1] if has_data else None

    def _refusal_of(self, verb: bytes, argument: bytes, reply: Reply) -> Reply:
        """Return what *reply* refuses: a parameter that was announced earlier is none for good."""
        refusal = _refusal(verb.decode(), reply)
        if refusal.code not in _OF_PARAMETERS:
            return refusal
        envelope = parse_envelope(argument, _KEYWORDS[verb])
        return _NOT_NOW if self._extensions.lack(envelope.parameters) else refusal

    def _refuse_all(self) -> None:
        """Give everybody the answer of whoever is refused: the first that may be taken later."""
        refused = sorted(filter(None, self._copy.answers), key=lambda each: each.code // 100)
        if refused:
            self._copy.answers[:] = [refused[0]] * len(self._copy.answers)

    async def _send_message(self, accepted: Sequence[int]) -> None:
        is_lmtp = self._server.protocol is NextHopProtocol.LMTP
        finals = len(accepted) if is_lmtp else 1
        self.has_begun_message = True
        try:
            await self._wire.send(
                self._message_pieces(),
                replies=finals,
                timeout_seconds=self._seconds(),
            )
        except NextHopAway:
            # A server that cannot take all of a message may say so before it has come.
            if self._wire.unasked is not None:
                self._answer(accepted, _refusal("a part of a message", self._wire.unasked))
            raise
        for nth in range(finals):
            reply = await self._wire.reply(self._left())
            final = reply if reply.is_positive else _refusal("a message", reply)
            self._answer(accepted[nth : nth + 1] if is_lmtp else accepted, final)
        self.is_complete = True

    def _message_pieces(self) -> Iterator[Piece]:
        message, changes = self._copy.message, self._copy.changes
        if not self._is_chunked:
            return message.stuffed_pieces(changes)
        octets = sum(len(each) for each in message.pieces(changes))
        return itertools.chain([b"BDAT %d LAST\r\n" % octets], message.pieces(changes))

    def _seconds(self) -> float:
        """Return for how long to wait for something that is done before a message has ended."""
        return min(self._server.timeout_seconds, self._left())

    def _left(self) -> float:
        return max(self._deadline - asyncio.get_running_loop().time(), 0.0)

    def _answer(self, places: Sequence[int], reply: Reply) -> None:
        for place in places:
            self._copy.answers[place] = reply

    async def _ask(self, commands: Sequence[bytes]) -> Sequence[Reply]:
        """Return the answers to *commands*, none of which ends the connection."""
        together = [commands] if self._is_pipelined else [[each] for each in commands]
        replies: list[Reply] = []
        for each in together:
            self._wire.ask(b"".join(b"%b\r\n" % line for line in each), replies=len(each))
            for _ in each:
                reply = await self._wire.reply(self._seconds())
                if reply.is_closing:
                    raise Closing(reply)
                replies.append(reply)
        return replies


def _refusal(what: str, reply: Reply) -> Reply:
    """Return *reply* if it refuses something, as it was said.

    Raises:
        NextHopAway: it ends the connection, or means nothing here.
    """
    if reply.is_closing:
        raise Closing(reply)
    if reply.code // 100 not in _REFUSALS:
        raise NextHopAway(f"answers {what} with {reply.code}")
    return reply
