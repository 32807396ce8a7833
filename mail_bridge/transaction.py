"""What passes between the rooms: a message with its recipients, and who takes it from there."""

import dataclasses
from collections.abc import Sequence
from typing import Final, Protocol

from mail_bridge.smtp import Extensions, Reply

# What every server takes in one transaction (RFC 5321 section 4.5.3.1.8).
MOST_RECIPIENTS_TOGETHER: Final = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for."""

    line: bytes
    """The argument of RCPT verbatim, such as `TO:<a@b.example> NOTIFY=NEVER`."""

    address: str | None
    """The address in it, for the injector; None: one that it could not know."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A message as it came in."""

    mail: bytes
    """The argument of MAIL verbatim, such as `FROM:<a@b.example> BODY=8BITMIME`."""

    recipients: tuple[Recipient, ...]
    """At least one."""

    xforward: tuple[bytes, ...] = ()
    """The arguments of XFORWARD verbatim, one a command."""

    message: bytes = dataclasses.field(repr=False)
    """Its octets, with dots taken out; they end in CRLF unless they came by BDAT."""

    has_one_answer: bool
    """Whether the client gets one answer for all recipients (SMTP).

    Then either all of them get the message or none: whoever passes it on sends no DATA after
    a recipient was refused.
    """


class NextHopAway(Exception):
    """The next hop cannot be reached or does not speak SMTP.  The text is for the log."""


class OwnConnection(Protocol):
    """A connection to the next hop of one session alone: for AUTH, and the mail after it."""

    @property
    def is_usable(self) -> bool:
        """Whether anything can still be sent through it."""
        ...

    async def exchange(self, line: bytes) -> Reply:
        """Send a command, or a line of AUTH, without its line end; return the answer.

        Raises:
            NextHopAway: there was none.
        """
        ...

    async def close(self) -> None:
        """End it.  Never raises."""
        ...


class NextHop(Protocol):
    """The server that mail goes on to, as far as sessions in front ask it something themselves."""

    async def extensions(self) -> Extensions:
        """Return what it announces: as it said lately, or asked now.

        Raises:
            NextHopAway: nobody knows.
        """
        ...

    async def connect(self) -> OwnConnection:
        """Return a new connection, greeted.

        Raises:
            NextHopAway: there is none.
        """
        ...


class Answers(Protocol):
    """What becomes of a message for each recipient, in order."""

    async def following(self) -> Reply:
        """Return the answer for the recipient who follows, once it is known.

        The sooner a client hears of a copy that was delivered, the fewer are delivered twice when
        this process is killed.  To be asked once for each recipient.
        """
        ...

    async def give_up(self) -> Sequence[Reply]:
        """Send nothing more, and return the answers that are left: 451 where nobody knows.

        Whoever is known to have the message must not get it again; what is not on its way by
        then stays, because the client has to send it again anyway.  Never raises.
        """
        ...


class Delivery(Protocol):
    """Brings messages to the next hop, each recipient's copy with its pixel."""

    def deliver(
        self, transaction: Transaction, *, connection: OwnConnection | None = None
    ) -> Answers:
        """Return what the answers come from; whoever asks for them gives up in the end.

        Args:
            transaction: the message.
            connection: through which it goes, if the session has said by AUTH who it is.
        """
        ...
