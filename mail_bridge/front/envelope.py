"""What a client has said of a message before it sends it."""

from typing import Final

from mail_bridge.front import answers
from mail_bridge.front.budget import Budget
from mail_bridge.front.protocol import FrontProtocol, SeveralRecipients
from mail_bridge.front.settings import FrontSettings
from mail_bridge.smtp import (
    Envelope,
    KeywordMissing,
    PathMalformed,
    Reply,
    parse_envelope,
)
from mail_bridge.transaction import MOST_RECIPIENTS_TOGETHER, Recipient, Transaction

# Postfix has seven attributes and puts as many on a line as 512 octets hold.
_MOST_XFORWARDS: Final = 16


class OpenEnvelope:
    """MAIL and the RCPT after it, until the message is handed on."""

    def __init__(self, settings: FrontSettings, budget: Budget) -> None:
        self.max_message_octets = settings.limits.max_message_octets
        """The largest message; the next hop's own limit may make it smaller."""
        self._settings = settings
        self._budget = budget
        self.has_one_answer = settings.protocol is FrontProtocol.SMTP
        """Whether a message has one answer for all recipients."""
        self._max_recipients = settings.limits.max_recipients
        if self.has_one_answer:
            # They share a transaction. One that the next hop cannot take is refused for all of
            # them, each time that it comes.
            self._max_recipients = min(self._max_recipients, MOST_RECIPIENTS_TOGETHER)
        self._held_octets = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._budget.give_back(self._held_octets)
        self._held_octets = 0
        self.is_open = False
        """Whether MAIL was accepted."""
        self._mail = b""
        self._recipients: list[Recipient] = []
        self._xforward: list[bytes] = []

    @property
    def recipients(self) -> int:
        """How many there are."""
        return len(self._recipients)

    def mail(self, argument: bytes) -> Reply:
        """Begin with the sender."""
        if self.is_open:
            return answers.MAIL_IS_OPEN
        try:
            envelope = parse_envelope(argument, b"FROM:")
        except KeywordMissing:
            return answers.MAIL_SYNTAX
        except PathMalformed:
            return answers.SENDER_WRONG
        refusal = self._refusal_of_size(envelope)
        if refusal is not None:
            return refusal
        self.is_open = True
        self._mail = argument
        return answers.SENDER_OK

    def rcpt(self, argument: bytes) -> Reply:
        """Add a recipient."""
        if not self.is_open:
            return answers.MAIL_FIRST
        try:
            envelope = parse_envelope(argument, b"TO:")
        except KeywordMissing:
            return answers.RCPT_SYNTAX
        except PathMalformed:
            return answers.RECIPIENT_WRONG
        refusal = answers.RECIPIENT_WRONG if not envelope.path else self._refusal_of_one_more()
        if refusal is not None:
            return refusal
        if not self._hold(argument):
            return answers.NO_ROOM
        self._recipients.append(Recipient(argument, envelope.address))
        return answers.RECIPIENT_OK

    def xforward(self, argument: bytes) -> Reply:
        """Note where the message came from, for the next hop."""
        if self.is_open:
            return answers.MAIL_IS_OPEN
        attributes = argument.split()
        if not attributes or not all(b"=" in each for each in attributes):
            return answers.XFORWARD_SYNTAX
        if len(self._xforward) == _MOST_XFORWARDS or not self._hold(argument):
            return answers.NO_ROOM
        self._xforward.append(argument)
        return answers.OK

    def transaction(self, message: bytes) -> Transaction:
        """Return everything, with the *message*; MAIL and RCPT were accepted."""
        return Transaction(
            mail=self._mail,
            recipients=tuple(self._recipients),
            xforward=tuple(self._xforward),
            message=message,
            has_one_answer=self.has_one_answer,
        )

    def _hold(self, argument: bytes) -> bool:
        """Return whether there is room for *argument*: a thousand long ones are megabytes."""
        if not self._budget.take(len(argument)):
            return False
        self._held_octets += len(argument)
        return True

    def _refusal_of_one_more(self) -> Reply | None:
        """Return why there cannot be another recipient; or None."""
        waits = self._settings.several_recipients is SeveralRecipients.DEFER
        if self._recipients and self.has_one_answer and waits:
            return answers.ALONE_PLEASE
        if self.recipients >= self._max_recipients:
            return answers.TOO_MANY_RECIPIENTS
        return None

    def _refusal_of_size(self, envelope: Envelope) -> Reply | None:
        """Return why a message of the size that MAIL says is not taken (RFC 1870); or None."""
        said = envelope.parameters.get(b"SIZE")
        if said is None:
            return None
        if not said.isdigit():
            return answers.SIZE_SYNTAX
        # As text first: a number of thousands of digits takes long to read.
        if len(said) > len(str(self.max_message_octets)) or int(said) > self.max_message_octets:
            return answers.TOO_LARGE
        return None if self._budget.has(int(said)) else answers.NO_ROOM
